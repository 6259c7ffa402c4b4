// SPDX-License-Identifier: Apache-2.0
//
// A command is followed to its effect: each kind of effect reached, and each not reached, told in a sentence.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { now, theStage } from './actors.mjs';
import { sleep, until } from './lib.mjs';

const { operator, connect } = theStage();
const yes = () => ({ status: 'Accepted' });

/** Sends it without waiting: the operation's id. */
async function orders(station, action, payload = {}, query = '') {
  const { status, body, headers } = await operator.api('POST', `/v1/stations/${station.id ?? station}/commands/${action}?wait=none${query}`, payload);
  assert.ok([200, 202].includes(status), JSON.stringify(body));
  if (status === 202) assert.ok(headers.get('location').endsWith(`/v1/operations/${body.operation_id}`));
  return body.operation_id;
}
const operation = (id) => operator.reads(`/v1/operations/${id}`);
const reaches = (id, state) => until(`the operation to be ${state}`, async () => {
  const o = await operation(id);
  if (['succeeded', 'rejected', 'failed', 'timed_out', 'cancelled', 'unknown'].includes(o.state)) assert.equal(o.state, state, JSON.stringify(o));
  return o.state === state && o;
});
const steps = (o) => o.steps.map(({ step }) => step).join(' ');

test('remote start: waits for the driver to plug in, then for the transaction', async () => {
  const station = await connect('START', { RemoteStartTransaction: yes() });
  await station.isAvailable();
  const old = { connectorId: 1, idTag: 'CARD1', meterStart: 1000, timestamp: now(-1800) };
  const { transactionId } = await station.call('StartTransaction', old);
  await station.stops(transactionId);
  const answer = await operator.commands(station, 'RemoteStartTransaction', { connectorId: 1, idTag: 'CARD1' });
  assert.equal(answer.outcome, 'answered');
  assert.deepEqual(answer.result, { status: 'Accepted' });
  assert.equal(answer.state, 'following');
  assert.equal((await operation(answer.operation_id)).summary, 'Waiting for the driver to plug in.');
  await station.reports(2, 'Preparing'); // another connector's
  await station.reports(1, 'Preparing');
  await until('the next wait', async () => (await operation(answer.operation_id)).summary === 'Waiting for the station to start the transaction.');
  await operator.token('OTHER');
  await station.starts(2, 'OTHER');
  await station.call('StartTransaction', old); // sent again: that session was there before the command
  await sleep(100);
  assert.equal((await operation(answer.operation_id)).state, 'following');
  await station.starts(1, 'card1', { timestamp: now() });
  const done = await reaches(answer.operation_id, 'succeeded');
  assert.equal(steps(done), 'queued sent answered waiting effect waiting effect ended');
  assert.equal(done.summary, 'The transaction started.');
  const session = await operator.reads(`/v1/sessions/${done.session_id}`);
  assert.equal(session.connector_id, 1);
  assert.equal(session.token_uid, 'card1');
  await station.close();
});

test('remote start: the effect can be waited for; who is plugged in already is not waited for; who never comes is named', async () => {
  const station = await connect('PLUGGED', { RemoteStartTransaction: yes() });
  await station.isAvailable(1);
  await station.reports(1, 'Preparing');
  const waited = operator.commands(station, 'RemoteStartTransaction', { idTag: 'CARD1', connectorId: 1 }, '?wait=effect');
  await station.hears('RemoteStartTransaction');
  await station.starts(1, 'CARD1', { timestamp: now() });
  const done = await waited;
  assert.equal(done.state, 'succeeded');
  assert.ok(done.session_id);
  const late = await operator.commands(station, 'RemoteStartTransaction', { idTag: 'CARD1' }, '?wait=effect&effect_timeout_s=1');
  assert.equal(late.state, 'timed_out');
  assert.match(late.summary, /^Given up after \d+ s of waiting for (the driver to plug in|the station to start the transaction)\.$/);
  await station.close();
});

