// SPDX-License-Identifier: Apache-2.0
//
// How the house starts, reloads, drains and gets up again: busbard -t, SIGHUP, SIGTERM, crashes, quarantine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, build, sleep, until } from './lib.mjs';

let busbar;
before(async () => { busbar = await Busbar.start(); });
after(async () => { await busbar?.stop(); });
const tenantFile = (id) => path.join(busbar.folder, 'tenants', `${id}.yaml`);
const reload = () => process.kill(busbar.info.pid, 'SIGHUP');

test('busbard -t says file, line and what was expected', () => {
  const folder = fs.mkdtempSync('/tmp/bb-conf-');
  fs.mkdirSync(path.join(folder, 'tenants'));
  fs.writeFileSync(path.join(folder, 'busbar.yaml'), `state_folder: ${folder}/state\nplugin_folders: [${build}/.libs]\ntenants_folder: ${folder}/tenants\nhttp:\n  listen: ["127.0.0.1:0"]\n  colour: red\nworkers: many\n`);
  fs.writeFileSync(path.join(folder, 'tenants', 'a.yaml'), 'id: a\nname: A\nhosts: [same.test]\nplugins:\n  charging:\n    no_such_option: 1\n');
  fs.writeFileSync(path.join(folder, 'tenants', 'b.yaml'), 'id: b\nname: B\nhosts: [same.test]\nplugins:\n  ocpp16:\n');
  const check = () => {
    const { status, stdout, stderr } = spawnSync(path.join(build, 'busbard'), ['-t', '-c', path.join(folder, 'busbar.yaml')], { encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };
  let { status, text } = check();
  assert.notEqual(status, 0);
  assert.match(text, /busbar\.yaml:6:.*colour/);
  assert.match(text, /busbar\.yaml:7:.*workers/);
  fs.writeFileSync(path.join(folder, 'busbar.yaml'), `state_folder: ${folder}/state\nplugin_folders: [${build}/.libs]\ntenants_folder: ${folder}/tenants\nhttp:\n  listen: ["127.0.0.1:0"]\n`);
  ({ status, text } = check());
  assert.notEqual(status, 0);
  assert.match(text, /b\.yaml.*same\.test.*a\.yaml/);
  fs.writeFileSync(path.join(folder, 'tenants', 'b.yaml'), 'id: b\nname: B\nplugins:\n  ocpp16:\n');
  ({ status, text } = check());
  assert.notEqual(status, 0);
  assert.match(text, /a\.yaml:6:.*no_such_option/);
  assert.match(text, /charging\/1/, 'ocpp16 without charging');
  fs.writeFileSync(path.join(folder, 'tenants', 'a.yaml'), 'id: a\nname: A\nplugins:\n  charging:\n');
  fs.rmSync(path.join(folder, 'tenants', 'b.yaml'));
  ({ status, text } = check());
  assert.equal(status, 0, text);
  fs.rmSync(folder, { recursive: true });
});

test('a reload with a bad file changes nothing and says which line', async () => {
  const good = fs.readFileSync(tenantFile('south'));
  fs.writeFileSync(tenantFile('south'), 'id: south\nname: [\n');
  reload();
  await until('the complaint', () => busbar.logLines().some((l) => /south\.yaml:\d+/.test(JSON.stringify(l))));
  assert.equal((await busbar.api('south', 'GET', '/v1/stations')).status, 200);
  fs.writeFileSync(tenantFile('south'), good);
});

test('a reload changes the tenant whose file changed; the other\'s stations stay connected', async () => {
  const client = await busbar.station('north', 'STAYS');
  await client.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
  const leaving = await busbar.station('south', 'LEAVES');
  let left = false;
  leaving.on('close', () => { left = true; });
  assert.equal((await busbar.api('south', 'POST', '/v1/exports', {})).status, 404);
  busbar.tenants.south = { plugins: { ...busbar.tenants.south.plugins, export: {} } };
  busbar.writeTenant('south');
  reload();
  await until('the export plugin of south', async () => (await busbar.api('south', 'POST', '/v1/exports', {})).status === 202);
  assert.ok(left, 'stations of the changed tenant reconnect');
  assert.equal(client.state, client.constructor.OPEN ?? 1);
  await client.call('Heartbeat', {});
  await client.close();
  busbar.tenants.east = { plugins: { identity: {}, charging: {}, admin: {} } };
  busbar.keys.east = busbar.keys.north;
  busbar.writeTenant('east');
  reload();
  await until('the new tenant', async () => (await busbar.api('east', 'GET', '/v1/stations')).status === 200);
  fs.rmSync(tenantFile('east'));
  reload();
  await until('its end', async () => (await busbar.api('east', 'GET', '/v1/stations')).status === 404);
});

test('health, readiness and metrics are on a listener of their own', async () => {
  const get = async (target) => fetch(`http://127.0.0.1:${busbar.operationPort}${target}`);
  assert.equal((await get('/livez')).status, 200);
  const ready = await get('/readyz');
  assert.equal(ready.status, 200);
  const metrics = await (await get('/metrics')).text();
  for (const name of ['busbar_build_info', 'http_requests_total', 'ocpp_connections', 'ocpp_messages_total']) {
    assert.match(metrics, new RegExp(`^# TYPE ${name} `, 'm'), name);
  }
  assert.equal((await get('/v1/stations')).status, 404);
  assert.equal((await fetch(`http://127.0.0.1:${busbar.port}/metrics`)).status, 404);
});

test('a second busbard on the same state folder is refused, and the first goes on', async () => {
  const second = spawnSync(path.join(build, 'busbard'), ['-c', busbar.config], { encoding: 'utf8', timeout: 30000 });
  assert.notEqual(second.status, 0);
  assert.match(second.stdout + second.stderr, /another busbard runs on this state folder/);
  assert.equal((await busbar.api('north', 'GET', '/v1/stations')).status, 200);
});

test('a worker that dies is replaced within seconds, and the stations come back', async () => {
  const { worker_pid: old } = busbar.info;
  process.kill(old, 'SIGABRT'); // a crash that leaves the sanitizers' handlers alone
  const started = Date.now();
  await until('a new worker', async () => busbar.info.worker_pid !== old && (await busbar.ready()), 30000);
  console.log(`# ready again after ${Date.now() - started} ms`);
  assert.equal((await busbar.api('north', 'GET', '/v1/stations')).status, 200);
});

test('SIGTERM drains: stations are closed with 1001, everything ends with 0', async () => {
  const client = await busbar.station('north', 'DRAINED');
  const closed = new Promise((resolve) => client.once('close', resolve));
  const postmaster = Number(busbar.sql("select pg_read_file('postmaster.pid')")[0][0]);
  process.kill(busbar.info.pid, 'SIGTERM');
  const { code } = await closed;
  assert.equal(code, 1001);
  const exit = await busbar.exited;
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.throws(() => process.kill(postmaster, 0), 'the private PostgreSQL ended too');
  assert.ok(!fs.existsSync(path.join(busbar.state, 'busbard.json')));
});
