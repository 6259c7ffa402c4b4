// SPDX-License-Identifier: Apache-2.0
//
// OCPP-J 1.6 as stations in the field speak it, on a raw WebSocket: the errors that the protocol prescribes, retries,
// transactions late and twice, passwords, onboarding, a second connection. What is stored is read from the database.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, sleep, until } from './lib.mjs';

let busbar;
before(async () => {
  busbar = await Busbar.start({
    tenants: {
      north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {} } },
      held: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'hold' }, admin: {} } },
      closed: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'refuse' }, admin: {} } },
    },
  });
  await busbar.api('north', 'PUT', '/v1/tokens/CARD1', { status: 'accepted' });
});
after(async () => { await busbar?.stop(); });

/** A raw station: send() waits for the next frame from the server. */
class Raw {
  static async connect(tenant, id, { password, protocols = ['ocpp1.6'], user = id } = {}) {
    const raw = new Raw();
    raw.frames = [];
    raw.waiting = [];
    const headers = password === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
    raw.ws = new WebSocket(`${busbar.ocpp(tenant)}/${encodeURIComponent(id)}`, protocols, { headers });
    raw.ws.on('message', (data) => {
      const frame = JSON.parse(data.toString());
      raw.text = data.toString();
      (raw.waiting.shift() ?? ((f) => raw.frames.push(f)))(frame);
    });
    raw.closed = new Promise((resolve) => raw.ws.on('close', (code) => resolve(code)));
    await new Promise((resolve, reject) => {
      raw.ws.once('open', resolve);
      raw.ws.once('error', reject);
      raw.ws.once('unexpected-response', (_request, response) => reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode, headers: response.headers })));
    });
    return raw;
  }
  next(ms = 8000) {
    if (this.frames.length) return Promise.resolve(this.frames.shift());
    return Promise.race([new Promise((resolve) => this.waiting.push(resolve)), sleep(ms).then(() => { throw new Error('no answer'); })]);
  }
  send(frame) { this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame)); return this.next(); }
  async call(action, payload, id = `m${Raw.count++}`) { return this.send([2, id, action, payload]); }
  async close() { this.ws.close(); await this.closed; }
}
Raw.count = 1;
const refusal = (tenant, id, options) => Raw.connect(tenant, id, options).then((raw) => { raw.ws.terminate(); throw new Error('was let in'); }, (error) => error);
const now = () => new Date().toISOString();

test('each kind of wrong message gets the error that OCPP-J prescribes, naming the field', async () => {
  const raw = await Raw.connect('north', 'WRONG-1');
  const cases = [
    [[2, 'a', 'Heartbeat', { extra: 1 }], 'FormationViolation', /extra/],
    [[2, 'b', 'Authorize', {}], 'OccurenceConstraintViolation', /idTag/],
    [[2, 'c', 'Authorize', { idTag: 7 }], 'TypeConstraintViolation', /idTag/],
    [[2, 'd', 'Authorize', { idTag: 'x'.repeat(21) }], 'PropertyConstraintViolation', /idTag.*20/],
    [[2, 'e', 'StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Sleeping' }], 'PropertyConstraintViolation', /status/],
    [[2, 'f', 'StartTransaction', { connectorId: 1, idTag: 'A', meterStart: 1.5, timestamp: now() }], 'TypeConstraintViolation', /meterStart/],
    [[2, 'g', 'MeterValues', { connectorId: 1, meterValue: [{ timestamp: 'yesterday', sampledValue: [{ value: '1' }] }] }], 'PropertyConstraintViolation', /meterValue\/0\/timestamp/],
    [[2, 'h', 'NoSuchAction', {}], 'NotImplemented', /./],
    [[2, 'i', 'Authorize', []], 'FormationViolation', /./],
  ];
  for (const [frame, code, text] of cases) {
    const answer = await raw.send(frame);
    assert.equal(answer[0], 4, JSON.stringify(answer));
    assert.equal(answer[1], frame[1]);
    assert.equal(answer[2], code, JSON.stringify(answer));
    assert.match(answer[3], text);
    assert.equal(typeof answer[4], 'object');
  }
  assert.equal((await raw.call('Heartbeat', {}))[0], 3, 'the connection lives on');
  const line = busbar.logLines().find((l) => l.station === 'WRONG-1' && /idTag/.test(JSON.stringify(l)));
  assert.ok(line, 'a log line names station and field');
  await raw.close();
});

