// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: boot, sessions, authorization, what happened offline, data transfer.
import assert from 'node:assert/strict';
import { until } from './lib.mjs';
import { now, theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const { operator, connect } = theStage({
  prepare: async () => {
    await operator.token('OLD', { expires_at: now(-3600) });
    await operator.token('STOLEN', { status: 'blocked' });
  },
});

theCase('TC_001_CSMS', async (id) => {
  const station = await connect(id);
  const boot = await station.boots({ chargePointSerialNumber: 'SN-1', firmwareVersion: '2.1' });
  assert.equal(boot.status, 'Accepted');
  assert.ok(boot.interval > 0);
  assert.ok(Math.abs(Date.parse(boot.currentTime) - Date.now()) < 30000);
  for (const connector of [0, 1, 2]) assert.deepEqual(await station.reports(connector, 'Available'), {});
  for (let i = 0; i < 2; i++) assert.ok(Math.abs(Date.parse((await station.beats()).currentTime) - Date.now()) < 30000);
  await station.close();
  const seen = await operator.reads(`/v1/stations/${id}`);
  assert.equal(seen.serial_number, 'SN-1');
  assert.equal(seen.firmware_version, '2.1');
  assert.deepEqual(seen.connectors.filter((c) => c.connector_id > 0).map((c) => c.status), ['Available', 'Available']);
});

/** The session as the operator sees it, while it is open and once it has ended. */
async function chargedAndStopped(station, connector, transactionId) {
  const open = await operator.session(station);
  assert.equal(open.state, 'open');
  assert.equal(open.transaction_id, transactionId);
  assert.equal(open.connector_id, connector);
  await station.samples(connector, transactionId, 2500);
  await station.endsCharging(connector, transactionId, 'Local');
  const ended = await operator.session(station);
  assert.equal(ended.state, 'ended');
  assert.equal(ended.energy_wh, 3000);
  assert.equal(ended.sample_count, 1);
  await station.close();
}

theCase('TC_003_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  await station.reports(1, 'Preparing');
  assert.equal((await operator.connector(station, 1)).status, 'Preparing');
  assert.equal((await station.authorizes('CARD1')).status, 'Accepted');
  const { transactionId, idTagInfo } = await station.starts(1, 'CARD1');
  assert.equal(idTagInfo.status, 'Accepted');
  await station.reports(1, 'Charging');
  await chargedAndStopped(station, 1, transactionId);
});

theCase('TC_004_1_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  assert.equal((await station.authorizes('CARD1')).status, 'Accepted');
  await station.reports(2, 'Preparing');
  const { transactionId, idTagInfo } = await station.starts(2, 'CARD1');
  assert.equal(idTagInfo.status, 'Accepted');
  await station.reports(2, 'Charging');
  await chargedAndStopped(station, 2, transactionId);
});

theCase('TC_004_2_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  assert.equal((await station.authorizes('CARD1')).status, 'Accepted');
  await station.reports(1, 'Preparing');
  await station.reports(1, 'Available', { timestamp: now(5) });
  assert.equal((await operator.connector(station, 1)).status, 'Available');
  assert.deepEqual(await operator.sessions(station), [], 'no cable, no session');
  await station.close();
});

theCase('TC_005_1_CSMS', async (id) => {
  const station = await connect(id);
  const transactionId = await station.isCharging(1, 'CARD1');
  await station.reports(1, 'SuspendedEV');
  assert.equal((await station.stops(transactionId, { reason: 'EVDisconnected', idTag: 'CARD1' })).idTagInfo.status, 'Accepted');
  await station.reports(1, 'Finishing');
  await station.reports(1, 'Available');
  const session = await operator.session(station);
  assert.deepEqual([session.state, session.stop_reason], ['ended', 'EVDisconnected']);
  await station.close();
});

theCase('TC_007_CSMS', async (id) => {
  const station = await connect(id);
  await station.reports(1, 'Preparing');
  const { transactionId, idTagInfo } = await station.starts(1, 'CARD1'); // known from its cache: nothing was asked
  assert.equal(idTagInfo.status, 'Accepted');
  await station.reports(1, 'Charging');
  await chargedAndStopped(station, 1, transactionId);
});

