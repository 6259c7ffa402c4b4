// SPDX-License-Identifier: Apache-2.0
//
// Stations that break everything, over real sockets, against busbard with sanitizers: it neither crashes nor leaks nor
// grows, what it answers is well-formed, and a well-behaved station beside them is served all the time. LONG: ten minutes.
// MUTATION_SEED repeats what is said (not when).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { sleep } from './lib.mjs';
import { Station, theStage } from './actors.mjs';
import { broken, chance, onTheWire, validAnswer, validCall, wsFrame } from './mutate.mjs';
import { frameFaults, made, schemas } from './schema.mjs';

const SECONDS = process.env.LONG ? 600 : 20, STATIONS = 16, HANG_MS = 30000, GROWTH_KIB = 256 * 1024;
const seed = Number(process.env.MUTATION_SEED ?? Date.now() % 1000000);

const { operator } = theStage({
  // A small quarantine, so that what is resident tells what is in use.
  env: { ASAN_OPTIONS: [process.env.ASAN_OPTIONS, 'quarantine_size_mb=16'].filter(Boolean).join(':') },
  tenants: { north: { plugins: { identity: {}, charging: {}, admin: {}, ocpp16: { onboarding: 'accept', messages_per_second: 10000 } } } },
});

const counts = { connections: 0, messages: 0, answers: 0, errors: 0, calls: 0, closes: {} };
const faults = [];

class Mutant {
  constructor(n, ends) { Object.assign(this, { id: `MUTANT-${n}`, c: chance(seed * 1000 + n), ends, number: 0, asked: new Map() }); }

  async live() {
    while (Date.now() < this.ends) {
      await this.connect();
      while (this.open && Date.now() < this.ends) await this.speak();
      this.socket.destroy();
    }
  }

  async connect() {
    const { port } = operator.busbar;
    this.asked.clear();
    this.input = Buffer.alloc(0);
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('data', (data) => this.onData(data));
    this.socket.on('close', () => { this.open = false; });
    this.handshake = new Promise((resolve) => { this.shaken = resolve; this.socket.on('close', resolve); });
    this.socket.write(`GET /t/north/ocpp/${this.id} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
      + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n`);
    await this.handshake;
    if (this.open) counts.connections++;
    else await sleep(20);
  }

  onData(data) {
    this.input = Buffer.concat([this.input, data]);
    if (!this.open) {
      const end = this.input.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.open = this.input.toString('latin1', 0, 12) === 'HTTP/1.1 101';
      this.input = this.input.subarray(end + 4);
      this.shaken();
    }
    while (this.open && this.takeFrame());
  }

  takeFrame() {
    if (this.input.length < 2) return false;
    let length = this.input[1] & 0x7f, at = 2;
    if (length === 126) [length, at] = this.input.length < 4 ? [Infinity, 4] : [this.input.readUInt16BE(2), 4];
    else if (length === 127) [length, at] = this.input.length < 10 ? [Infinity, 10] : [Number(this.input.readBigUInt64BE(2)), 10];
    if (this.input.length < at + length) return false;
    const opcode = this.input[0] & 0xf, body = this.input.subarray(at, at + length);
    this.input = this.input.subarray(at + length);
    this.onFrame(opcode, body);
    return true;
  }

  onFrame(opcode, body) {
    if (opcode === 8) {
      const code = body.length >= 2 ? body.readUInt16BE(0) : 1005;
      counts.closes[code] = (counts.closes[code] ?? 0) + 1;
      this.open = false;
    } else if (opcode === 9) this.socket.write(wsFrame(this.c, 10, body));
    else if (opcode === 1) this.onText(body.toString('utf8'));
  }

  onText(text) {
    for (const fault of frameFaults(text, (id) => this.asked.get(id))) {
      if (fault !== 'it answers nothing that was asked' && faults.length < 20) faults.push(`${fault}: ${text.slice(0, 500)}`);
    }
    const [type, id, action] = JSON.parse(text);
    if (type === 3) counts.answers++;
    if (type === 4) counts.errors++;
    if (type !== 2) return;
    counts.calls++;
    const answer = validAnswer(this.c, id, action);
    this.write(this.c.percent(50) ? broken(answer, this.c) : JSON.stringify(answer));
  }

  write(payload) {
    for (const part of onTheWire(this.c, payload)) if (this.open) this.socket.write(part);
  }

  /** One message, broken as a rule; then a while for the answers, or none. */
  async speak() {
    const call = validCall(this.c, this.number++);
    this.asked.set(call[1], call[2]);
    if (this.asked.size > 200) this.asked.delete(this.asked.keys().next().value);
    this.write(this.c.percent(70) ? broken(call, this.c) : JSON.stringify(call));
    counts.messages++;
    if (this.c.percent(1)) this.socket.destroy();
    else if (this.c.percent(50)) await sleep(this.c.below(8));
  }
}

const resident = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${operator.busbar.info.worker_pid}/status`, 'utf8'))[1]);

/** Commands to the mutants, whose answers are broken too. */
async function command(c, ends) {
  const actions = ['GetConfiguration', 'GetLocalListVersion', 'Reset', 'UnlockConnector', 'GetCompositeSchedule', 'GetDiagnostics', 'TriggerMessage', 'DataTransfer'];
  while (Date.now() < ends) {
    const action = c.one(actions);
    await operator.api('POST', `/v1/stations/MUTANT-${c.below(STATIONS)}/commands/${action}?timeout_ms=300`, made(schemas.get(`${action}.req`), true));
    await sleep(20);
  }
}

/** Each heartbeat is answered before the next is sent; the longest wait. */
async function beat(station, ends) {
  let longest = 0;
  while (Date.now() < ends) {
    const began = Date.now();
    assert.ok((await station.client.call('Heartbeat', {}, { callTimeoutMs: HANG_MS })).currentTime, 'a time-out: busbard hangs');
    longest = Math.max(longest, Date.now() - began);
    await sleep(100);
  }
  return longest;
}

test(`${STATIONS} stations break everything for ${SECONDS} s, and one beside them is served`, async () => {
  const ends = Date.now() + 1000 * SECONDS, worker = operator.busbar.info.worker_pid;
  const good = await Station.connect(operator.busbar, 'GOOD');
  await good.isAvailable();
  const mutants = Array.from({ length: STATIONS }, (_, n) => new Mutant(n, ends).live());
  const beats = beat(good, ends), commands = command(chance(seed), ends);
  await sleep(5000);
  const before = resident();
  const [longest] = await Promise.all([beats, commands, ...mutants]);
  const after = resident();
  console.log(`# seed ${seed}: ${JSON.stringify(counts)}`);
  console.log(`# longest heartbeat ${longest} ms; resident ${before} KiB after 5 s, ${after} KiB at the end`);
  assert.equal(operator.busbar.info.worker_pid, worker, 'it did not die');
  assert.equal(operator.busbar.sanitizerReport(), '');
  assert.deepEqual(faults, [], 'what it says is well-formed');
  assert.ok(after - before < GROWTH_KIB, `grew from ${before} to ${after} KiB`);
  assert.ok(counts.answers > 100 && counts.errors > 100 && counts.calls > 5, 'it got through to the messages');
  // And the same stations may behave again.
  const healed = await Station.connect(operator.busbar, 'MUTANT-0');
  await healed.isAvailable();
  const transactionId = await healed.isCharging(1, 'CARD1');
  await healed.endsCharging(1, transactionId, 'Local');
  await healed.close();
  await good.close();
});