test('frames that are no message at all never stop anything', async () => {
  const raw = await Raw.connect('north', 'WRONG-2');
  for (const frame of ['', '{', '[]', '[2]', 'null', '[2,"x"]', '[9,"x","y",{}]', '[2,5,"Heartbeat",{}]', '["2","q","Heartbeat",{}]',
    `[2,"${'i'.repeat(200)}","Heartbeat",{}]`, '[3,"never-asked",{}]', '[4,"never-asked","GenericError","",{}]', '[2,"z","Heartbeat",null]']) {
    raw.ws.send(frame);
  }
  await sleep(300);
  raw.frames.length = 0;
  const answer = await raw.call('Heartbeat', {}, 'still-here');
  assert.deepEqual(answer.slice(0, 2), [3, 'still-here']);
  assert.match(answer[2].currentTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  await raw.close();
});

test('two CALLs without waiting are both answered, in order', async () => {
  const raw = await Raw.connect('north', 'PAIR');
  raw.ws.send(JSON.stringify([2, 'one', 'BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' }]));
  raw.ws.send(JSON.stringify([2, 'two', 'Heartbeat', {}]));
  assert.equal((await raw.next())[1], 'one');
  assert.equal((await raw.next())[1], 'two');
  await raw.close();
});

test('answers carry the keys in the order of the schema and no blanks', async () => {
  const raw = await Raw.connect('north', 'ORDER');
  await raw.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' }, 'b');
  assert.match(raw.text, /^\[3,"b",\{"status":"Accepted","currentTime":"[^"]+","interval":\d+\}\]$|^\[3,"b",\{"currentTime":"[^"]+","interval":\d+,"status":"Accepted"\}\]$/);
  await raw.close();
});

test('a start that is sent again, with a new id and after a reconnect, is the same transaction', async () => {
  const start = { connectorId: 1, idTag: 'CARD1', meterStart: 100, timestamp: '2026-10-02T10:00:00Z' };
  let raw = await Raw.connect('north', 'AGAIN');
  const first = await raw.call('StartTransaction', start);
  const second = await raw.call('StartTransaction', start);
  await raw.close();
  raw = await Raw.connect('north', 'AGAIN');
  const third = await raw.call('StartTransaction', start);
  assert.equal(first[2].idTagInfo.status, 'Accepted');
  assert.deepEqual(second[2], first[2]);
  assert.deepEqual(third[2], first[2]);
  const { transactionId } = first[2];
  assert.ok(Number.isInteger(transactionId) && transactionId > 0 && transactionId < 2 ** 31);
  const sample = { connectorId: 1, transactionId, meterValue: [{ timestamp: '2026-10-02T10:05:00Z', sampledValue: [{ value: '600' }] }] };
  for (let i = 0; i < 3; i++) assert.equal((await raw.call('MeterValues', sample))[0], 3);
  const stop = { transactionId, meterStop: 1100, timestamp: '2026-10-02T10:30:00Z', reason: 'Local' };
  for (let i = 0; i < 2; i++) assert.equal((await raw.call('StopTransaction', stop))[0], 3);
  assert.equal((await raw.call('StopTransaction', { ...stop, meterStop: 5000 }))[0], 3, 'a different stop is acknowledged too');
  // Late: a sample of before the stop, queued while offline.
  assert.equal((await raw.call('MeterValues', { ...sample, meterValue: [{ timestamp: '2026-10-02T10:20:00Z', sampledValue: [{ value: '900' }] }] }))[0], 3);
  await raw.close();
  const { items } = (await busbar.api('north', 'GET', '/v1/sessions?station=AGAIN')).body;
  assert.equal(items.length, 1);
  assert.equal(items[0].energy_wh, 1000, 'the first stop counts');
  assert.equal(items[0].sample_count, 2);
  assert.deepEqual(busbar.sql("select count(*) from charging.session where station_id = 'AGAIN'"), [['1']]);
  assert.deepEqual(busbar.sql(`select count(*) from charging.cdr c join charging.session s using (session_id) where s.station_id = 'AGAIN'`), [['1']]);
});

