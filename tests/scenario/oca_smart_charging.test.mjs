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

theCase('TC_056_CSMS', async (id) => {
  const station = await connect(id, { SetChargingProfile: accepted });
  assert.deepEqual(await operator.sends(station, 'SetChargingProfile', { connectorId: 1, csChargingProfiles: profile(56, 'TxDefaultProfile') }), accepted);
  await station.close();
});

theCase('TC_057_CSMS', async (id) => {
  const station = await connect(id, { SetChargingProfile: accepted });
  const transactionId = await station.isCharging(1, 'CARD1');
  const csChargingProfiles = profile(57, 'TxProfile', { transactionId });
  assert.deepEqual(await operator.sends(station, 'SetChargingProfile', { connectorId: 1, csChargingProfiles }), accepted);
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
  const transactionId = await station.isCharging(1, 'CARD1');
  for (const [connectorId, csChargingProfiles] of [
    [0, profile(1, 'ChargePointMaxProfile')], [1, profile(2, 'TxDefaultProfile')], [1, profile(3, 'TxProfile', { transactionId })],
  ]) {
    assert.deepEqual(await operator.sends(station, 'SetChargingProfile', { connectorId, csChargingProfiles }), accepted);
  }
  for (const which of [{ id: 1 }, { connectorId: 1, chargingProfilePurpose: 'TxDefaultProfile', stackLevel: 0 }, {}]) {
    assert.deepEqual(await operator.sends(station, 'ClearChargingProfile', which), accepted);
  }
  await station.close();
});
