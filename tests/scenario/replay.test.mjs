// SPDX-License-Identifier: Apache-2.0
//
// What a station and the central system said is recorded, exported as a trace, and said again by busbar-sim to another
// tenant: the same answers, whatever the ids and times; and where an answer is another one, it is named.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { build } from './lib.mjs';
import { Operator, Station, theStage } from './actors.mjs';

const { operator } = theStage();

async function replay(trace, tenant, ...more) {
  const { busbar } = operator, file = path.join(busbar.folder, `trace-${Math.random()}.ndjson`);
  fs.writeFileSync(file, trace);
  const sim = spawn(path.join(build, 'busbar-sim'), ['--replay', file, '--url', `${busbar.ocpp(tenant)}/{station}`, '--rate', '1000', ...more]);
  let out = '';
  for (const stream of [sim.stdout, sim.stderr]) stream.on('data', (part) => { out += part; });
  const [code] = await once(sim, 'close');
  const end = out.match(/^replay .*$/m)?.[0] ?? '';
  return { code, out, end: Object.fromEntries(end.split(' ').slice(1).map((pair) => pair.split('='))) };
}

let trace;

test('a conversation with every kind of frame becomes a trace', async () => {
  const station = await Station.connect(operator.busbar, 'REC-1', { answers: {
    RemoteStartTransaction: { status: 'Accepted' }, GetConfiguration: { configurationKey: [{ key: 'AuthorizationKey', readonly: false, value: 'hunter2' }] },
    ClearCache: Object.assign(new Error('none here'), { rpcErrorCode: 'NotSupported' }),
  } });
  await station.isAvailable();
  await operator.sends(station, 'RemoteStartTransaction', { connectorId: 1, idTag: 'CARD1' });
  const transactionId = await station.isCharging(1, 'CARD1');
  await station.samples(1, transactionId, 2000);
  await station.tries('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Sleeping' });
  station.mumbles('this is no frame');
  await operator.commands(station, 'GetConfiguration');
  await operator.commands(station, 'ClearCache');
  await station.dies();
  await station.reconnect();
  assert.equal((await station.authorizes('STRANGER')).status, 'Invalid');
  await station.endsCharging(1, transactionId, 'Local');
  await station.close();

  const response = await operator.api('GET', '/v1/stations/REC-1/messages/trace');
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/x-ndjson/);
  trace = response.bytes.toString();
  const [first, ...frames] = trace.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(first, { trace: 1, protocol: 'ocpp1.6', station: 'REC-1' });
  assert.deepEqual(frames, await operator.journal(station), 'the journal, oldest first');
  assert.equal(new Set(frames.map((f) => f.connection_epoch)).size, 2);
  assert.doesNotMatch(trace, /hunter2/);
  const from = frames[4].at, part = (await operator.api('GET', `/v1/stations/REC-1/messages/trace?from=${from}`)).bytes.toString();
  assert.ok(part.trimEnd().split('\n').length < frames.length, 'a part of it');
});

test('said again to another tenant it has the same result', async () => {
  const south = new Operator(operator.busbar, 'south');
  await south.token('CARD1');
  const { code, out, end } = await replay(trace, 'south');
  assert.equal(code, 0, out);
  assert.deepEqual([end.differ, end.missing, end.strange, end.cut], ['0', '0', '0', '0'], out);
  assert.ok(Number(end.same) > 12, out);
  assert.equal(end.calls_not_heard, '3', 'no operator commanded');
  const [then, again] = [await operator.session({ id: 'REC-1' }), await south.session({ id: 'REC-1' })];
  assert.notEqual(again.transaction_id, then.transaction_id);
  for (const name of ['state', 'started_at', 'ended_at', 'energy_wh', 'sample_count', 'stop_reason', 'token_uid']) {
    assert.deepEqual(again[name], then[name], name);
  }
  const unreadable = (await south.journal({ id: 'REC-1' }, '&type=unreadable'));
  assert.equal(unreadable[0].text, 'this is no frame', 'faults are said again too');
});

test('where the answers differ is named', async () => {
  await operator.puts('/v1/tokens/CARD1', { status: 'blocked' });
  const { code, out, end } = await replay(trace, 'north', '--station', 'REC-2');
  assert.equal(code, 1, out);
  assert.match(out, /^differs action=Authorize .*at=\/idTagInfo\/status .*"Accepted".*"Blocked"/m);
  assert.match(out, /^differs action=StartTransaction .*at=\/idTagInfo\/status/m);
  assert.equal(end.station, 'REC-2');
  assert.ok(Number(end.same) > 10, out);
});

test('the CALLs of the central system are answered as then', async () => {
  await operator.puts('/v1/tokens/CARD1', { status: 'accepted' });
  // A slow one: everything waits three seconds for its last line, and the operator commands meanwhile.
  const frames = trace.trimEnd().split('\n').map((line) => JSON.parse(line));
  frames.at(-1).at = new Date(Date.parse(frames.at(-1).at) + 3000 * 20).toISOString();
  const running = replay(frames.map((f) => JSON.stringify(f)).join('\n'), 'north', '--station', 'REC-3', '--rate', '20');
  const station = { id: 'REC-3' };
  const command = async (action, payload) => {
    for (;;) {
      const { status, body } = await operator.api('POST', `/v1/stations/REC-3/commands/${action}`, payload);
      if (![404, 409].includes(status)) return body; // not there yet
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  assert.deepEqual((await command('RemoteStartTransaction', { connectorId: 1, idTag: 'CARD1' })).result, { status: 'Accepted' });
  const refused = await command('ClearCache', {});
  assert.deepEqual([refused.outcome, refused.error_code], ['refused', 'NotSupported']);
  assert.equal((await command('Reset', { type: 'Soft' })).error_code, 'NotImplemented', 'nobody asked that then');
  const { code, out, end } = await running;
  assert.equal(code, 0, out);
  assert.deepEqual([end.calls, end.calls_unknown], ['2', '1'], out);
  assert.equal((await operator.session(station)).state, 'ended');
});

test('what is no trace is refused', async () => {
  for (const text of ['', '{}', '{"trace":1,"station":"X"}\n{"type":"CALL"}', '{"trace":1,"station":"X"}\nnonsense']) {
    const { code, out } = await replay(text, 'north');
    assert.equal(code, 2, text);
    assert.match(out, /line \d of the trace/);
  }
  assert.equal((await operator.api('GET', '/v1/stations/NOBODY/messages/trace')).status, 404);
});
