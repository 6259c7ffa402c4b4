// SPDX-License-Identifier: Apache-2.0
//
// The same command for many stations, at a set rate; and what a kill -9 of the worker leaves of commands under way: each
// station gets it once, nothing is sent twice, and what is not known is said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { now, theStage } from './actors.mjs';
import { sleep, until } from './lib.mjs';

const { operator, connect } = theStage();
const yes = () => ({ status: 'Accepted' });
const over = ['succeeded', 'rejected', 'failed', 'timed_out', 'cancelled', 'unknown'];

async function bulk(body) {
  const { status, body: created, headers } = await operator.api('POST', '/v1/commands', body);
  assert.equal(status, 202, JSON.stringify(created));
  assert.ok(headers.get('location').endsWith(`/v1/commands/${created.id}`));
  return created.id;
}
const state = (id) => operator.reads(`/v1/commands/${id}`);
const reaches = (id, wanted, ms = 60000) => until(`the command to be ${wanted}`, async () => { const b = await state(id); return b.state === wanted && b; }, ms);
async function operations(id) {
  const items = [];
  for (let cursor = ''; ;) {
    const page = await operator.reads(`/v1/operations?command=${id}&limit=200${cursor}`);
    items.push(...page.items);
    if (!page.next_cursor) return items;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
}
const settle = (id) => until('every operation to end', async () => (await operations(id)).every((o) => over.includes(o.state)), 60000);
const fleet = (prefix, count, answers) => Promise.all(Array.from({ length: count }, async (_, i) => {
  const station = await connect(`${prefix}-${i}`, answers(i));
  await station.boots({ chargePointVendor: prefix, firmwareVersion: i % 2 ? '2' : '1' });
  return station;
}));
const heard = (stations, action) => stations.map((s) => s.heard.filter((call) => call.action === action).length);
const close = (stations) => Promise.all(stations.map((s) => s.close()));

test('a filter, a list, a rate; stations that are away fail or are waited for', async () => {
  const stations = await fleet('Rate', 8, () => ({ ClearCache: yes() }));
  await stations[7].close();
  await until('offline', async () => !(await operator.reads('/v1/stations/Rate-7')).online);
  const began = Date.now();
  const id = await bulk({ action: 'ClearCache', filter: { vendor: 'rate' }, rate_per_second: 10 });
  const done = await reaches(id, 'finished');
  await settle(id);
  const { counts, total } = await state(id);
  assert.equal(total, 8);
  assert.equal(counts.succeeded, 7);
  assert.equal(counts.failed, 1);
  assert.deepEqual(heard(stations, 'ClearCache'), [1, 1, 1, 1, 1, 1, 1, 0]);
  const times = stations.slice(0, 7).map((s) => s.heard[0].at).sort((a, b) => a - b);
  assert.ok(times.at(-1) - times[0] >= 500, `not faster than its rate: ${times.map((t) => t - began)}`);
  assert.ok(done.ended_at);
  const odd = await bulk({ action: 'ClearCache', filter: { vendor: 'Rate', firmware_version: '2' }, rate_per_second: 100, if_offline: 'queue' });
  await reaches(odd, 'finished');
  await until('the others', async () => (await state(odd)).counts.succeeded === 3);
  assert.equal((await state(odd)).counts.queued, 1);
  stations[7].answers.ClearCache = yes();
  await stations[7].reconnect();
  await stations[7].boots();
  await until('the one that was away', async () => (await state(odd)).counts.succeeded === 4);
  const named = await bulk({ action: 'ClearCache', stations: ['Rate-0', 'Rate-3'] });
  await reaches(named, 'finished');
  await settle(named);
  assert.deepEqual((await operations(named)).map((o) => o.station_id).sort(), ['Rate-0', 'Rate-3']);
  assert.equal((await operator.reads('/v1/commands?limit=2')).items[0].id, named);
  await close(stations);
});

test('what is wrong with an order is told, and nothing is sent', async () => {
  const [station] = await fleet('Wrong', 1, () => ({ Reset: yes() }));
  for (const [body, pointer] of [
    [{ action: 'Reset', payload: { type: 'Gentle' }, stations: ['Wrong-0'] }, '/payload/type'],
    [{ action: 'Reset', payload: { type: 'Soft' } }, '/stations'],
    [{ action: 'Reset', payload: { type: 'Soft' }, filter: {} }, '/filter'],
    [{ action: 'Reset', payload: { type: 'Soft' }, stations: ['Wrong-0', 'Nowhere'] }, '/stations/1'],
    [{ action: 'Reset', payload: { type: 'Soft' }, stations: ['Wrong-0', 'Wrong-0'] }, '/stations'],
    [{ action: 'Reset', payload: { type: 'Soft' }, filter: { vendor: 'Nobody' } }, '/filter'],
    [{ action: 'Reset', payload: { type: 'Soft' }, stations: ['Wrong-0'], rate_per_second: 0 }, '/rate_per_second'],
    [{ action: 'Reset', payload: 'Soft', stations: ['Wrong-0'] }, '/payload'],
  ]) {
    const { status, body: problem } = await operator.api('POST', '/v1/commands', body);
    assert.equal(status, 422, JSON.stringify([body, problem]));
    assert.equal(problem.errors[0].pointer, pointer);
  }
  assert.equal((await operator.api('POST', '/v1/commands', { action: 'Explode', stations: ['Wrong-0'] })).status, 404);
  assert.equal((await operator.busbar.api('south', 'POST', '/v1/commands', { action: 'Reset', payload: { type: 'Soft' }, stations: ['Wrong-0'] })).status, 422);
  assert.deepEqual(heard([station], 'Reset'), [0]);
  await station.close();
});

test('paused, resumed, cancelled; stopped after too many failures', async () => {
  const stations = await fleet('Many', 12, () => ({ ClearCache: yes(), Reset: { status: 'Rejected' } }));
  const sum = (action) => heard(stations, action).reduce((a, b) => a + b);
  const id = await bulk({ action: 'ClearCache', filter: { vendor: 'Many' }, rate_per_second: 4 });
  await until('some', () => sum('ClearCache') >= 2);
  const paused = await operator.api('POST', `/v1/commands/${id}/pause`);
  assert.equal(paused.body.state, 'paused');
  await sleep(400);
  const before = sum('ClearCache');
  await sleep(1000);
  assert.equal(sum('ClearCache'), before);
  assert.ok(before < 12);
  assert.equal((await operator.api('POST', `/v1/commands/${id}/pause`)).status, 409);
  assert.equal((await operator.api('POST', `/v1/commands/${id}/resume`)).body.state, 'running');
  await reaches(id, 'finished');
  assert.deepEqual(heard(stations, 'ClearCache'), Array(12).fill(1));
  assert.equal((await operator.api('POST', `/v1/commands/${id}/cancel`)).status, 409);

  const cancelled = await bulk({ action: 'ClearCache', filter: { vendor: 'Many' }, rate_per_second: 4 });
  await until('some', () => sum('ClearCache') >= 14);
  assert.equal((await operator.api('POST', `/v1/commands/${cancelled}/cancel`)).body.state, 'cancelled');
  await settle(cancelled);
  const counts = (await state(cancelled)).counts;
  assert.equal(counts.succeeded + counts.cancelled, 12);
  assert.equal(counts.succeeded, sum('ClearCache') - 12);
  assert.ok(counts.cancelled > 0);

  const stopped = await bulk({ action: 'Reset', payload: { type: 'Soft' }, filter: { vendor: 'Many' }, rate_per_second: 5, max_failures: 3 });
  await reaches(stopped, 'stopped');
  await settle(stopped);
  assert.equal((await state(stopped)).counts.rejected, 3);
  assert.equal((await state(stopped)).counts.cancelled, 9);
  assert.equal(sum('Reset'), 3);
  await close(stations);
});

async function killWorker() {
  const { worker_pid: old } = operator.busbar.info;
  process.kill(old, 'SIGKILL');
  await until('a new worker that serves', async () => operator.busbar.info.worker_pid !== old && (await operator.busbar.ready()), 30000);
}

test('kill -9 in the middle of 50 stations: each gets it once', async () => {
  const stations = await fleet('Crash', 50, () => ({ ClearCache: yes() }));
  const counted = () => heard(stations, 'ClearCache');
  const id = await bulk({ action: 'ClearCache', filter: { vendor: 'Crash' }, rate_per_second: 20 });
  await until('a third of them', () => counted().filter((n) => n > 0).length >= 16);
  await killWorker();
  await Promise.all(stations.map((s) => until(`${s.id} to be back`, () => s.reconnect().then(() => true, () => false), 30000)));
  await reaches(id, 'finished');
  await settle(id);
  const all = await operations(id);
  assert.equal(all.length, 50);
  assert.ok(counted().every((n) => n <= 1), `nobody twice: ${counted()}`);
  // Between the commit that says "sent" and the frame lies less than a millisecond; whom it hits is not sent it again.
  for (const o of all) {
    const times = counted()[Number(o.station_id.split('-')[1])];
    assert.ok(o.state === 'unknown' || (o.state === 'succeeded' && times === 1), JSON.stringify([o.state, times, o.steps]));
  }
  const unknown = all.filter((o) => o.state === 'unknown');
  assert.ok(unknown.length <= 2, JSON.stringify(unknown.map((o) => o.steps)));
  for (const o of unknown) assert.equal(o.summary, 'It was sent, and busbard restarted before the answer was stored; it is not sent again.');
  await close(stations);
});

test('kill -9 while commands are under way: the effect is still found, a lost answer is unknown, what was queued is sent', async () => {
  let silent = true;
  const start = await connect('Kill-start', { RemoteStartTransaction: yes() });
  const mute = await connect('Kill-mute', { ClearCache: () => (silent ? new Promise(() => {}) : yes()), GetLocalListVersion: { listVersion: 3 } });
  const boot = await connect('Kill-boot', { Reset: yes() });
  for (const s of [start, mute, boot]) await s.isAvailable(1);
  const order = async (s, action, payload, query = '') => (await operator.api('POST', `/v1/stations/${s.id}/commands/${action}?wait=none${query}`, payload)).body.operation_id;
  const following = await order(start, 'RemoteStartTransaction', { connectorId: 1, idTag: 'CARD1' });
  const lost = await order(mute, 'ClearCache', {});
  await mute.hears('ClearCache');
  const queued = await order(mute, 'GetLocalListVersion', {}); // behind the one that is not answered
  const reset = await order(boot, 'Reset', { type: 'Hard' });
  const operation = (id) => operator.reads(`/v1/operations/${id}`);
  await until('both to be followed', async () => (await operation(following)).state === 'following' && (await operation(reset)).state === 'following');
  assert.equal((await operation(lost)).state, 'sent');
  assert.equal((await operation(queued)).state, 'queued');
  await killWorker();
  silent = false;
  const back = (s) => until(`${s.id} to be back`, () => s.reconnect().then(() => true, () => false), 30000);
  await Promise.all([start, mute, boot].map(back));
  await start.reports(1, 'Preparing');
  await start.starts(1, 'CARD1', { timestamp: now() });
  await boot.boots();
  const ends = (id, wanted) => until(`${id} to be ${wanted}`, async () => { const o = await operation(id); return o.state === wanted && o; }, 30000);
  const started = await ends(following, 'succeeded');
  assert.ok(started.session_id);
  await ends(reset, 'succeeded');
  await ends(lost, 'unknown');
  await ends(queued, 'succeeded');
  assert.deepEqual(heard([mute], 'ClearCache'), [1]);
  assert.deepEqual(heard([mute], 'GetLocalListVersion'), [1]);
  await close([start, mute, boot]);
});