test('nothing about a session is refused for a business reason', async () => {
  const raw = await Raw.connect('north', 'ODD');
  const unknownTag = await raw.call('StartTransaction', { connectorId: 1, idTag: 'STRANGER', meterStart: 0, timestamp: now() });
  assert.equal(unknownTag[2].idTagInfo.status, 'Invalid');
  assert.ok(unknownTag[2].transactionId > 0);
  for (const transactionId of [-1, 0, 12345, 2147483647]) {
    assert.equal((await raw.call('StopTransaction', { transactionId, meterStop: 5, timestamp: now() }))[0], 3, `stop of ${transactionId}`);
    assert.equal((await raw.call('MeterValues', { connectorId: 1, transactionId, meterValue: [{ timestamp: now(), sampledValue: [{ value: '1' }] }] }))[0], 3);
  }
  const absurd = await raw.call('StartTransaction', { connectorId: 2, idTag: 'CARD1', meterStart: 500, timestamp: '1970-01-01T00:00:10Z' });
  assert.ok(absurd[2].transactionId > 0);
  const backwards = await raw.call('StopTransaction', { transactionId: absurd[2].transactionId, meterStop: 100, timestamp: '1970-01-01T00:10:00Z' });
  assert.equal(backwards[0], 3);
  await raw.close();
  const { items } = (await busbar.api('north', 'GET', '/v1/sessions?station=ODD')).body;
  const reviews = (await busbar.api('north', 'GET', '/v1/reviews')).body.items.filter((r) => r.station_id === 'ODD');
  assert.ok(reviews.some((r) => r.kind === 'stop' && r.transaction_id === 12345 && r.reason && r.report), JSON.stringify(reviews));
  const set_aside = items.find((s) => s.connector_id === 2);
  assert.equal(set_aside.state, 'review');
  assert.ok(set_aside.review);
  assert.deepEqual(busbar.sql(`select count(*) from charging.cdr where session_id = '${set_aside.id}'`), [['0']], 'never billed by itself');
});

test('a station changes its own sessions only', async () => {
  const one = await Raw.connect('north', 'OWN-1'), two = await Raw.connect('north', 'OWN-2');
  const started = await one.call('StartTransaction', { connectorId: 1, idTag: 'CARD1', meterStart: 0, timestamp: now() });
  const { transactionId } = started[2];
  assert.equal((await two.call('StopTransaction', { transactionId, meterStop: 9, timestamp: now() }))[0], 3);
  const { items } = (await busbar.api('north', 'GET', '/v1/sessions?station=OWN-1')).body;
  assert.equal(items[0].state, 'open');
  await one.close();
  await two.close();
});

test('DataTransfer of an unknown vendor is answered so, and kept', async () => {
  const raw = await Raw.connect('north', 'VENDOR');
  const answer = await raw.call('DataTransfer', { vendorId: 'com.example', messageId: 'hello', data: 'payload-42' });
  assert.equal(answer[2].status, 'UnknownVendorId');
  assert.equal((await raw.call('DiagnosticsStatusNotification', { status: 'Idle' }))[0], 3);
  assert.equal((await raw.call('FirmwareStatusNotification', { status: 'Installed' }))[0], 3);
  await raw.close();
  assert.deepEqual(busbar.sql("select vendor_id, message_id, data from ocpp16.data_transfer where station_id = 'VENDOR'"), [['com.example', 'hello', '"payload-42"']]);
});

test('passwords: the right one enters, a wrong or missing one is 401, and none is ever logged', async () => {
  const password = 'correct-horse-7';
  assert.equal((await busbar.api('north', 'PUT', '/v1/stations/LOCKED', { password })).status, 201);
  assert.equal((await refusal('north', 'LOCKED', {})).status, 401);
  const wrong = await refusal('north', 'LOCKED', { password: 'wrong-horse-77' });
  assert.equal(wrong.status, 401);
  assert.match(wrong.headers['www-authenticate'], /^Basic /);
  assert.equal((await refusal('north', 'LOCKED', { password, user: 'ANOTHER' })).status, 401, 'the user name is the station');
  for (let i = 0; i < 30; i++) await refusal('north', 'LOCKED', { password: `guess-${i}-padding` });
  const raw = await Raw.connect('north', 'LOCKED', { password });
  await raw.close();
  const attempts = (await busbar.api('north', 'GET', '/v1/connection-attempts')).body.items;
  const mine = attempts.filter((a) => a.station_id === 'LOCKED');
  assert.ok(mine.some((a) => a.reason === 'wrong-password' && a.detail));
  const log = busbar.tail(100000);
  assert.ok(!log.includes(password) && !log.includes('wrong-horse-77'));
  assert.deepEqual(busbar.sql(`select count(*) from charging.station where station::text like '%${password}%'`), [['0']]);
});