test('rejected, refused by an error, not answered, and not connected are told apart', async () => {
  const notSupported = Object.assign(new Error('no'), { rpcErrorCode: 'NotSupported' });
  let release;
  const station = await connect('NO', { Reset: { status: 'Rejected' }, ClearCache: notSupported, UnlockConnector: [{ status: 'UnlockFailed' }, { status: 'Unlocked' }],
    GetLocalListVersion: () => new Promise((resolve) => { release = () => resolve({ listVersion: 1 }); }) });
  await station.isAvailable(1);
  const rejected = await operator.commands(station, 'Reset', { type: 'Soft' });
  assert.equal(rejected.state, 'rejected');
  assert.equal(rejected.summary, 'The station answered Rejected.');
  const refused = await operator.commands(station, 'ClearCache');
  assert.equal(refused.outcome, 'refused');
  assert.equal(refused.state, 'rejected');
  assert.equal((await operation(refused.operation_id)).error_code, 'NotSupported');
  assert.equal((await operator.commands(station, 'UnlockConnector', { connectorId: 1 })).state, 'rejected');
  assert.equal((await operator.commands(station, 'UnlockConnector', { connectorId: 1 })).state, 'succeeded');
  const silent = await operator.api('POST', '/v1/stations/NO/commands/GetLocalListVersion?timeout_ms=300', {});
  assert.equal(silent.status, 504);
  assert.equal(silent.body.code, 'station-timeout');
  release();
  const [last] = (await operator.reads('/v1/operations?station=NO&action=GetLocalListVersion')).items;
  assert.equal(last.state, 'timed_out');
  assert.match(last.summary, /did not answer within 1 s/);
  await station.close();
  await until('offline', async () => !(await operator.reads('/v1/stations/NO')).online);
  for (const query of ['', '?wait=none']) {
    const offline = await operator.api('POST', `/v1/stations/NO/commands/ClearCache${query}`, {});
    assert.equal(offline.status, 409, query);
    assert.equal(offline.body.code, 'station-offline');
  }
  const failed = (await operator.reads('/v1/operations?state=failed&station=NO')).items;
  assert.equal(failed.length, 2);
  assert.equal(failed[0].summary, 'Not sent: the station is not connected.');
  const bad = await operator.api('POST', '/v1/stations/NO/commands/Reset', { type: 'Gentle' });
  assert.equal(bad.status, 422);
  assert.equal(bad.body.errors[0].pointer, '/type');
  assert.equal((await operator.api('POST', '/v1/stations/NOBODY/commands/Reset', { type: 'Soft' })).status, 404);
});

test('a connection that ends before the answer: nobody knows, and that is said', async () => {
  const station = await connect('GONE', { ClearCache: () => new Promise(() => {}) });
  await station.isAvailable(1);
  const asked = operator.api('POST', '/v1/stations/GONE/commands/ClearCache', {});
  await station.hears('ClearCache');
  await station.dies();
  const { status, body } = await asked;
  assert.deepEqual([status, body.code], [504, 'outcome-unknown']);
  const [o] = (await operator.reads('/v1/operations?station=GONE&over=true')).items;
  assert.equal(o.state, 'unknown');
  assert.equal(o.summary, 'The connection ended before the station answered; it may have acted.');
});

