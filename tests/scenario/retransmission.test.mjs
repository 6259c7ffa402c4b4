// SPDX-License-Identifier: Apache-2.0
//
// What a station sends again: on the same connection under the same id, under a reused id, and on a new connection
// under a new id. Raw sockets, since no client library repeats itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, postgresPids, signalAll, sleep, until } from './lib.mjs';

let busbar;
before(async () => {
  busbar = await Busbar.start();
  assert.equal((await busbar.api('north', 'PUT', '/v1/tokens/CARD1', {})).status, 201);
});
after(() => busbar?.stop());

async function connect(id) {
  const ws = new WebSocket(`${busbar.ocpp('north')}/${id}`, ['ocpp1.6']);
  const texts = [];
  ws.on('message', (data) => texts.push(data.toString()));
  await once(ws, 'open');
  const next = async () => {
    await until(`an answer for ${id}`, () => texts.length > 0);
    return texts.shift();
  };
  const ask = (id_, action, payload) => {
    ws.send(JSON.stringify([2, id_, action, payload]));
    return next();
  };
  const close = async () => {
    ws.close();
    await once(ws, 'close');
  };
  return { ws, texts, next, ask, close };
}

const count = (sql) => Number(busbar.sql(sql)[0][0]);
const start = { connectorId: 1, idTag: 'CARD1', meterStart: 100, timestamp: '2026-10-02T10:00:00Z' };

test('sent again on the same connection: the same bytes, and done once', async () => {
  const station = await connect('RE-1');
  const started = await station.ask('s1', 'StartTransaction', start);
  assert.equal(await station.ask('s1', 'StartTransaction', start), started);
  const { transactionId } = JSON.parse(started)[2];
  const sample = { connectorId: 1, transactionId, meterValue: [{ timestamp: '2026-10-02T10:05:00Z', sampledValue: [{ value: '600' }] }] };
  const stop = { transactionId, meterStop: 1100, timestamp: '2026-10-02T10:30:00Z', idTag: 'CARD1' };
  const seen = await station.ask('m1', 'MeterValues', sample);
  assert.equal(await station.ask('m1', 'MeterValues', sample), seen);
  const stopped = await station.ask('e1', 'StopTransaction', stop);
  assert.equal(await station.ask('e1', 'StopTransaction', stop), stopped);
  const boot = { chargePointVendor: 'V', chargePointModel: 'M' };
  const booted = await station.ask('b1', 'BootNotification', boot);
  await sleep(20); // the time in it would differ
  assert.equal(await station.ask('b1', 'BootNotification', boot), booted);
  assert.equal(count("select count(*) from core.event where topic = 'station.booted' and key = 'RE-1'"), 1);
  const data = { vendorId: 'com.example', messageId: 'count', data: 'one' };
  for (let i = 0; i < 3; i++) await station.ask('d1', 'DataTransfer', data);
  assert.equal(count("select count(*) from ocpp16.data_transfer where station_id = 'RE-1'"), 1);
  await station.close();
  assert.equal(count("select count(*) from charging.session where station_id = 'RE-1'"), 1);
  assert.equal(count("select count(*) from charging.cdr c join charging.session s using (session_id) where s.station_id = 'RE-1'"), 1);
  assert.equal((await busbar.api('north', 'GET', '/v1/sessions?station=RE-1')).body.items[0].sample_count, 1);
});

test('a reused id with other content is a new message', async () => {
  const station = await connect('RE-2');
  const one = JSON.parse(await station.ask('1', 'StartTransaction', start));
  const two = JSON.parse(await station.ask('1', 'StartTransaction', { ...start, connectorId: 2 }));
  assert.notEqual(one[2].transactionId, two[2].transactionId);
  for (const status of ['Preparing', 'Charging', 'Preparing']) {
    await station.ask('1', 'StatusNotification', { connectorId: 1, errorCode: 'NoError', status });
  }
  await station.close();
  assert.equal(count("select count(*) from charging.session where station_id = 'RE-2'"), 2);
  const { connectors } = (await busbar.api('north', 'GET', '/v1/stations/RE-2')).body;
  assert.equal(connectors.find((c) => c.connector_id === 1).status.toLowerCase(), 'preparing');
});

test('sent again while the first is being worked on: one answer for both, one session', async () => {
  const station = await connect('RE-3');
  const [postmaster, ...others] = postgresPids(busbar);
  const all = [...others, postmaster];
  try {
    signalAll(all, 'SIGSTOP'); // the database says nothing
    const frame = JSON.stringify([2, 's', 'StartTransaction', start]);
    for (let i = 0; i < 3; i++) station.ws.send(frame);
    await sleep(500);
    assert.equal(station.texts.length, 0);
  } finally {
    signalAll(all, 'SIGCONT');
  }
  const answer = await station.next();
  assert.ok(JSON.parse(answer)[2].transactionId > 0);
  const beat = await station.ask('h', 'Heartbeat', {});
  assert.equal(JSON.parse(beat)[1], 'h', 'the start was answered once');
  assert.equal(await station.ask('s', 'StartTransaction', start), answer, 'and later again');
  await station.close();
  assert.equal(count("select count(*) from charging.session where station_id = 'RE-3'"), 1);
});

test('on a new connection under a new id: the unique keys of the database', async () => {
  let station = await connect('RE-4');
  const { transactionId } = JSON.parse(await station.ask('a', 'StartTransaction', start))[2];
  const sample = { connectorId: 1, transactionId, meterValue: [{ timestamp: '2026-10-02T10:05:00Z', sampledValue: [{ value: '600' }, { value: '11', measurand: 'Current.Import', phase: 'L1' }] }] };
  const stop = { transactionId, meterStop: 1100, timestamp: '2026-10-02T10:30:00Z' };
  const answers = [];
  for (let round = 0; round < 3; round++) {
    answers.push([
      JSON.parse(await station.ask(`s${round}`, 'StartTransaction', start))[2].transactionId,
      JSON.parse(await station.ask(`m${round}`, 'MeterValues', sample))[0],
      JSON.parse(await station.ask(`e${round}`, 'StopTransaction', stop))[0],
    ]);
    await station.close();
    station = await connect('RE-4');
  }
  await station.close();
  assert.deepEqual(answers, Array(3).fill([transactionId, 3, 3]));
  assert.equal(count("select count(*) from charging.session where station_id = 'RE-4'"), 1);
  assert.equal(count("select count(*) from charging.sample where station_id = 'RE-4'"), 2);
  assert.equal(count("select count(*) from charging.cdr c join charging.session s using (session_id) where s.station_id = 'RE-4'"), 1);
  assert.equal(count("select count(*) from core.event where topic = 'session.started' and payload->>'station_id' = 'RE-4'"), 1);
  assert.equal(count("select count(*) from core.event where topic = 'session.ended' and payload->>'station_id' = 'RE-4'"), 1);
});