test('onboarding: refused, held until adopted, accepted', async () => {
  assert.ok([403, 404].includes((await refusal('closed', 'NEW-1', {})).status));
  assert.equal((await busbar.api('closed', 'GET', '/v1/stations/NEW-1')).status, 404);
  assert.equal((await busbar.api('closed', 'GET', '/v1/connection-attempts')).body.items[0].reason, 'unknown-station');
  assert.equal((await refusal('held', 'NEW-2', {})).status, 403);
  const pending = (await busbar.api('held', 'GET', '/v1/stations?admission=pending')).body.items;
  assert.deepEqual(pending.map((s) => s.id), ['NEW-2']);
  assert.equal((await busbar.api('held', 'POST', '/v1/stations/NEW-2/adopt')).status, 200);
  await (await Raw.connect('held', 'NEW-2')).close();
});

test('without the subprotocol ocpp1.6 nobody gets in', async () => {
  const error = await refusal('north', 'PROTO', { protocols: ['ocpp9.9'] });
  assert.ok(error.status >= 400 || /subprotocol/i.test(error.message), error.message);
});

test('a second connection replaces the first only when that no longer answers', async () => {
  const first = await Raw.connect('north', 'TWICE');
  await first.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
  const refused = await refusal('north', 'TWICE', {});
  assert.equal(refused.status, 409, 'the first is alive');
  assert.equal((await first.call('Heartbeat', {}))[0], 3);
  first.ws._socket.pause(); // a dead link: nothing is read, no pong is sent
  const second = await Raw.connect('north', 'TWICE');
  assert.equal((await second.call('Heartbeat', {}))[0], 3);
  first.ws.terminate();
  await sleep(300);
  assert.equal((await busbar.api('north', 'GET', '/v1/stations/TWICE')).body.online, true, 'the old socket\'s end changes nothing');
  await second.close();
  await until('offline', async () => !(await busbar.api('north', 'GET', '/v1/stations/TWICE')).body.online);
});

test('commands: one at a time, in order; time-outs, errors and wrong answers are told apart', async () => {
  const raw = await Raw.connect('north', 'CMD');
  const command = (action, body, query = '') => busbar.api('north', 'POST', `/v1/stations/CMD/commands/${action}${query}`, body);
  const reset = command('Reset', { type: 'Soft' });
  const call = await raw.next(); // two requests at once would come in either order
  const clear = command('ClearCache', {});
  assert.deepEqual([call[0], call[2], call[3]], [2, 'Reset', { type: 'Soft' }]);
  await sleep(150);
  assert.equal(raw.frames.length, 0, 'the second waits for the answer to the first');
  raw.ws.send(JSON.stringify([3, call[1], { status: 'Accepted' }]));
  assert.deepEqual((await reset).body.result, { status: 'Accepted' });
  const next = await raw.next();
  assert.equal(next[2], 'ClearCache');
  raw.ws.send(JSON.stringify([4, next[1], 'NotSupported', 'no cache here', {}]));
  const refused = (await clear).body;
  assert.equal(refused.outcome, 'refused');
  assert.equal(refused.error_code, 'NotSupported');
  const late = command('GetConfiguration', {}, '?timeout_ms=500');
  const silent = await raw.next();
  assert.equal((await late).status, 504);
  const unlock = command('UnlockConnector', { connectorId: 1 });
  const asked = await raw.next();
  raw.ws.send(JSON.stringify([3, silent[1], { configurationKey: [] }])); // too late: nobody may take it
  raw.ws.send(JSON.stringify([3, asked[1], { status: 'Unlocked' }]));
  assert.deepEqual((await unlock).body.result, { status: 'Unlocked' });
  assert.equal((await command('NoSuchThing', {})).status, 404);
  assert.equal((await command('ChangeAvailability', { connectorId: 1, type: 'Sleepy' })).body.errors[0].pointer, '/type');
  await raw.close();
});

