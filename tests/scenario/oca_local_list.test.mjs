// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: the local authorization list.
import assert from 'node:assert/strict';
import { theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const { operator, connect } = theStage();
const full = (listVersion, ...tags) => ({
  listVersion, localAuthorizationList: tags.map((idTag) => ({ idTag, idTagInfo: { status: 'Accepted' } })), updateType: 'Full',
});

for (const [number, listVersion] of [['TC_042_1_CSMS', -1], ['TC_042_2_CSMS', 0]]) {
  theCase(number, async (id) => {
    const station = await connect(id, { GetLocalListVersion: { listVersion } });
    assert.deepEqual(await operator.sends(station, 'GetLocalListVersion'), { listVersion });
    await station.close();
  });
}

for (const [number, status] of [['TC_043_1_CSMS', 'NotSupported'], ['TC_043_3_CSMS', 'Failed'], ['TC_043_4_CSMS', 'Accepted']]) {
  theCase(number, async (id) => {
    const station = await connect(id, { SendLocalList: { status } });
    assert.deepEqual(await operator.sends(station, 'SendLocalList', full(1, 'CARD1')), { status });
    await station.close();
  });
}

theCase('TC_043_5_CSMS', async (id) => {
  const station = await connect(id, { SendLocalList: { status: 'Accepted' }, GetLocalListVersion: { listVersion: 1 } });
  await operator.sends(station, 'SendLocalList', full(1, 'CARD1'));
  assert.deepEqual(await operator.sends(station, 'GetLocalListVersion'), { listVersion: 1 });
  const change = { ...full(2, 'CARD2'), updateType: 'Differential' };
  change.localAuthorizationList.push({ idTag: 'CARD1' }); // no idTagInfo: is to be removed (OCPP 1.6 §7.1)
  assert.deepEqual(await operator.sends(station, 'SendLocalList', change), { status: 'Accepted' });
  await station.close();
});
