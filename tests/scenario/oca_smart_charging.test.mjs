// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: smart charging.
import assert from 'node:assert/strict';
import { now, theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const { operator, connect } = theStage();
const accepted = { status: 'Accepted' };
const profile = (chargingProfileId, chargingProfilePurpose, more = {}) => ({
  chargingProfileId, ...more, stackLevel: 0, chargingProfilePurpose, chargingProfileKind: 'Absolute',
  chargingSchedule: { duration: 3600, startSchedule: now(120), chargingRateUnit: 'W', chargingSchedulePeriod: [{ startPeriod: 0, limit: 6000.5, numberPhases: 3 }] },
});

const kept = async (station) => (await operator.reads(`/v1/stations/${station.id}/charging-profiles`)).items;
/** The operator sets a profile; the station hears it so, and it is kept. */
async function sets(station, connector_id, purpose, more = {}) {
  const schedule = { unit: 'W', duration_s: 3600, start_at: now(120), periods: [{ start_s: 0, limit: 6000.5, phases: 3 }] };
  const nth = station.heard.filter((call) => call.action === 'SetChargingProfile').length + 1;
  const { status, body } = await operator.api('POST', `/v1/stations/${station.id}/charging-profiles`,
    { connector_id, stack_level: 0, purpose, kind: 'Absolute', schedule, ...more });
  assert.equal(status, 201, JSON.stringify(body));
  const { connectorId, csChargingProfiles: told } = await station.hears('SetChargingProfile', nth);
  assert.deepEqual([connectorId, told.chargingProfileId, told.chargingProfilePurpose, told.transactionId], [connector_id, body.id, purpose, more.transaction_id]);
  assert.deepEqual(told.chargingSchedule, { duration: 3600, startSchedule: schedule.start_at, chargingRateUnit: 'W',
    chargingSchedulePeriod: [{ startPeriod: 0, limit: 6000.5, numberPhases: 3 }] });
  assert.ok((await kept(station)).some((p) => p.id === body.id));
  return body.id;
}

theCase('TC_056_CSMS', async (id) => {
  const station = await connect(id, { SetChargingProfile: accepted });
  await sets(station, 1, 'TxDefaultProfile');
  await station.close();
});

theCase('TC_057_CSMS', async (id) => {
  const station = await connect(id, { SetChargingProfile: accepted });
  const transaction_id = await station.isCharging(1, 'CARD1');
  await sets(station, 1, 'TxProfile', { transaction_id });
  await station.close();
});

theCase('TC_059_CSMS', async (id) => {
  const station = await connect(id, { RemoteStartTransaction: accepted });
  await station.isAvailable();
  const wish = { connectorId: 1, idTag: 'CARD1', chargingProfile: profile(59, 'TxProfile') };
  assert.deepEqual(await operator.sends(station, 'RemoteStartTransaction', wish), accepted);
  await station.isCharging(1, 'CARD1');
  await station.close();
});

theCase('TC_066_CSMS', async (id) => {
  const schedule = { status: 'Accepted', connectorId: 1, scheduleStart: now(), chargingSchedule: profile(66, 'TxDefaultProfile').chargingSchedule };
  const station = await connect(id, { SetChargingProfile: accepted, GetCompositeSchedule: schedule });
  await operator.sends(station, 'SetChargingProfile', { connectorId: 1, csChargingProfiles: profile(66, 'TxDefaultProfile') });
  const wish = { connectorId: 1, duration: 300, chargingRateUnit: 'W' };
  assert.deepEqual(await operator.sends(station, 'GetCompositeSchedule', wish), schedule);
  await station.close();
});

theCase('TC_067_CSMS', async (id) => {
  const station = await connect(id, { SetChargingProfile: accepted, ClearChargingProfile: accepted });
  const transaction_id = await station.isCharging(1, 'CARD1');
  const most = await sets(station, 0, 'ChargePointMaxProfile');
  await sets(station, 1, 'TxDefaultProfile');
  await sets(station, 1, 'TxProfile', { transaction_id });
  for (const [which, left] of [
    [{ id: most }, ['TxDefaultProfile', 'TxProfile']],
    [{ connectorId: 1, chargingProfilePurpose: 'TxDefaultProfile', stackLevel: 0 }, ['TxProfile']],
    [{}, []],
  ]) {
    assert.deepEqual(await operator.sends(station, 'ClearChargingProfile', which), accepted);
    assert.deepEqual((await kept(station)).map((p) => p.purpose).sort(), left);
  }
  await station.close();
});
