// SPDX-License-Identifier: Apache-2.0
//
// Security profiles 0 to 3 (Security Whitepaper §2): how a station comes in, that it does not come back with less, and
// what the operator sees of it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, freePort } from './lib.mjs';

let busbar, folder, port;
const file = (name) => path.join(folder, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: folder });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function certificate(name, by, subject) {
  openssl('req', ...newKey, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', '2', '-out', `${name}.crt`);
}

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-profiles-'));
  for (const ca of ['web', 'maker']) openssl('req', '-x509', ...newKey, '-days', '2', '-subj', `/CN=${ca}`, '-keyout', `${ca}.key`, '-out', `${ca}.crt`);
  certificate('server', 'web', '/CN=north.test');
  certificate('station', 'maker', '/O=Maker/CN=P3');
  port = await freePort();
  busbar = await Busbar.start({
    http: { tls: { listen: [`127.0.0.1:${port}`], certificate: file('server.crt'), key: file('server.key'), client_policy: 'optional', client_ca: file('maker.crt') } },
  });
});
after(async () => {
  await busbar?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** The status of the handshake: 101 for one that succeeded. */
function connect(id, { password, tls, client } = {}) {
  const headers = password === undefined ? {} : { authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}` };
  const url = tls ? `wss://127.0.0.1:${port}/t/north/ocpp/${id}` : `${busbar.ocpp('north')}/${id}`;
  const ws = new WebSocket(url, ['ocpp1.6'], {
    headers, ca: fs.readFileSync(file('web.crt')), checkServerIdentity: () => undefined, servername: tls ? 'north.test' : undefined,
    ...(client ? { cert: fs.readFileSync(file(`${client}.crt`)), key: fs.readFileSync(file(`${client}.key`)) } : {}),
  });
  return new Promise((resolve, reject) => {
    ws.once('open', () => { ws.close(); ws.once('close', () => resolve(101)); });
    ws.once('unexpected-response', (_request, response) => { response.resume(); resolve(response.statusCode); });
    ws.once('error', reject);
  });
}
const station = async (id) => (await busbar.api('north', 'GET', `/v1/stations/${id}`)).body;
const attempt = async (id, reason) => (await busbar.api('north', 'GET', '/v1/connection-attempts')).body.items.find((a) => a.station_id === id && a.reason === reason);
const events = async (id) => (await busbar.api('north', 'GET', `/v1/stations/${id}/security-events?noticed=true`)).body.items;

test('a station rises from profile 0 to 2 and does not come back with less', async () => {
  const password = 'correct-horse-7';
  assert.equal(await connect('P2'), 101);
  assert.equal((await station('P2')).security_profile, 0);
  await busbar.api('north', 'PUT', '/v1/stations/P2', { password });
  assert.equal(await connect('P2', { password }), 101);
  assert.equal((await station('P2')).security_profile, 1);
  assert.equal(await connect('P2', { password, tls: true }), 101);
  assert.equal((await station('P2')).security_profile, 2);
  assert.equal(await connect('P2', { password }), 403);
  const refused = await attempt('P2', 'security-profile');
  assert.match(refused.detail, /profile 1 .* has to use 2/);
  assert.deepEqual((await events('P2')).map((e) => [e.type, e.critical]), [['SecurityProfileDowngrade', true]]);
  const lowered = await busbar.api('north', 'PUT', '/v1/stations/P2', { security_profile: 1 });
  assert.equal(lowered.body.security_profile, 1);
  assert.equal(await connect('P2', { password }), 101);
  assert.equal((await busbar.api('north', 'PUT', '/v1/stations/P2', { security_profile: 4 })).status, 422);
});

test('a profile that is expected keeps out who has less, from the start', async () => {
  await busbar.api('north', 'PUT', '/v1/stations/P1', { security_profile: 1 });
  assert.equal(await connect('P1'), 403);
  await busbar.api('north', 'PUT', '/v1/stations/P1', { password: 'correct-horse-8' });
  assert.equal(await connect('P1'), 401);
  assert.equal(await connect('P1', { password: 'correct-horse-8' }), 101);
});

test('profile 3: a certificate of a configured authority stands for the password, for its own station only', async () => {
  await busbar.api('north', 'PUT', '/v1/stations/P3', { password: 'correct-horse-9', security_profile: 3 });
  assert.equal(await connect('P3', { password: 'correct-horse-9', tls: true }), 403);
  assert.equal(await connect('P3', { tls: true }), 403);
  assert.equal(await connect('P3', { tls: true, client: 'station' }), 101);
  assert.equal((await station('P3')).security_profile, 3);
  assert.equal(await connect('ANOTHER', { tls: true, client: 'station' }), 403);
  assert.match((await attempt('ANOTHER', 'certificate')).detail, /"P3"/);
  assert.deepEqual((await events('ANOTHER')).map((e) => e.type), ['InvalidClientCertificate']);
  // By serial number: told with the boot.
  const client = await busbar.station('north', 'CS-9');
  await client.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M', chargePointSerialNumber: 'P3' });
  await client.close();
  assert.equal(await connect('CS-9', { tls: true, client: 'station' }), 101);
  assert.equal((await station('CS-9')).security_profile, 3);
});
