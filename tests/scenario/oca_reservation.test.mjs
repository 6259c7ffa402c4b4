// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: reservations.
import assert from 'node:assert/strict';
import { until } from './lib.mjs';
import { now, theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const { operator, connect } = theStage();
/** The operator reserves, the station says `status`; the reservation as it is kept. */
async function reserve(station, connector_id, status = 'Accepted', { token_uid = 'CARD1', expires_at = now(300) } = {}) {
  station.answers.ReserveNow = { status };
  const wish = { station_id: station.id, connector_id, token_uid, expires_at };
  const { status: code, body } = await operator.api('POST', '/v1/reservations', wish);
  const { connectorId, expiryDate, idTag, reservationId } = await station.hears('ReserveNow', station.heard.filter((h) => h.action === 'ReserveNow').length);
  assert.deepEqual([connectorId, expiryDate, idTag], [connector_id, expires_at, token_uid]);
  if (status === 'Accepted') assert.deepEqual([code, body.id, body.state], [201, reservationId, 'active'], JSON.stringify(body));
  else assert.deepEqual([code, body.code], [409, 'reservation-refused'], JSON.stringify(body));
  const kept = await operator.reads(`/v1/reservations/${reservationId}`);
  assert.equal(kept.answer, status);
  return kept;
}
/** A token that may use the reservation starts. */
async function uses(station, connectorId, idTag, reservationId) {
  assert.equal((await station.authorizes(idTag)).status, 'Accepted');
  const { transactionId, idTagInfo } = await station.starts(connectorId, idTag, { reservationId, timestamp: now() });
  assert.equal(idTagInfo.status, 'Accepted');
  await station.reports(connectorId, 'Charging');
  const session = await operator.session(station), used = await operator.reads(`/v1/reservations/${reservationId}`);
  assert.deepEqual([session.transaction_id, used.state, used.session_id], [transactionId, 'used', session.id]);
}

theCase('TC_046_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  const reservation = await reserve(station, 1);
  await station.reports(1, 'Reserved');
  assert.equal((await operator.connector(station, 1)).status, 'Reserved');
  await uses(station, 1, 'CARD1', reservation.id);
  await station.close();
});

theCase('TC_047_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  const reservation = await reserve(station, 1, 'Accepted', { expires_at: now(2) });
  await station.reports(1, 'Reserved');
  await until('it to run out', async () => (await operator.reads(`/v1/reservations/${reservation.id}`)).state === 'expired', 90000);
  await station.reports(1, 'Available');
  assert.equal((await operator.connector(station, 1)).status, 'Available');
  await station.close();
});

for (const [number, was, status] of [
  ['TC_048_1_CSMS', ['Faulted', { errorCode: 'OtherError' }], 'Faulted'],
  ['TC_048_2_CSMS', ['Preparing'], 'Occupied'],
  ['TC_048_3_CSMS', ['Unavailable'], 'Unavailable'],
  ['TC_048_4_CSMS', ['Available'], 'Rejected'],
]) {
  theCase(number, async (id) => {
    const station = await connect(id);
    await station.isAvailable();
    await station.reports(1, ...was);
    assert.equal((await reserve(station, 1, status)).state, 'refused');
    await station.close();
  });
}

theCase('TC_049_CSMS', async (id) => {
  const station = await connect(id, { GetConfiguration: { configurationKey: [{ key: 'ReserveConnectorZeroSupported', readonly: true, value: 'true' }] } });
  await station.isAvailable();
  const reservation = await reserve(station, 0);
  await station.reports(0, 'Reserved');
  await uses(station, 2, 'CARD1', reservation.id);
  await station.close();
});

theCase('TC_051_CSMS', async (id) => {
  const station = await connect(id, { CancelReservation: { status: 'Accepted' } });
  await station.isAvailable();
  const reservation = await reserve(station, 1);
  await station.reports(1, 'Reserved');
  assert.equal((await operator.api('DELETE', `/v1/reservations/${reservation.id}`)).status, 204);
  assert.deepEqual(await station.hears('CancelReservation'), { reservationId: reservation.id });
  assert.equal((await operator.reads(`/v1/reservations/${reservation.id}`)).state, 'cancelled');
  await station.reports(1, 'Available');
  await station.close();
});

theCase('TC_052_CSMS', async (id) => {
  const station = await connect(id, { CancelReservation: { status: 'Rejected' } });
  await station.isAvailable();
  const reservationId = 2147480000; // none that we know of: by hand
  assert.deepEqual(await operator.sends(station, 'CancelReservation', { reservationId }), { status: 'Rejected' });
  await station.close();
});

theCase('TC_053_CSMS', async (id) => {
  await operator.token('FAMILY');
  for (const uid of ['CHILD1', 'CHILD2']) await operator.token(uid, { parent_uid: 'FAMILY' });
  const station = await connect(id);
  await station.isAvailable();
  const reservation = await reserve(station, 1, 'Accepted', { token_uid: 'CHILD1' });
  assert.equal((await station.hears('ReserveNow')).parentIdTag, 'FAMILY');
  await station.reports(1, 'Reserved');
  assert.equal((await station.authorizes('CHILD2')).parentIdTag, 'FAMILY', 'so the station can tell that they are one family');
  await uses(station, 1, 'CHILD2', reservation.id);
  await station.close();
});
