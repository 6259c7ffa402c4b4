// SPDX-License-Identifier: Apache-2.0
//
// Acknowledged is committed (P1), exactly once (P2): stations charge (busbar-sim) while the worker is killed with -9 and
// PostgreSQL is restarted without warning, at random times. At the end whatever the simulator saw acknowledged is in the
// database exactly once, and no session is lost, doubled, or open. LONG: 500 stations and 20 blows; CRASH_SEED repeats a run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Operator } from './actors.mjs';
import { Busbar, build, sleep, until } from './lib.mjs';

const form = process.env.LONG
  ? { stations: 500, blows: 20, pause: [1000, 9000], rate: 25 }
  : { stations: 80, blows: 3, pause: [1500, 4000], rate: 50 };
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1000000);

let busbar, dataFolder;
before(async () => {
  busbar = await Busbar.start({ tenants: { north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {} } } } });
  [[dataFolder]] = busbar.sql('show data_directory');
  for (let i = 1; i <= 8; i++) await busbar.api('north', 'PUT', `/v1/tokens/CARD${i}`, { status: 'accepted' });
});
after(async () => { await busbar?.stop(); });

let state = BigInt(seed) + 1n;
function random() { // in [0, 1)
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number(state >> 11n) / 2 ** 53;
}

const postmaster = () => Number(fs.readFileSync(path.join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0]);
const blows = {
  worker: () => process.kill(busbar.info.worker_pid, 'SIGKILL'),
  postgres: () => process.kill(postmaster(), 'SIGQUIT'), // immediate: no checkpoint, everybody thrown out
};
/** It may hit what is just starting again; where nobody is it tries again. */
const strike = (kind) => until(`${kind} to be there`, () => {
  try { blows[kind](); } catch (error) {
    assert.match(error.code, /ESRCH|ENOENT/);
    return false;
  }
  return true;
}, 60000);

class Simulator {
  constructor(journal) {
    this.journal = journal;
    this.process = spawn(path.join(build, 'busbar-sim'), ['--url', `${busbar.ocpp('north')}/{station}`, '--stations', form.stations,
      '--ramp', 500, '--rate', form.rate, '--seed', seed, '--profile', 'normal=80,retrying=20', '--tag', 'CARD1,CARD2,CARD3,CARD4,CARD5,CARD6,CARD7,CARD8',
      '--drain', 120, '--journal', journal].map(String), { stdio: ['ignore', 'pipe', fs.openSync(`${journal}.log`, 'w')] });
    this.out = '';
    this.process.stdout.on('data', (part) => { this.out += part; });
    this.exited = new Promise((resolve) => this.process.once('exit', (code, signal) => resolve({ code, signal })));
  }
  lines() { // the last one may be half written
    return fs.readFileSync(this.journal, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));
  }
  /** Stations of which something was acknowledged since. */
  active(since) { return new Set(this.lines().filter((l) => l.at >= since).map((l) => l.station)).size; }
  async end() {
    this.process.kill('SIGTERM');
    const exit = await this.exited;
    const counts = this.out.match(/^end .*$/m)?.[0] ?? '';
    return { ...exit, counts, ...Object.fromEntries(counts.split(' ').slice(1).map((pair) => pair.split('='))) };
  }
}

const sampleKey = (...parts) => parts.join(' ');

/** What the acknowledged messages must have left behind. */
function expected(lines) {
  const starts = new Map(), stops = new Map(), samples = [];
  for (const { action, transactionId, request, station, answer } of lines) {
    if (action === 'StartTransaction') {
      assert.ok(answer.transactionId > 0, 'an outage never becomes transaction 0');
      assert.equal(answer.idTagInfo.status, 'Accepted', 'an outage never becomes Invalid');
      starts.set(answer.transactionId, { station, ...request });
    }
    if (action === 'StopTransaction') stops.set(transactionId, request);
    for (const { timestamp, sampledValue } of request.meterValue ?? request.transactionData ?? []) {
      for (const s of sampledValue) samples.push(sampleKey(transactionId, timestamp, s.measurand, s.phase ?? '', s.context, s.value));
    }
  }
  return { starts, stops, samples };
}

