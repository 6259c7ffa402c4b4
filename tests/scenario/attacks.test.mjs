// SPDX-License-Identifier: Apache-2.0
//
// A station under attack: passwords are guessed, somebody connects under its name, it floods. What the operator learns
// of it, what it costs the station, and that no password is written down anywhere.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, sleep, until } from './lib.mjs';

let busbar;
before(async () => {
  busbar = await Busbar.start({
    tenants: { north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept', messages_per_second: 50 }, admin: {} } } },
  });
});
after(() => busbar?.stop());

/** The socket, or the HTTP status of the refusal. */
async function connect(id, password) {
  const headers = password === undefined ? {} : { authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}` };
  const ws = new WebSocket(`${busbar.ocpp('north')}/${id}`, ['ocpp1.6'], { headers });
  return new Promise((resolve, reject) => {
    ws.once('open', () => resolve(ws));
    ws.once('unexpected-response', (_request, response) => { resolve(response.statusCode); ws.terminate(); });
    ws.once('error', (error) => (/Unexpected|before the connection/.test(error.message) ? undefined : reject(error)));
  });
}
const events = async (id) => (await busbar.api('north', 'GET', `/v1/stations/${id}/security-events`)).body.items;

const password = 'right-horse-battery-1', next = 'next-staple-battery-2', guess = (i) => `wrong-guess-${i}-padding`;

test('guessed passwords: refused, then slowed down, raised once; the right one enters all the time', async () => {
  assert.equal((await busbar.api('north', 'PUT', '/v1/stations/GUESSED', { password })).status, 201);
  const answers = [];
  for (let i = 0; i < 15; i++) answers.push(await connect('GUESSED', guess(i)));
  assert.equal(answers[0], 401);
  assert.equal(answers.at(-1), 429);
  const ws = await connect('GUESSED', password);
  assert.ok(ws instanceof WebSocket, 'nobody is locked out by what others try');
  const raised = (await events('GUESSED')).filter((e) => e.type === 'RepeatedWrongPasswords');
  assert.equal(raised.length, 1, 'at most one a minute');
  assert.equal(raised[0].noticed, true);
  assert.match(raised[0].tech_info, /127\.0\.0\.1/);
  assert.deepEqual(busbar.sql("select count(*) from core.event where topic = 'station.security_event' and key = 'GUESSED'"), [['1']]);
  ws.close();
  await once(ws, 'close');
});

test('somebody connects under the name and with the password of a station that is there', async () => {
  await busbar.api('north', 'PUT', '/v1/stations/TWIN', { password });
  const ws = await connect('TWIN', password);
  assert.equal(await connect('TWIN', password), 409);
  assert.equal(await connect('TWIN', password), 409);
  const raised = (await events('TWIN')).filter((e) => e.type === 'DuplicateConnection');
  assert.equal(raised.length, 1);
  assert.equal((await busbar.api('north', 'GET', '/v1/stations/TWIN')).body.online, true);
  ws.close();
  await once(ws, 'close');
});

test('two connections at the same moment: one of them counts, never both, never none', async () => {
  for (let round = 0; round < 5; round++) {
    const found = await Promise.all(Array.from({ length: 6 }, () => connect(`RACE-${round}`)));
    const open = found.filter((f) => f instanceof WebSocket);
    await sleep(50);
    const alive = open.filter((ws) => ws.readyState === WebSocket.OPEN);
    assert.equal(alive.length, 1, JSON.stringify(found.map((f) => f instanceof WebSocket || f)));
    alive[0].send('[2,"h","Heartbeat",{}]');
    await once(alive[0], 'message');
    alive[0].close();
    await once(alive[0], 'close');
  }
});

test('a flood: served at the rate, nothing lost, nobody cut off, others not slowed', async () => {
  const flood = await connect('FLOOD'), calm = await connect('CALM');
  const ids = [];
  let closed;
  flood.on('close', (code) => { closed = code; });
  flood.on('message', (data) => ids.push(Number(JSON.parse(data)[1])));
  const total = 400; // four seconds' worth are let through at once
  for (let i = 0; i < total; i++) flood.send(`[2,"${i}","Heartbeat",{}]`);
  await until('the burst to be served', () => ids.length >= 150);
  assert.ok(ids.length < total, 'the rest waits');
  calm.send('[2,"h","Heartbeat",{}]');
  await once(calm, 'message');
  assert.ok(ids.length < total, 'while another station is served at once');
  await until('all to be served', () => ids.length === total, 30000);
  assert.deepEqual(ids, Array.from({ length: total }, (_, i) => i), 'in their order');
  assert.equal(closed, undefined);
  for (const ws of [flood, calm]) ws.close();
  await Promise.all([once(flood, 'close'), once(calm, 'close')]);
});

/** Every text of every table, and every file of the server's state but the database's own. */
function everythingWritten() {
  const tables = busbar.sql("select format('%I.%I', table_schema, table_name) from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'");
  const texts = tables.map(([table]) => [table, busbar.sql(`select t::text from ${table} t`).flat().join('\n')]);
  const walk = (folder) => fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'postgres' ? [] : walk(file);
    return entry.isFile() ? [[file, fs.readFileSync(file, 'latin1')]] : [];
  });
  return [...texts, ['the log', fs.readFileSync(busbar.log, 'utf8')], ...walk(busbar.state)];
}

test('no password is in the log, the journal, the audit or any other table', async () => {
  await busbar.api('north', 'PUT', '/v1/stations/SECRET', { password });
  const ws = await connect('SECRET', password);
  const answered = once(ws, 'message').then(([data]) => {
    const [, id] = JSON.parse(data);
    ws.send(JSON.stringify([3, id, { status: 'Accepted' }]));
    return JSON.parse(data);
  });
  const changed = await busbar.api('north', 'POST', '/v1/stations/SECRET/commands/ChangeConfiguration', { key: 'AuthorizationKey', value: next });
  assert.ok(changed.status < 300, JSON.stringify(changed.body));
  assert.equal((await answered)[3].value, next, 'the station gets it');
  await connect('SECRET', guess(0));
  ws.send(JSON.stringify([2, 'd', 'DataTransfer', { vendorId: 'v', data: JSON.stringify({ password }) }]));
  await once(ws, 'message');
  await until('the journal to be written', () => busbar.sql("select count(*) from ocpp16.message where station_id = 'SECRET'")[0][0] >= '3');
  ws.close();
  await once(ws, 'close');
  const basic = [password, next, guess(0)].map((word) => Buffer.from(`SECRET:${word}`).toString('base64'));
  for (const [where, text] of everythingWritten()) {
    for (const word of [password, next, guess(0), ...basic]) {
      assert.ok(!text.includes(word), `a password is in ${where}`);
    }
  }
});
