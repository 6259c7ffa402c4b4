// SPDX-License-Identifier: Apache-2.0
//
// Who is online, and how soon it is known that somebody is not: a socket that is dead without having been closed, and
// a process that was killed with the connections that it held. Intervals are shortened by options.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, sleep, until } from './lib.mjs';

let busbar;
before(async () => {
  busbar = await Busbar.start({
    tenants: {
      north: { plugins: { identity: {}, charging: { lease_s: 6 }, ocpp16: { onboarding: 'accept', ping_ms: 1000, ping_timeout_ms: 1000 }, admin: {} } },
    },
  });
});
after(() => busbar?.stop());

async function connect(id) {
  const ws = new WebSocket(`${busbar.ocpp('north')}/${id}`, ['ocpp1.6']);
  ws.on('error', () => {});
  await once(ws, 'open');
  return ws;
}
const station = async (id) => (await busbar.api('north', 'GET', `/v1/stations/${id}`)).body;
const events = (id) => busbar.sql(`select topic, payload->>'reason' from core.event where key = '${id}' and topic in ('station.connected', 'station.disconnected') order by xid, seq`);

test('a link that is dead, and says nothing of it', async () => {
  const ws = await connect('CUT');
  assert.equal((await station('CUT')).online, true);
  ws._socket.pause(); // pings are not read, nothing is sent, the connection is open
  await until('the station to be offline', async () => !(await station('CUT')).online, 10000);
  assert.deepEqual(events('CUT'), [['station.connected', ''], ['station.disconnected', 'connection lost']]);
  ws.terminate();
});

test('a quiet station whose link is well stays', async () => {
  const ws = await connect('QUIET');
  await sleep(5000);
  assert.equal((await station('QUIET')).online, true);
  assert.equal(events('QUIET').length, 1);
  ws.close();
  await once(ws, 'close');
  await until('offline', async () => !(await station('QUIET')).online);
});

test('a process is killed: who comes back was never away, who does not is offline', async () => {
  const stays = await connect('STAYS-AWAY'), returns = await connect('RETURNS');
  const closed = Promise.all([once(stays, 'close'), once(returns, 'close')]);
  process.kill(busbar.info.worker_pid, 'SIGKILL');
  await closed;
  const again = await until('the next process', () => connect('RETURNS').catch(() => undefined), 30000);
  assert.equal((await station('STAYS-AWAY')).online, true, 'it has some time');
  await until('the lost station to be offline', async () => !(await station('STAYS-AWAY')).online, 40000);
  assert.deepEqual(events('STAYS-AWAY'), [['station.connected', ''], ['station.disconnected', 'not heard of any more']]);
  assert.equal((await station('RETURNS')).online, true);
  assert.deepEqual(events('RETURNS'), [['station.connected', ''], ['station.connected', '']]);
  assert.ok(busbar.logLines().some((line) => line.event === 'station.lost' && line.stations === 1));
  again.close();
  await once(again, 'close');
});
