// SPDX-License-Identifier: Apache-2.0
//
// The examples of the SDK, as binaries in the folder EXAMPLES, loaded into busbard for one tenant and used.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, build, freePort, until } from '../scenario/lib.mjs';

let busbar, meterPort;
before(async () => {
  meterPort = await freePort();
  busbar = await Busbar.start({
    pluginFolders: [path.join(build, '.libs'), process.env.EXAMPLES],
    tenants: {
      north: { plugins: { identity: {}, charging: {}, admin: {}, echo: {}, 'voucher-pay': {}, 'line-meter': { listen: `127.0.0.1:${meterPort}` }, tally: { min_energy_wh: 10 } } },
      south: { plugins: { identity: {}, charging: {}, admin: {} } },
    },
  });
});
after(async () => { await busbar?.stop(); });

test('echo sends back text and binary messages', async () => {
  const ws = new WebSocket(`ws://127.0.0.1:${busbar.port}/t/north/echo`);
  await new Promise((resolve, reject) => { ws.once('open', resolve); ws.once('error', reject); });
  const next = () => new Promise((resolve) => ws.once('message', (data, binary) => resolve([data, binary])));
  for (const [data, binary] of [['grüße', false], [Buffer.alloc(300000, 7), true], ['', false]]) {
    const answer = next();
    ws.send(data, { binary });
    const [got, wasBinary] = await answer;
    assert.equal(wasBinary, binary);
    assert.deepEqual(Buffer.from(got), Buffer.from(data));
  }
  ws.close(1000);
});

test('a voucher pays: hold, code on the page, capture, refund, each only once', async () => {
  const step = async (name, body = {}) => (await busbar.api('north', 'POST', `/v1/voucher-payments/ref-1/${name}`, body)).body;
  assert.equal((await busbar.api('north', 'POST', '/v1/vouchers/GIFT', { currency: 'EUR', balance_minor: 2000 })).status, 201);
  assert.equal((await busbar.api('north', 'POST', '/v1/vouchers/GIFT', { currency: 'EUR', balance_minor: 2000 })).status, 409);
  const held = await step('hold', { amount_minor: 1500, currency: 'EUR', return_url: '/thanks' });
  assert.equal(held.state, 1);
  const pay = (code) => fetch(`${busbar.base('north')}/pay/voucher/ref-1`, { method: 'POST', body: `code=${code}`, redirect: 'manual' });
  assert.equal((await pay('WRONG')).status, 409);
  assert.equal((await pay('GIFT')).status, 303);
  assert.equal((await step('lookup')).held_minor, 1500);
  assert.equal((await step('capture', { amount_minor: 900 })).captured_minor, 900);
  assert.equal((await step('capture', { amount_minor: 900 })).captured_minor, 900);
  assert.equal((await busbar.api('north', 'GET', '/v1/vouchers/GIFT')).body.balance_minor, 1100);
  assert.equal((await step('refund', { amount_minor: 900 })).state, 5);
  assert.equal((await busbar.api('north', 'GET', '/v1/vouchers/GIFT')).body.balance_minor, 2000);
  assert.equal((await busbar.api('south', 'GET', '/v1/vouchers/GIFT')).status, 404);
});

function meter() {
  const socket = net.connect(meterPort, '127.0.0.1').setEncoding('utf8');
  const lines = [], waiters = [];
  let rest = '';
  socket.on('data', (data) => {
    const parts = (rest + data).split('\n');
    rest = parts.pop();
    for (const line of parts) (waiters.shift() ?? ((l) => lines.push(l)))(line);
  });
  const next = () => (lines.length ? Promise.resolve(lines.shift()) : new Promise((resolve) => waiters.push(resolve)));
  return { socket, next, say: async (line) => { socket.write(line + '\n'); return next(); } };
}

test('a meter with a protocol of its own charges like any station', async () => {
  await busbar.api('north', 'PUT', '/v1/tokens/CARD1', { status: 'accepted' });
  await busbar.api('north', 'PUT', '/v1/stations/METER-1', { password: 'long-enough' });
  const stranger = meter();
  assert.match(await stranger.say('HELLO METER-1 guess'), /^ERR /);
  const m = meter();
  assert.equal(await m.say('HELLO METER-1 long-enough'), 'OK');
  assert.equal(await m.say('STATE available'), 'OK');
  assert.match(await m.say('AUTH NOBODY'), /^ERR /);
  assert.equal(await m.say('AUTH CARD1'), 'OK');
  const command = busbar.api('north', 'POST', '/v1/stations/METER-1/commands/Start', { token: 'CARD1' });
  assert.equal(await m.next(), 'START CARD1');
  m.socket.write('OK\n');
  const answer = await command;
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body.result, { status: 'Accepted' });
  const operation = async () => (await busbar.api('north', 'GET', `/v1/operations/${answer.body.operation_id}`)).body;
  assert.equal((await operation()).summary, 'Waiting for the meter to charge.');
  assert.equal(await m.say('START CARD1 1000'), 'OK');
  await until('the effect of the command', async () => (await operation()).state === 'succeeded');
  assert.ok((await operation()).session_id);
  assert.equal(await m.say('METER 1500 7000'), 'OK');
  assert.equal(await m.say('STOP 2000'), 'OK');
  assert.match(await m.say('NONSENSE'), /^ERR /);
  const { body } = await busbar.api('north', 'GET', '/v1/sessions?station=METER-1');
  assert.equal(body.items.length, 1);
  assert.equal(body.items[0].state, 'ended');
  assert.equal(body.items[0].energy_wh, 1000);
  await until('tally to have counted it', async () => (await busbar.api('north', 'GET', '/v1/tally/METER-1')).body.sessions === 1);
  m.socket.end();
  await until('the meter to be offline', async () => !(await busbar.api('north', 'GET', '/v1/stations/METER-1')).body.online);
});

test('a plugin with books of its own: counted by an event, forgotten by a job', async () => {
  const read = async () => (await busbar.api('north', 'GET', '/v1/tally/METER-1')).body;
  assert.deepEqual(await read(), { station_id: 'METER-1', sessions: 1, energy_wh: 1000 });
  const forget = async (before) => (await busbar.api('north', 'POST', '/v1/tally-forgettings', { before })).status;
  assert.equal(await forget('yesterday'), 422);
  assert.equal(await forget('2020-01-01T00:00:00Z'), 202);
  assert.equal(await forget(new Date(Date.now() + 60000).toISOString()), 202);
  await until('the session to be forgotten', async () => (await read()).sessions === 0);
  assert.equal((await busbar.api('south', 'GET', '/v1/tally/METER-1')).status, 404);
});
