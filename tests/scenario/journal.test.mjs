// SPDX-License-Identifier: Apache-2.0
//
// The message journal: what was said is found again, in pairs, without its secrets, by its own tenant only; it can be
// watched as it passes; and a database that is away costs frames of the journal and nothing else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, postgresPids, signalAll, sleep, until } from './lib.mjs';

let busbar;
before(async () => {
  const plugins = { identity: {}, charging: {}, ocpp16: { onboarding: 'accept', messages_per_second: 10000 }, admin: {} };
  busbar = await Busbar.start({ tenants: { north: { plugins }, south: { plugins }, mute: { plugins: { ...plugins, ocpp16: { onboarding: 'accept', journal_days: 0 } } } } });
  await busbar.api('north', 'PUT', '/v1/tokens/CARD1', { status: 'accepted' });
});
after(async () => { await busbar?.stop(); });

const list = async (id, query = '', tenant = 'north') => {
  const { status, body } = await busbar.api(tenant, 'GET', `/v1/stations/${id}/messages${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};

async function raw(tenant, id) {
  const ws = new WebSocket(`${busbar.ocpp(tenant)}/${id}`, ['ocpp1.6']);
  const station = { ws, frames: [] };
  ws.on('message', (data) => station.frames.push(JSON.parse(data.toString())));
  await new Promise((resolve, reject) => { ws.once('open', resolve); ws.once('error', reject); });
  station.say = async (frame) => {
    const count = station.frames.length;
    ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    await until('an answer', () => station.frames.length > count);
    return station.frames.at(-1);
  };
  return station;
}

test('both directions are journalled in pairs, with latency and verdict', async () => {
  const station = await busbar.station('north', 'PAIR', { handlers: {
    Reset: async () => { await sleep(30); return { status: 'Accepted' }; },
    ClearCache: async () => { throw Object.assign(new Error('not here'), { rpcErrorCode: 'NotSupported' }); },
  } });
  await station.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
  await station.call('StatusNotification', { connectorId: 2, errorCode: 'NoError', status: 'Available' });
  const reset = await busbar.api('north', 'POST', '/v1/stations/PAIR/commands/Reset', { type: 'Soft' });
  assert.equal(reset.status, 200, JSON.stringify(reset.body));
  await busbar.api('north', 'POST', '/v1/stations/PAIR/commands/ClearCache', {});

  const { items, next_cursor } = await list('PAIR');
  assert.equal(next_cursor ?? null, null);
  assert.deepEqual(items.map((m) => `${m.direction} ${m.type} ${m.action}`), [
    'in CALLERROR ClearCache', 'out CALL ClearCache', 'in CALLRESULT Reset', 'out CALL Reset',
    'out CALLRESULT StatusNotification', 'in CALL StatusNotification',
    'out CALLRESULT BootNotification', 'in CALL BootNotification']);
  for (let i = 0; i < items.length; i += 2) {
    const [answer, call] = [items[i], items[i + 1]];
    assert.equal(answer.pair_id, call.id);
    assert.equal(call.pair_id, answer.id);
    assert.equal(call.message_id, answer.message_id);
    assert.equal(call.latency_ms, answer.latency_ms);
    assert.equal(call.verdict, answer.verdict);
    assert.ok(answer.latency_ms > 0 && answer.latency_ms < 5000, `${answer.latency_ms}`);
    assert.ok(Math.abs(Date.now() - Date.parse(call.at)) < 30000);
    assert.equal(call.connection_epoch, items[0].connection_epoch);
  }
  assert.equal(items[0].verdict, items[0].payload[0], 'a CALLERROR begins with its code');
  assert.notEqual(items[0].verdict, 'ok');
  assert.ok(items[2].latency_ms >= 25, 'the time that the station took');
  assert.deepEqual(items[3].payload, { type: 'Soft' });
  assert.deepEqual(items[5].payload, { connectorId: 2, errorCode: 'NoError', status: 'Available' });
  assert.equal(items[5].connector_id, 2);
  assert.equal(items[6].payload.status, 'Accepted');
  assert.equal(items[7].bytes, JSON.stringify([2, items[7].message_id, 'BootNotification', items[7].payload]).length);
  await station.close();
});

test('an answer that comes after its CALL was written reaches both', async () => {
  const station = await busbar.station('north', 'LATE', { handlers: { Reset: async () => { await sleep(1500); return { status: 'Accepted' }; } } });
  const reset = busbar.api('north', 'POST', '/v1/stations/LATE/commands/Reset', { type: 'Soft' });
  const call = await until('the CALL', async () => (await list('LATE')).items[0]);
  assert.equal(call.verdict, undefined, 'no answer yet');
  assert.equal((await reset).status, 200);
  const { items } = await list('LATE');
  assert.equal(items.length, 2);
  assert.equal(items[1].id, call.id);
  assert.equal(items[1].verdict, 'ok');
  assert.equal(items[1].pair_id, items[0].id);
  assert.ok(items[1].latency_ms >= 1400);
  await station.close();
});

test('secrets are masked in both directions', async () => {
  const station = await busbar.station('north', 'SECRET', { handlers: {
    ChangeConfiguration: () => ({ status: 'Accepted' }),
    GetConfiguration: () => ({ configurationKey: [
      { key: 'HeartbeatInterval', readonly: false, value: '300' }, { key: 'AuthorizationKey', readonly: false, value: 'hunter2-hunter2-hunter2' }] }),
  } });
  await busbar.api('north', 'POST', '/v1/stations/SECRET/commands/ChangeConfiguration', { key: 'AuthorizationKey', value: 'hunter2-hunter2-hunter2' });
  await busbar.api('north', 'POST', '/v1/stations/SECRET/commands/GetConfiguration', {});
  await busbar.api('north', 'POST', '/v1/stations/SECRET/commands/GetDiagnostics', { location: 'ftp://me:hunter2@files.test/up' });
  const { items } = await list('SECRET');
  const change = items.find((m) => m.type === 'CALL' && m.action === 'ChangeConfiguration');
  assert.deepEqual(change.payload, { key: 'AuthorizationKey', value: '********' });
  const answer = items.find((m) => m.type === 'CALLRESULT' && m.action === 'GetConfiguration');
  assert.deepEqual(answer.payload.configurationKey.map((k) => k.value), ['300', '********']);
  assert.ok(items.some((m) => m.action === 'GetDiagnostics'));
  assert.doesNotMatch(JSON.stringify(items), /hunter2/);
  assert.deepEqual(busbar.sql("select count(*) from ocpp16.message where payload like '%hunter2%'"), [['0']]);
  await station.close();
});

test('filters, and pages that follow each other', async () => {
  const station = await raw('north', 'FILTER');
  const began = new Date().toISOString();
  for (let i = 0; i < 12; i++) await station.say([2, `h${i}`, 'Heartbeat', {}]);
  await station.say([2, 's1', 'StatusNotification', { connectorId: 3, errorCode: 'NoError', status: 'Available', info: 'Näbel' }]);
  await station.say([2, 'e1', 'StatusNotification', { connectorId: 'three' }]);
  station.ws.send('this is no frame');
  await until('the wreck', async () => (await list('FILTER', '?type=unreadable')).items.length === 1);

  const pages = [];
  for (let cursor = null; ;) {
    const page = await list('FILTER', `?limit=10${cursor ? `&cursor=${cursor}` : ''}`);
    pages.push(page.items);
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  assert.deepEqual(pages.map((p) => p.length), [10, 10, 9]);
  assert.equal(new Set(pages.flat().map((m) => m.id)).size, 29);
  const count = async (query) => (await list('FILTER', `?limit=200&${query}`)).items.length;
  assert.equal(await count('action=Heartbeat'), 24);
  assert.equal(await count('action=Heartbeat&direction=in'), 12);
  assert.equal(await count('type=CALLERROR'), 1);
  assert.equal(await count('connector=3'), 2, 'the CALL and its answer');
  assert.equal(await count('error=true'), 3, 'the CALL that was refused, its CALLERROR, and the wreck');
  assert.equal(await count('error=false'), 26);
  assert.equal(await count(`q=${encodeURIComponent('NäBEL')}`), 1);
  assert.equal(await count(`from=${encodeURIComponent(began)}`), 29);
  assert.equal(await count(`to=${encodeURIComponent(began)}`), 0);
  const [wreck] = (await list('FILTER', '?type=unreadable')).items;
  assert.equal(wreck.text, 'this is no frame');
  assert.equal(wreck.verdict, 'unreadable');
  const [refused] = (await list('FILTER', '?type=CALLERROR')).items;
  assert.equal(refused.verdict, refused.payload[0]);

  for (const [query, status] of [['?limit=0', 400], ['?type=nothing', 400], ['?cursor=00', 400], [`?q=${'x'.repeat(101)}`, 400]]) {
    assert.equal((await busbar.api('north', 'GET', `/v1/stations/FILTER/messages${query}`)).status, status, query);
  }
  assert.equal((await busbar.api('north', 'GET', '/v1/stations/NOBODY/messages')).status, 404);
  assert.equal((await busbar.api('north', 'GET', '/v1/stations/FILTER/messages', undefined, { authorization: null })).status, 401);
  station.ws.close();
});

test('another tenant sees nothing of it', async () => {
  const [north, south] = [await raw('north', 'SAME'), await raw('south', 'SAME')];
  await north.say([2, 'n1', 'Heartbeat', {}]);
  await south.say([2, 's1', 'Heartbeat', {}]);
  assert.deepEqual((await list('SAME')).items.map((m) => m.message_id), ['n1', 'n1']);
  assert.deepEqual((await list('SAME', '', 'south')).items.map((m) => m.message_id), ['s1', 's1']);
  assert.equal((await busbar.api('south', 'GET', '/v1/stations/FILTER/messages')).status, 404);
  north.ws.close();
  south.ws.close();
});

/** Events of a live tail, as they come; `close` ends it. */
async function tail(id, tenant = 'north') {
  const abort = new AbortController();
  const response = await fetch(`${busbar.base(tenant)}/v1/stations/${id}/messages/live`, { headers: { authorization: `Bearer ${busbar.keys[tenant]}` }, signal: abort.signal });
  const events = [];
  const done = (async () => {
    let text = '';
    try {
      for await (const chunk of response.body) {
        text += Buffer.from(chunk).toString();
        for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
          const data = /^data: (.*)$/m.exec(text.slice(0, end));
          if (data) events.push(JSON.parse(data[1]));
        }
      }
    } catch { /* closed */ }
  })();
  return { status: response.status, type: response.headers.get('content-type'), events, done, close: () => abort.abort() };
}

test('a live tail gets the next message, of its station only', async () => {
  const station = await raw('north', 'LIVE'), other = await raw('north', 'OTHER');
  const live = await tail('LIVE');
  assert.equal(live.status, 200);
  assert.match(live.type, /^text\/event-stream/);
  await other.say([2, 'o1', 'Heartbeat', {}]);
  await station.say([2, 'l1', 'Heartbeat', {}]);
  await until('both frames', () => live.events.length === 2, 2000);
  assert.deepEqual(live.events.map((e) => [e.direction, e.type, e.message_id, e.action]), [['in', 'CALL', 'l1', 'Heartbeat'], ['out', 'CALLRESULT', 'l1', 'Heartbeat']]);
  assert.equal(live.events[1].pair_id, live.events[0].id);
  assert.deepEqual((await list('LIVE')).items.map((m) => m.id), live.events.map((e) => e.id).reverse());
  live.close();
  await live.done;
  await station.say([2, 'l2', 'Heartbeat', {}]);
  assert.equal((await tail('NOBODY')).status, 404);
  station.ws.close();
  other.ws.close();
});

test('a tenant may go without a journal', async () => {
  const station = await raw('mute', 'QUIET');
  await station.say([2, '1', 'Heartbeat', {}]);
  assert.deepEqual((await list('QUIET', '', 'mute')).items, []);
  assert.equal((await tail('QUIET', 'mute')).status, 409);
  assert.deepEqual(busbar.sql("select count(*) from ocpp16.message where tenant_id = 'mute'"), [['0']]);
  station.ws.close();
});

const dropped = async () => {
  const text = await (await fetch(`http://127.0.0.1:${busbar.operationPort}/metrics`)).text();
  return Number(/^ocpp_journal_dropped_total (\S+)$/m.exec(text)?.[1] ?? 0);
};

test('a database that is stuck costs frames of the journal and slows nothing', async () => {
  const station = await raw('north', 'STUCK');
  const pids = postgresPids(busbar);
  assert.equal(await dropped(), 0);
  signalAll(pids, 'SIGSTOP');
  try {
    for (let i = 0; i < 6000; i += 100) {
      const before = station.frames.length;
      for (let k = i; k < i + 100; k++) station.ws.send(JSON.stringify([2, `x${k}`, 'Heartbeat', {}]));
      await until('the answers', () => station.frames.length === before + 100, 5000);
    }
    assert.equal(station.frames.length, 6000, 'every message was answered');
    assert.ok(await dropped() > 0, 'the oldest frames went');
  } finally {
    signalAll(pids, 'SIGCONT');
  }
  await station.say([2, 'after', 'Heartbeat', {}]);
  await until('the journal to go on', async () => (await list('STUCK')).items[0]?.message_id === 'after', 20000);
  const lost = await dropped();
  const kept = await until('the rest to be written', () => {
    const [[count]] = busbar.sql("select count(*) from ocpp16.message where station_id = 'STUCK'");
    return Number(count) + lost >= 12002 && Number(count);
  });
  assert.equal(kept + lost, 12002, 'each frame is in the journal or counted as dropped');
  station.ws.close();
});

test('what waits is written before the program ends, and what is old goes', async () => {
  const station = await raw('north', 'END');
  await station.say([2, 'last', 'Heartbeat', {}]);
  const live = await tail('END');
  const told = Date.now();
  busbar.process.kill('SIGTERM');
  await busbar.exited;
  assert.ok(Date.now() - told < 15000, 'an open live tail does not hold up the end');
  live.close();
  await busbar.launch();
  assert.deepEqual((await list('END')).items.map((m) => m.message_id), ['last', 'last']);
  busbar.sql("set busbar.tenant = 'north'; insert into ocpp16.message select 'north', 'END', now() - interval '31 days', n, 1, false, 2, 'Heartbeat', 'old', null, '{}', 1, false from generate_series(1, 7000) as n");
  await until('the old frames to go', () => busbar.sql("select count(*) from ocpp16.message where message_id = 'old'")[0][0] === '0', 30000);
  assert.equal((await list('END')).items.length, 2);
});