test('remote stop, reset and availability, each to its end', async () => {
  const station = await connect('ENDS', { RemoteStopTransaction: yes(), Reset: yes(), ChangeAvailability: [yes(), { status: 'Scheduled' }, yes()] });
  await station.isAvailable(2);
  const transactionId = await station.isCharging(1, 'CARD1');
  const stop = await orders(station, 'RemoteStopTransaction', { transactionId });
  await station.hears('RemoteStopTransaction');
  await station.stops(transactionId, { reason: 'Remote' });
  const stopped = await reaches(stop, 'succeeded');
  assert.equal(stopped.summary, 'The transaction ended.');
  const unknown = await operator.commands(station, 'RemoteStopTransaction', { transactionId: 999999 }, '?wait=effect&effect_timeout_s=1');
  assert.match(unknown.summary, /waiting for the station to end the transaction/);

  // Connector 0: all of them.
  const off = await orders(station, 'ChangeAvailability', { connectorId: 0, type: 'Inoperative' });
  await reaches(off, 'following');
  await station.reports(0, 'Unavailable');
  await station.reports(1, 'Unavailable');
  await sleep(200);
  assert.equal((await operation(off)).state, 'following', 'connector 2 is still Available');
  await station.reports(2, 'Unavailable');
  await reaches(off, 'succeeded');
  const on = await orders(station, 'ChangeAvailability', { connectorId: 2, type: 'Operative' });
  const scheduled = await reaches(on, 'following');
  assert.match(scheduled.summary, /when the running transaction has ended/);
  assert.ok(new Date(scheduled.deadline_at) - Date.now() > 3600000);
  await station.reports(2, 'Available');
  await reaches(on, 'succeeded');
  const already = await operator.commands(station, 'ChangeAvailability', { connectorId: 1, type: 'Inoperative' }, '?wait=effect');
  assert.equal(already.state, 'succeeded', 'it is Unavailable already, so the station reports nothing');

  const reset = await orders(station, 'Reset', { type: 'Hard' });
  await reaches(reset, 'following');
  await station.dies();
  await until('the disconnection', async () => (await operation(reset)).summary === 'Waiting for the station to boot.');
  await station.reconnect();
  await station.boots();
  assert.equal(steps(await reaches(reset, 'succeeded')), 'queued sent answered waiting effect waiting effect ended');
  const never = await operator.commands(station, 'Reset', { type: 'Soft' }, '?wait=effect&effect_timeout_s=1');
  assert.match(never.summary, /^Given up after \d+ s of waiting for the station to disconnect and restart\.$/);
  await station.close();
});

test('triggers, reservations, files and firmware', async () => {
  const station = await connect('REST', { TriggerMessage: [yes(), yes(), { status: 'NotImplemented' }], ReserveNow: [yes(), { status: 'Occupied' }],
    GetDiagnostics: [{ fileName: 'd.zip' }, { fileName: 'd.zip' }, {}], GetLog: { status: 'Accepted', filename: 'l.zip' }, UpdateFirmware: () => ({}), ExtendedTriggerMessage: yes() });
  await station.boots({ firmwareVersion: '1.0' });
  for (const connector of [0, 1, 2]) await station.reports(connector, 'Available');
  const meter = await orders(station, 'TriggerMessage', { requestedMessage: 'MeterValues', connectorId: 2 });
  await reaches(meter, 'following');
  const values = { meterValue: [{ timestamp: now(), sampledValue: [{ value: '1' }] }] };
  await station.call('MeterValues', { connectorId: 1, ...values });
  await sleep(100);
  assert.equal((await operation(meter)).state, 'following');
  await station.call('MeterValues', { connectorId: 2, ...values });
  assert.equal((await reaches(meter, 'succeeded')).summary, 'The station sent MeterValues.');
  const missed = await operator.commands(station, 'TriggerMessage', { requestedMessage: 'Heartbeat' }, '?wait=effect&effect_timeout_s=1');
  assert.match(missed.summary, /waiting for the station to send Heartbeat/);
  assert.equal((await operator.commands(station, 'TriggerMessage', { requestedMessage: 'BootNotification' })).state, 'rejected');
  const extended = await orders(station, 'ExtendedTriggerMessage', { requestedMessage: 'StatusNotification' });
  await reaches(extended, 'following');
  await station.reports(1, 'Available');
  await reaches(extended, 'succeeded');

  const reservation = { connectorId: 1, expiryDate: now(3600), idTag: 'CARD1', reservationId: 1 };
  const reserved = await orders(station, 'ReserveNow', reservation);
  await reaches(reserved, 'following');
  await station.reports(1, 'Reserved');
  await reaches(reserved, 'succeeded');
  assert.equal((await operator.commands(station, 'ReserveNow', { ...reservation, reservationId: 2 })).summary, 'The station answered Occupied.');

  const diagnostics = { location: 'https://files.test/d' };
  const upload = await orders(station, 'GetDiagnostics', diagnostics);
  await reaches(upload, 'following');
  await station.call('DiagnosticsStatusNotification', { status: 'Uploading' });
  await station.call('DiagnosticsStatusNotification', { status: 'Uploaded' });
  assert.match(steps(await reaches(upload, 'succeeded')), /answered waiting note .*effect ended$/);
  const broken = await orders(station, 'GetDiagnostics', diagnostics);
  await reaches(broken, 'following');
  await station.call('DiagnosticsStatusNotification', { status: 'UploadFailed' });
  assert.equal((await reaches(broken, 'failed')).summary, 'The station reported UploadFailed.');
  assert.match((await operator.commands(station, 'GetDiagnostics', diagnostics)).summary, /nothing to upload/);

  const firmware = { location: 'https://files.test/f', retrieveDate: now() };
  const update = await orders(station, 'UpdateFirmware', firmware);
  await reaches(update, 'following');
  for (const status of ['Downloading', 'Downloaded', 'Installing', 'Installed']) await station.call('FirmwareStatusNotification', { status });
  await station.boots({ firmwareVersion: '1.0' });
  await sleep(100);
  assert.equal((await operation(update)).summary, 'Waiting for the station to boot with another firmware version.');
  await station.boots({ firmwareVersion: '1.1' });
  const updated = await reaches(update, 'succeeded');
  assert.equal(updated.steps.filter(({ step }) => step === 'note').length, 3);
  const bad = await orders(station, 'UpdateFirmware', firmware);
  await reaches(bad, 'following');
  await station.call('FirmwareStatusNotification', { status: 'InstallationFailed' });
  assert.equal((await reaches(bad, 'failed')).summary, 'The station reported InstallationFailed.');
  await station.close();
});

