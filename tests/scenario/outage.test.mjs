// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL is stuck for longer than answers can be held: stations that wait are closed with 1013, since a
// closed socket costs them nothing and an error would; new ones get 503 with Retry-After; afterwards everything
// goes on, and what was repeated is stored once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, postgresPids, signalAll, sleep, until } from './lib.mjs';

let busbar;
before(async () => {
  busbar = await Busbar.start({ tenants: { north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {} } } } });
  await busbar.api('north', 'PUT', '/v1/tokens/CARD1', { status: 'accepted' });
});
after(async () => { await busbar?.stop(); });

async function connect(id) {
  const ws = new WebSocket(`${busbar.ocpp('north')}/${id}`, ['ocpp1.6'], { handshakeTimeout: 40000 });
  const station = { ws, frames: [], closed: new Promise((resolve) => ws.on('close', (code) => resolve(code))) };
  ws.on('message', (data) => station.frames.push(JSON.parse(data.toString())));
  await new Promise((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
    ws.once('unexpected-response', (_request, response) => reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode, headers: response.headers })));
  });
  return station;
}

test('a database that is stuck costs time and nothing else', async () => {
  const station = await connect('HELD'), idle = await connect('IDLE');
  const start = { connectorId: 1, idTag: 'CARD1', meterStart: 5, timestamp: '2026-10-05T10:00:00Z' };
  const pids = postgresPids(busbar);
  signalAll(pids, 'SIGSTOP');
  const began = Date.now();
  let newcomer;
  try {
    station.ws.send(JSON.stringify([2, 's1', 'StartTransaction', start]));
    idle.ws.send(JSON.stringify([2, 'h1', 'Heartbeat', {}]));
    await until('the heartbeat, which needs no database', () => idle.frames.length > 0, 5000);
    const code = await station.closed;
    const held = Date.now() - began;
    console.log(`# closed with ${code} after ${held} ms`);
    assert.equal(code, 1013);
    assert.ok(held > 15000, 'the answer was held first');
    assert.deepEqual(station.frames, [], 'no error was sent');
    newcomer = await connect('NEW').catch((error) => error);
    assert.equal(newcomer.status, 503, String(newcomer.message));
    assert.match(newcomer.headers['retry-after'], /^\d+$/);
  } finally {
    signalAll(pids, 'SIGCONT');
  }
  const again = await until('the station to be let in again', () => connect('HELD').catch(() => null), 60000);
  for (const id of ['s2', 's3']) again.ws.send(JSON.stringify([2, id, 'StartTransaction', start]));
  await until('both answers', () => again.frames.length === 2, 30000);
  assert.equal(again.frames[0][0], 3);
  assert.equal(again.frames[0][2].idTagInfo.status, 'Accepted', 'an outage never becomes Invalid');
  assert.deepEqual(again.frames[0][2], again.frames[1][2]);
  assert.deepEqual(busbar.sql("select count(*) from charging.session where station_id = 'HELD'"), [['1']]);
  await sleep(100);
  again.ws.close();
  idle.ws.close();
});
