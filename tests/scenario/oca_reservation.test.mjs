// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: reservations.
import assert from 'node:assert/strict';
import { now, theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const { operator, connect } = theStage();
const reservation = (connectorId, reservationId, more = {}) => ({ connectorId, expiryDate: now(300), idTag: 'CARD1', reservationId, ...more });
const reserve = async (station, wish, status = 'Accepted') => {
  station.answers.ReserveNow = { status };
  assert.deepEqual(await operator.sends(station, 'ReserveNow', wish), { status });
};
/** The token that holds the reservation starts. */
const uses = async (station, connectorId, idTag, reservationId) => {
  assert.equal((await station.authorizes(idTag)).status, 'Accepted');
  const { transactionId, idTagInfo } = await station.starts(connectorId, idTag, { reservationId });
  assert.equal(idTagInfo.status, 'Accepted');
  await station.reports(connectorId, 'Charging');
  assert.equal((await operator.session(station)).transaction_id, transactionId);
};

theCase('TC_046_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  await reserve(station, reservation(1, 46));
  await station.reports(1, 'Reserved');
  assert.equal((await operator.connector(station, 1)).status, 'Reserved');
  await uses(station, 1, 'CARD1', 46);
  await station.close();
});

theCase('TC_047_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  await reserve(station, reservation(1, 47, { expiryDate: now(2) }));
  await station.reports(1, 'Reserved');
  await station.reports(1, 'Available', { timestamp: now(3) });
  assert.equal((await operator.connector(station, 1)).status, 'Available');
  await station.close();
});

for (const [number, before_, status] of [
  ['TC_048_1_CSMS', ['Faulted', { errorCode: 'OtherError' }], 'Faulted'],
  ['TC_048_2_CSMS', ['Preparing'], 'Occupied'],
  ['TC_048_3_CSMS', ['Unavailable'], 'Unavailable'],
  ['TC_048_4_CSMS', ['Available'], 'Rejected'],
]) {
  theCase(number, async (id) => {
    const station = await connect(id);
    await station.isAvailable();
    await station.reports(1, ...before_);
    await reserve(station, reservation(1, 48), status);
    await station.close();
  });
}

theCase('TC_049_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  await reserve(station, reservation(0, 49));
  await station.reports(0, 'Reserved');
  await uses(station, 2, 'CARD1', 49);
  await station.close();
});

for (const [number, status, after_] of [['TC_051_CSMS', 'Accepted', 'Available'], ['TC_052_CSMS', 'Rejected', 'Reserved']]) {
  theCase(number, async (id) => {
    const station = await connect(id, { CancelReservation: { status } });
    await station.isAvailable();
    await reserve(station, reservation(1, 51));
    await station.reports(1, 'Reserved');
    assert.deepEqual(await operator.sends(station, 'CancelReservation', { reservationId: 51 }), { status });
    await station.reports(1, after_);
    assert.equal((await operator.connector(station, 1)).status, after_);
    await station.close();
  });
}

theCase('TC_053_CSMS', async (id) => {
  await operator.token('FAMILY');
  for (const uid of ['CHILD1', 'CHILD2']) await operator.token(uid, { parent_uid: 'FAMILY' });
  const station = await connect(id);
  await station.isAvailable();
  await reserve(station, reservation(1, 53, { idTag: 'CHILD1', parentIdTag: 'FAMILY' }));
  await station.reports(1, 'Reserved');
  assert.equal((await station.authorizes('CHILD2')).parentIdTag, 'FAMILY', 'so the station can tell that they are one family');
  await uses(station, 1, 'CHILD2', 53);
  await station.close();
});