test('ChangeConfiguration: written only where it differs, and read back (P12)', async () => {
  const configuration = { HeartbeatInterval: '300', Sticky: 'old', Boolean: 'TRUE', AuthorizationKey: 'x' };
  const station = await connect('CONFIG', {
    GetConfiguration: ({ key }) => ({ configurationKey: key.filter((k) => k in configuration && k !== 'AuthorizationKey').map((k) => ({ key: k, readonly: false, value: configuration[k] })) }),
    ChangeConfiguration: ({ key, value }) => {
      if (key === 'Later') return { status: 'RebootRequired' };
      if (key !== 'Sticky') configuration[key] = value;
      return { status: 'Accepted' };
    },
  });
  const writes = () => station.heard.filter(({ action }) => action === 'ChangeConfiguration').length;
  await station.isAvailable(1);
  const change = (key, value, query = '?wait=effect') => operator.commands(station, 'ChangeConfiguration', { key, value }, query);
  const same = await change('HeartbeatInterval', '300');
  assert.equal(same.outcome, 'unchanged');
  assert.equal(same.state, 'succeeded');
  assert.equal(same.summary, 'Not sent, since nothing would change. The station has "300".');
  assert.equal((await operation(same.operation_id)).unchanged, true);
  assert.equal((await change('Boolean', 'true')).outcome, 'unchanged');
  assert.equal(writes(), 0);
  assert.equal((await change('HeartbeatInterval', '300', '?force=true&wait=effect')).outcome, 'answered');
  assert.equal(writes(), 1);
  const changed = await change('HeartbeatInterval', '60');
  assert.equal(changed.state, 'succeeded');
  assert.equal(changed.summary, 'The station has the value.');
  const sticky = await change('Sticky', 'new');
  assert.equal(sticky.state, 'failed');
  assert.equal(sticky.summary, 'The station said yes, but does not have it. The station has "old".');
  assert.match((await change('Later', '1')).summary, /RebootRequired: it takes effect when the station has restarted/);
  const reads = station.heard.filter(({ action }) => action === 'GetConfiguration').length;
  const secret = await change('AuthorizationKey', 'hunter2-hunter2-hunter2');
  assert.equal(secret.state, 'succeeded');
  assert.equal(station.heard.filter(({ action }) => action === 'GetConfiguration').length, reads, 'a password is not read back');
  assert.equal(configuration.AuthorizationKey, 'hunter2-hunter2-hunter2');
  assert.equal((await operation(secret.operation_id)).payload.value, '********');
  assert.equal(operator.busbar.sql("select count(*) from charging.operation where row_to_json(operation)::text like '%hunter2%'")[0][0], '0');
  assert.equal(operator.busbar.sql("select count(*) from core.audit where details::text like '%hunter2%'")[0][0], '0');
  await station.close();
});