test('every Core command reaches the station as the specification writes it', async () => {
  const raw = await Raw.connect('north', 'CORE');
  const commands = {
    ChangeAvailability: [{ connectorId: 0, type: 'Inoperative' }, { status: 'Scheduled' }],
    ChangeConfiguration: [{ key: 'HeartbeatInterval', value: '60' }, { status: 'RebootRequired' }],
    ClearCache: [{}, { status: 'Rejected' }],
    DataTransfer: [{ vendorId: 'v', messageId: 'm', data: 'd' }, { status: 'Accepted', data: 'x' }],
    GetConfiguration: [{ key: ['HeartbeatInterval'] }, { configurationKey: [{ key: 'HeartbeatInterval', readonly: false, value: '60' }], unknownKey: [] }],
    RemoteStartTransaction: [{ connectorId: 1, idTag: 'CARD1' }, { status: 'Accepted' }],
    RemoteStopTransaction: [{ transactionId: 5 }, { status: 'Rejected' }],
    Reset: [{ type: 'Hard' }, { status: 'Accepted' }],
    UnlockConnector: [{ connectorId: 1 }, { status: 'NotSupported' }],
  };
  for (const [action, [request, answer]] of Object.entries(commands)) {
    const result = busbar.api('north', 'POST', `/v1/stations/CORE/commands/${action}?force=true`, request);
    const call = await raw.next();
    assert.equal(call[2], action);
    assert.deepEqual(call[3], request);
    raw.ws.send(JSON.stringify([3, call[1], answer]));
    const { status, body } = await result;
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body.result, answer);
  }
  await raw.close();
});

test('a clock that was never set: 1970-01-01T00:00:00Z is a time like another', async () => {
  const epoch = '1970-01-01T00:00:00Z';
  const started = '1970-01-01T00:00:00.001Z'; // as it is kept: told, by a millisecond
  let raw = await Raw.connect('north', 'EPOCH');
  const start = { connectorId: 1, idTag: 'CARD1', meterStart: 100, timestamp: epoch };
  const ids = [];
  for (let i = 0; i < 3; i++) {
    ids.push((await raw.call('StartTransaction', start))[2].transactionId);
    await raw.close();
    raw = await Raw.connect('north', 'EPOCH');
  }
  assert.ok(ids[0] > 0);
  assert.deepEqual(ids, [ids[0], ids[0], ids[0]]);
  const sample = { connectorId: 1, transactionId: ids[0], meterValue: [{ timestamp: epoch, sampledValue: [{ value: '150' }] }] };
  for (let i = 0; i < 2; i++) assert.equal((await raw.call('MeterValues', sample))[0], 3);
  let sessions = (await busbar.api('north', 'GET', '/v1/sessions?station=EPOCH')).body.items;
  assert.equal(sessions.length, 1);
  assert.match(sessions[0].review, /clock was not set/);
  assert.equal(sessions[0].start_told_at, started);
  assert.equal(sessions[0].started_at, sessions[0].start_received_at);
  assert.equal(sessions[0].sample_count, 1);
  // A session with a right start and an end at the epoch: sent twice, ended once, never billed by itself.
  const { transactionId } = (await raw.call('StartTransaction', { ...start, connectorId: 2, timestamp: now() }))[2];
  for (let i = 0; i < 2; i++) assert.equal((await raw.call('StopTransaction', { transactionId, meterStop: 900, timestamp: epoch }))[0], 3);
  assert.equal((await raw.call('StopTransaction', { transactionId: 4711, meterStop: 900, timestamp: epoch }))[0], 3);
  await raw.call('StatusNotification', { connectorId: 2, errorCode: 'NoError', status: 'Available', timestamp: epoch });
  await raw.close();
  sessions = (await busbar.api('north', 'GET', '/v1/sessions?station=EPOCH')).body.items;
  const ended = sessions.find((s) => s.connector_id === 2);
  assert.equal(ended.state, 'review');
  assert.equal(ended.end_told_at, started);
  assert.equal(ended.ended_at, ended.end_received_at);
  assert.deepEqual(busbar.sql("select count(*) from charging.cdr where station_id = 'EPOCH'"), [['0']]);
  const asides = busbar.sql("select transaction_id, raw->>'at' from charging.aside where station_id = 'EPOCH'");
  assert.deepEqual(asides, [['4711', started]]);
  assert.deepEqual(busbar.sql("select status_at = timestamptz '1970-01-01 00:00:00.001Z' from charging.connector where station_id = 'EPOCH' and connector_id = 2"), [['t']]);
});