for (const [number, tag, status] of [
  ['TC_023_1_CSMS', 'STRANGER', 'Invalid'],
  ['TC_023_2_CSMS', 'OLD', 'Expired'],
  ['TC_023_3_CSMS', 'STOLEN', 'Blocked'],
]) {
  theCase(number, async (id) => {
    const station = await connect(id);
    await station.reports(1, 'Preparing');
    assert.equal((await station.authorizes(tag)).status, status);
    await station.reports(1, 'Available');
    assert.deepEqual(await operator.sessions(station), []);
    await station.close();
  });
}

theCase('TC_024_CSMS', async (id) => {
  const station = await connect(id);
  assert.equal((await station.authorizes('CARD1')).status, 'Accepted');
  await station.reports(1, 'Preparing');
  await station.reports(1, 'Faulted', { errorCode: 'ConnectorLockFailure', info: 'bolt' });
  const connector = await operator.connector(station, 1);
  assert.deepEqual([connector.status, connector.error_code, connector.info], ['Faulted', 'ConnectorLockFailure', 'bolt']);
  await station.close();
});

theCase('TC_032_1_CSMS', async (id) => {
  const station = await connect(id);
  await station.isAvailable();
  const transactionId = await station.isCharging(1, 'CARD1');
  await station.dies();
  await until('busbard to notice', async () => !(await operator.reads(`/v1/stations/${id}`)).online);
  assert.equal((await operator.session(station)).state, 'open', 'a lost link ends nothing');
  await station.reconnect();
  assert.equal((await station.boots()).status, 'Accepted');
  await station.reports(0, 'Available');
  await station.reports(1, 'Finishing');
  await station.reports(2, 'Available');
  await station.stops(transactionId, { reason: 'PowerLoss' });
  const session = await operator.session(station);
  assert.deepEqual([session.state, session.stop_reason, session.energy_wh], ['ended', 'PowerLoss', 3000]);
  await station.close();
});

const hours = 3600;

theCase('TC_037_1_CSMS', async (id) => {
  const station = await connect(id), timestamp = now(-4 * hours);
  const { transactionId, idTagInfo } = await station.starts(1, 'CARD1', { timestamp });
  assert.equal(idTagInfo.status, 'Accepted');
  await station.reports(1, 'Charging', { timestamp });
  const session = await operator.session(station);
  assert.deepEqual([session.state, session.started_at, session.transaction_id], ['open', timestamp, transactionId]);
  await station.close();
});

theCase('TC_037_3_CSMS', async (id) => {
  const station = await connect(id), timestamp = now(-4 * hours);
  const { transactionId, idTagInfo } = await station.starts(1, 'STRANGER', { timestamp });
  assert.ok(transactionId > 0, 'the energy flowed: it is a session all the same');
  assert.equal(idTagInfo.status, 'Invalid');
  await station.reports(1, 'Charging', { timestamp });
  await station.stops(transactionId, { reason: 'DeAuthorized' });
  await station.reports(1, 'Finishing');
  const session = await operator.session(station);
  assert.equal(session.stop_reason, 'DeAuthorized');
  assert.equal(session.state, 'review', 'nobody is billed for it by itself');
  await station.close();
});

theCase('TC_039_CSMS', async (id) => {
  const station = await connect(id);
  const { transactionId, idTagInfo } = await station.starts(1, 'CARD1', { timestamp: now(-4 * hours) });
  assert.equal(idTagInfo.status, 'Accepted');
  const ended = now(-3 * hours);
  await station.stops(transactionId, { timestamp: ended });
  const session = await operator.session(station);
  assert.deepEqual([session.state, session.ended_at, session.energy_wh], ['ended', ended, 3000]);
  await station.close();
});

theCase('TC_064_CSMS', async (id) => {
  const station = await connect(id);
  const { status } = await station.call('DataTransfer', { vendorId: 'com.example', messageId: 'hello', data: 'load=7' });
  assert.equal(status, 'UnknownVendorId');
  assert.deepEqual(operator.busbar.sql(`select vendor_id, message_id, data from ocpp16.data_transfer where station_id = '${id}'`),
    [['com.example', 'hello', '"load=7"']]);
  await station.close();
});
