// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: remote start and stop, reset, unlock, trigger.
import assert from 'node:assert/strict';
import { until } from './lib.mjs';
import { now, theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const { operator, connect } = theStage();
const accepted = { status: 'Accepted' }, rejected = { status: 'Rejected' };
const remoteStart = (station) => operator.sends(station, 'RemoteStartTransaction', { connectorId: 1, idTag: 'CARD1' });

theCase('TC_010_CSMS', async (id) => {
  const station = await connect(id, { RemoteStartTransaction: accepted });
  await station.reports(1, 'Preparing');
  assert.deepEqual(await remoteStart(station), accepted);
  const transactionId = await station.isCharging(1, 'CARD1');
  assert.equal((await operator.session(station)).transaction_id, transactionId);
  await operator.sees(station, 'RemoteStartTransaction', 'succeeded');
  await station.close();
});

theCase('TC_011_1_CSMS', async (id) => {
  const station = await connect(id, { RemoteStartTransaction: accepted });
  await station.isAvailable();
  assert.deepEqual(await remoteStart(station), accepted);
  const transactionId = await station.isCharging(1, 'CARD1');
  assert.equal((await operator.session(station)).transaction_id, transactionId);
  await operator.sees(station, 'RemoteStartTransaction', 'succeeded');
  await station.close();
});

theCase('TC_011_2_CSMS', async (id) => {
  const station = await connect(id, { RemoteStartTransaction: accepted });
  await station.isAvailable();
  assert.deepEqual(await remoteStart(station), accepted);
  assert.equal((await station.authorizes('CARD1')).status, 'Accepted');
  await station.reports(1, 'Preparing');
  await station.reports(1, 'Available', { timestamp: now(5) });
  assert.deepEqual(await operator.sessions(station), []);
  assert.equal((await operator.connector(station, 1)).status, 'Available');
  await station.close();
});

theCase('TC_012_CSMS', async (id) => {
  const station = await connect(id, { RemoteStopTransaction: accepted });
  const transactionId = await station.isCharging(1, 'CARD1');
  assert.deepEqual(await operator.sends(station, 'RemoteStopTransaction', { transactionId }), accepted);
  await station.endsCharging(1, transactionId, 'Remote');
  const session = await operator.session(station);
  assert.deepEqual([session.state, session.stop_reason], ['ended', 'Remote']);
  await operator.sees(station, 'RemoteStopTransaction', 'succeeded');
  await station.close();
});

for (const [number, type] of [['TC_013_CSMS', 'Hard'], ['TC_014_CSMS', 'Soft']]) {
  theCase(number, async (id) => {
    const station = await connect(id, { Reset: accepted });
    await station.isAvailable();
    const { booted_at } = await operator.reads(`/v1/stations/${id}`);
    assert.deepEqual(await operator.sends(station, 'Reset', { type }), accepted);
    if (type === 'Hard') await station.dies();
    else await station.close();
    await until('busbard to notice', async () => !(await operator.reads(`/v1/stations/${id}`)).online);
    await station.reconnect();
    await station.isAvailable();
    assert.ok((await operator.reads(`/v1/stations/${id}`)).booted_at > booted_at);
    await operator.sees(station, 'Reset', 'succeeded');
    await station.close();
  });
}

for (const [number, connectorId, status] of [
  ['TC_017_1_CSMS', 1, 'Unlocked'],
  ['TC_017_2_CSMS', 1, 'NotSupported'],
  ['TC_030_CSMS', 1, 'UnlockFailed'],
  ['TC_031_CSMS', 7, 'NotSupported'],
]) {
  theCase(number, async (id) => {
    const station = await connect(id, { UnlockConnector: { status } });
    await station.isAvailable();
    assert.deepEqual(await operator.sends(station, 'UnlockConnector', { connectorId }), { status });
    await station.close();
  });
}

theCase('TC_018_1_CSMS', async (id) => {
  const station = await connect(id, { UnlockConnector: { status: 'Unlocked' } });
  const transactionId = await station.isCharging(1, 'CARD1');
  assert.deepEqual(await operator.sends(station, 'UnlockConnector', { connectorId: 1 }), { status: 'Unlocked' });
  await station.reports(1, 'Finishing');
  await station.stops(transactionId, { reason: 'UnlockCommand' });
  await station.reports(1, 'Available');
  const session = await operator.session(station);
  assert.deepEqual([session.state, session.stop_reason], ['ended', 'UnlockCommand']);
  await station.close();
});

theCase('TC_026_CSMS', async (id) => {
  const station = await connect(id, { RemoteStartTransaction: rejected });
  await station.isAvailable();
  assert.deepEqual(await remoteStart(station), rejected, 'the operator is told');
  assert.deepEqual(await operator.sessions(station), []);
  await operator.sees(station, 'RemoteStartTransaction', 'rejected');
  await station.close();
});

theCase('TC_028_CSMS', async (id) => {
  const station = await connect(id, { RemoteStopTransaction: rejected });
  const transactionId = await station.isCharging(1, 'CARD1');
  const unknown = transactionId === 4711 ? 4712 : 4711;
  assert.deepEqual(await operator.sends(station, 'RemoteStopTransaction', { transactionId: unknown }), rejected);
  assert.equal((await operator.session(station)).state, 'open');
  await operator.sees(station, 'RemoteStopTransaction', 'rejected');
  await station.close();
});

theCase('TC_054_CSMS', async (id) => {
  const station = await connect(id, { TriggerMessage: accepted });
  await station.isAvailable();
  const reading = [{ timestamp: now(), sampledValue: [{ value: '1200', context: 'Trigger' }] }];
  for (const [requestedMessage, connectorId, payload] of [
    ['MeterValues', 1, { connectorId: 1, meterValue: reading }],
    ['Heartbeat', undefined, {}],
    ['StatusNotification', 1, { connectorId: 1, errorCode: 'NoError', status: 'Available' }],
    ['DiagnosticsStatusNotification', undefined, { status: 'Idle' }],
    ['FirmwareStatusNotification', undefined, { status: 'Idle' }],
    ['BootNotification', undefined, { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2' }],
  ]) {
    const wish = { requestedMessage, ...(connectorId === undefined ? {} : { connectorId }) };
    assert.deepEqual(await operator.sends(station, 'TriggerMessage', wish), accepted);
    await station.call(requestedMessage, payload);
    const said = (await operator.journal(station, `&type=CALL&direction=in&action=${requestedMessage}`)).at(-1);
    assert.deepEqual(said.payload, payload);
    assert.equal(said.verdict, 'ok');
  }
  await station.close();
});

theCase('TC_055_CSMS', async (id) => {
  const station = await connect(id, { TriggerMessage: rejected });
  assert.deepEqual(await operator.sends(station, 'TriggerMessage', { requestedMessage: 'MeterValues', connectorId: 1 }), rejected);
  await station.close();
});