test('a command for a station that is away waits for it; it can be cancelled, and it expires', async () => {
  let station = await connect('AWAY', {});
  await station.isAvailable(1);
  await station.close();
  await until('offline', async () => !(await operator.reads('/v1/stations/AWAY')).online);
  const queue = (action, payload, query = '') => operator.api('POST', `/v1/stations/AWAY/commands/${action}?if_offline=queue${query}`, payload);
  const first = await queue('ChangeConfiguration', { key: 'AuthorizationKey', value: 'hunter3-hunter3-hunter3' });
  assert.equal(first.status, 202);
  assert.equal(first.body.outcome, 'pending');
  const second = await queue('ClearCache', {});
  const third = await queue('GetLocalListVersion', {}, '&expires_s=1');
  const cancelled = await operator.api('POST', `/v1/operations/${second.body.operation_id}/cancel`);
  assert.equal(cancelled.status, 200);
  assert.equal(cancelled.body.state, 'cancelled');
  assert.equal((await operator.api('POST', `/v1/operations/${second.body.operation_id}/cancel`)).status, 409);
  assert.equal((await reaches(third.body.operation_id, 'failed')).summary, 'Not sent: the station did not connect in time.');
  assert.equal(operator.busbar.sql("select count(*) from charging.operation where row_to_json(operation)::text like '%hunter3%'")[0][0], '0');
  station = await connect('AWAY', { ChangeConfiguration: yes() });
  await station.boots();
  await reaches(first.body.operation_id, 'succeeded');
  assert.deepEqual(station.heard.map(({ payload }) => payload), [{ key: 'AuthorizationKey', value: 'hunter3-hunter3-hunter3' }]);
  await station.close();
});

test('who does not want to wait follows the operation live', async () => {
  let answer;
  const station = await connect('LIVE', { ClearCache: () => new Promise((resolve) => { answer = resolve; }) });
  await station.isAvailable(1);
  for (const [query, headers] of [['?wait_ms=200', {}], ['', { prefer: 'respond-async' }], ['', { prefer: 'wait=0' }]]) {
    const pending = await operator.api('POST', `/v1/stations/LIVE/commands/ClearCache${query}`, {}, headers);
    assert.equal(pending.status, 202, query);
    const { operator: { busbar } } = { operator };
    const live = await fetch(`${busbar.base('north')}/v1/operations/${pending.body.operation_id}/live`, { headers: { authorization: `Bearer ${busbar.keys.north}` } });
    assert.equal(live.headers.get('content-type'), 'text/event-stream');
    await until('the call', () => answer);
    answer(yes());
    answer = undefined;
    const events = (await live.text()).split('\n\n').flatMap((block) => /^data: (.*)$/m.exec(block)?.slice(1) ?? []).map((text) => JSON.parse(text));
    assert.equal(events.at(-1).state, 'succeeded');
    assert.ok(events.length >= 2);
  }
  assert.equal((await operator.api('GET', '/v1/operations/00000000-0000-7000-8000-000000000000/live')).status, 404);
  const other = await operator.busbar.api('south', 'GET', '/v1/operations');
  assert.deepEqual(other.body.items, [], "another tenant's operations");
  const first = await operator.reads('/v1/operations?limit=2');
  assert.equal(first.items.length, 2);
  const next = await operator.reads(`/v1/operations?limit=2&cursor=${encodeURIComponent(first.next_cursor)}`);
  assert.ok(first.items[1].id > next.items[0].id);
  await station.close();
});
