// SPDX-License-Identifier: Apache-2.0
//
// Acknowledged is committed (P1), exactly once (P2): 200 stations charge while the worker is killed with -9 three times and
// PostgreSQL goes away once. Stations behave as real ones do: they reconnect, and repeat what was not acknowledged with a
// new message id. At the end every acknowledged start, sample and stop is in the database exactly once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, sleep, until } from './lib.mjs';

const STATIONS = 200;
let busbar;
before(async () => {
  busbar = await Busbar.start({ tenants: { north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {} } } } });
  await busbar.api('north', 'PUT', '/v1/tokens/CARD1', { status: 'accepted' });
});
after(async () => { await busbar?.stop(); });

let running = true, errors = 0;

class Station {
  constructor(n) {
    this.id = `CRASH-${n}`;
    this.acked = { samples: [] };
    this.sequence = 0;
    this.meter = 1000 * n;
  }

  async connect() {
    for (;;) {
      try {
        this.ws = new WebSocket(`${busbar.ocpp('north')}/${this.id}`, ['ocpp1.6'], { handshakeTimeout: 20000 });
        this.ws.on('message', (data) => this.onFrame(JSON.parse(data.toString())));
        this.ws.on('close', () => this.fail?.(new Error('closed')));
        this.ws.on('error', () => {});
        await new Promise((resolve, reject) => { this.ws.once('open', resolve); this.ws.once('close', () => reject(new Error('refused'))); });
        return;
      } catch {
        await sleep(100 + Math.random() * 300);
      }
    }
  }

  onFrame([type, id, payload]) {
    if (id !== this.pendingId) return;
    if (type === 3) this.succeed(payload);
    else { errors++; this.fail(new Error(`CALLERROR ${payload}`)); }
  }

  /** Repeats until it is acknowledged, each time with a new message id. */
  async call(action, payload) {
    for (;;) {
      if (this.ws?.readyState !== WebSocket.OPEN) await this.connect();
      this.pendingId = `${this.id}-${this.sequence++}`;
      try {
        return await new Promise((resolve, reject) => {
          this.succeed = resolve;
          this.fail = reject;
          this.ws.send(JSON.stringify([2, this.pendingId, action, payload]));
        });
      } catch {
        await sleep(50);
      } finally {
        this.pendingId = undefined;
      }
    }
  }

  async charge() {
    const began = Date.now();
    this.start = { connectorId: 1, idTag: 'CARD1', meterStart: this.meter, timestamp: new Date(began).toISOString() };
    const started = await this.call('StartTransaction', this.start);
    assert.ok(started.transactionId > 0, 'an outage never becomes transaction 0');
    assert.equal(started.idTagInfo.status, 'Accepted', 'an outage never becomes Invalid');
    this.transactionId = started.transactionId;
    while (running) {
      const sample = { at: new Date(began + 1000 * (this.acked.samples.length + 1)).toISOString(), value: String(this.meter += 7) };
      await this.call('MeterValues', { connectorId: 1, transactionId: this.transactionId, meterValue: [{ timestamp: sample.at, sampledValue: [{ value: sample.value }] }] });
      this.acked.samples.push(sample);
      await sleep(150 + Math.random() * 100);
    }
    await this.call('StopTransaction', { transactionId: this.transactionId, meterStop: this.meter, timestamp: new Date(began + 3600000).toISOString() });
    this.acked.stop = this.meter;
    this.ws.close();
  }
}

test('three kill -9 and an outage of PostgreSQL lose and double nothing', async () => {
  const stations = Array.from({ length: STATIONS }, (_, n) => new Station(n));
  const all = Promise.all(stations.map((station) => station.charge()));
  await until('every station to charge', () => stations.every((s) => s.acked.samples.length > 0), 60000);
  for (let i = 0; i < 3; i++) {
    const { worker_pid: old } = busbar.info;
    process.kill(old, 'SIGKILL');
    const before = stations.map((s) => s.acked.samples.length);
    await until('a new worker that serves', async () => busbar.info.worker_pid !== old && (await busbar.ready()), 30000);
    await until('every station to be acknowledged again', () => stations.every((s, n) => s.acked.samples.length > before[n]), 60000);
  }
  // PostgreSQL goes away for some seconds: the answers are held, no station sees an error.
  const errorsBefore = errors;
  const postmaster = Number(busbar.sql("select pg_read_file('postmaster.pid')")[0][0]);
  process.kill(postmaster, 'SIGINT');
  await sleep(3000);
  const before = stations.map((s) => s.acked.samples.length);
  await until('every station to be acknowledged after the outage', () => stations.every((s, n) => s.acked.samples.length > before[n] + 1), 90000);
  assert.equal(errors, errorsBefore, 'the outage became no CALLERROR');
  running = false;
  await all;
  assert.equal(errors, 0);

  const sessions = new Map(busbar.sql("select station_id, transaction_id, state, meter_start_wh, meter_stop_wh, session_id from charging.session").map((r) => [r[0], r]));
  assert.equal(Number(busbar.sql('select count(*) from charging.session')[0][0]), STATIONS, 'no session lost, none doubled');
  assert.equal(Number(busbar.sql('select count(*) from charging.cdr')[0][0]), STATIONS);
  assert.equal(Number(busbar.sql('select count(distinct transaction_id) from charging.session')[0][0]), STATIONS);
  const stored = new Map();
  for (const [station, at, value, copies] of busbar.sql(`select s.station_id, to_char(p.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), p.value, count(*)
      from charging.sample p join charging.session s using (session_id) group by 1, 2, 3`)) {
    stored.set(`${station} ${at} ${value}`, Number(copies));
  }
  let samples = 0;
  for (const station of stations) {
    const session = sessions.get(station.id);
    assert.equal(Number(session[1]), station.transactionId);
    assert.equal(Number(session[3]), station.start.meterStart);
    assert.equal(Number(session[4]), station.acked.stop);
    for (const { at, value } of station.acked.samples) {
      assert.equal(stored.get(`${station.id} ${at} ${value}`), 1, `${station.id}: sample ${value} of ${at}`);
      samples++;
    }
  }
  assert.ok([...stored.values()].every((copies) => copies === 1));
  console.log(`# ${samples} acknowledged samples of ${STATIONS} stations, each stored once`);
});