/** What is stored, as an operator reads it: sessions by transaction, and how often each sample is there. */
async function stored() {
  const operator = new Operator(busbar), sessions = new Map(), samples = new Map();
  const all = await operator.lists('/v1/sessions'), rest = [...all];
  for (const session of all) {
    assert.ok(!sessions.has(session.transaction_id), 'a transaction id twice');
    sessions.set(session.transaction_id, { ...session, accounts: 0 });
  }
  for (const { session_id } of await operator.lists('/v1/cdrs')) sessions.get(all.find((s) => s.id === session_id).transaction_id).accounts++;
  const read = async () => {
    for (let session = rest.pop(); session; session = rest.pop()) {
      for (const s of await operator.lists(`/v1/sessions/${session.id}/samples`)) {
        const key = sampleKey(session.transaction_id, s.at, s.measurand, s.phase ?? '', s.context, s.value);
        samples.set(key, (samples.get(key) ?? 0) + 1);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, read));
  return { sessions, samples };
}

async function check(lines) {
  const { starts, stops, samples } = expected(lines), found = await stored();
  assert.deepEqual([...found.sessions.keys()].filter((id) => !starts.has(id)), [], 'no session that nobody was told of');
  for (const [id, start] of starts) {
    const session = found.sessions.get(id) ?? assert.fail(`transaction ${id} is lost`);
    assert.deepEqual([session.station_id, session.connector_id, session.started_at, session.meter_start_wh],
      [start.station, start.connectorId, start.timestamp, start.meterStart]);
    const stop = stops.get(id) ?? assert.fail(`transaction ${id} of ${start.station} was never stopped`);
    assert.notEqual(session.state, 'open', `transaction ${id} is open`);
    assert.equal(session.meter_stop_wh, stop.meterStop);
    assert.equal(session.accounts, session.review ? 0 : 1, `accounts of ${id} ${session.review}`);
  }
  const starters = [...starts.values()].map((s) => sampleKey(s.station, s.connectorId, s.timestamp));
  assert.equal(new Set(starters).size, starters.length, 'no session twice');
  assert.deepEqual([...stops.keys()].filter((id) => !starts.has(id)), []);
  for (const key of samples) assert.equal(found.samples.get(key), 1, `sample ${key}`);
  assert.ok([...found.samples.values()].every((copies) => copies === 1), 'no sample twice');
  return { sessions: found.sessions.size, samples: samples.length };
}

test(`${form.stations} stations, ${form.blows} blows: nothing acknowledged is lost or doubled`, async () => {
  const simulator = new Simulator(path.join(busbar.folder, 'acknowledged.ndjson'));
  const struck = [];
  try {
    await until('every station to be acknowledged', () => fs.existsSync(simulator.journal) && simulator.active('') === form.stations, 120000);
    const order = Array.from({ length: form.blows }, () => (random() < 0.6 ? 'worker' : 'postgres'));
    if (!process.env.LONG) order.splice(0, 2, 'worker', 'postgres');
    for (const kind of order) {
      await sleep(form.pause[0] + random() * (form.pause[1] - form.pause[0]));
      await strike(kind);
      struck.push(kind);
    }
    await sleep(500); // what was on its way when the last blow came has arrived
    await until('busbard to serve', () => busbar.ready(), 60000);
    const since = new Date().toISOString();
    await until('every station to be acknowledged again', () => simulator.active(since) === form.stations, 180000);
  } catch (error) {
    console.log(`# seed ${seed}: ${struck.join(', ')}; ${simulator.active('')} of ${form.stations} active`);
    throw error;
  } finally {
    simulator.result = await simulator.end();
  }
  console.log(`# seed ${seed}: ${struck.join(', ')}`);
  console.log(`# ${simulator.result.counts}`);
  const { code, errors, given_up, mismatches, broken } = simulator.result;
  assert.equal(code, 0, JSON.stringify(simulator.result));
  assert.deepEqual({ errors, given_up, mismatches, broken }, { errors: '0', given_up: '0', mismatches: '0', broken: '0' }, 'no outage became an error');
  const lines = simulator.lines();
  const found = await check(lines);
  console.log(`# ${lines.length} acknowledged messages, ${found.sessions} sessions, ${found.samples} samples: each stored once`);
});
