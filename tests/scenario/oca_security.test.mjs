// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: passwords, TLS, certificates, security events and logs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { freePort } from './lib.mjs';
import { theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-oca-')), tlsPort = await freePort();
const file = (name) => path.join(folder, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: folder });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

before(() => {
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=web', '-keyout', 'web.key', '-out', 'web.crt');
  fs.writeFileSync(file('names'), 'subjectAltName=DNS:localhost,DNS:north.test\n');
  openssl('req', ...newKey, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  openssl('x509', '-req', '-in', 'server.csr', '-CA', 'web.crt', '-CAkey', 'web.key', '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', 'server.crt');
});
const { operator, connect } = theStage({
  http: { tls: { listen: [`127.0.0.1:${tlsPort}`], certificate: file('server.crt'), key: file('server.key') } },
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const password = '0123456789abcdef0123';
const overTls = (id, options) => connect(id, {}, { endpoint: `wss://localhost:${tlsPort}/t/north/ocpp`, ...options });

theCase('TC_085_CSMS', async (id) => {
  await operator.puts(`/v1/stations/${id}`, { password });
  const station = await connect(id, {}, { password });
  await station.isAvailable();
  await station.close();
  await assert.rejects(connect(id, {}, { password: 'another-password' }), { code: 401 });
  await assert.rejects(connect(id), { code: 401 });
});

theCase('TC_086_CSMS', async (id) => {
  await operator.puts(`/v1/stations/${id}`, { password });
  const station = await overTls(id, { password, ws: { ca: fs.readFileSync(file('web.crt')) } });
  await station.isAvailable();
  assert.equal((await operator.reads(`/v1/stations/${id}`)).online, true);
  await station.close();
  await assert.rejects(overTls(id, { password }), /certificate/, 'a station that does not know the authority turns away');
});

theCase('TC_088_CSMS', async (id) => {
  const station = await connect(id);
  assert.equal(station.client.protocol, 'ocpp1.6');
  await station.isAvailable();
  await station.close();
  const several = await connect(`${id}-B`, {}, { protocols: ['ocpp2.0.1', 'ocpp1.6'] });
  assert.equal(several.client.protocol, 'ocpp1.6', 'the one that both know');
  await several.close();
});
