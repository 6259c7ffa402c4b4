// SPDX-License-Identifier: Apache-2.0
//
// The OCA's cases: passwords, TLS, certificates, security events and logs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { freePort, until } from './lib.mjs';
import { now, theStage } from './actors.mjs';
import { theCase } from './oca.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-oca-')), tlsPort = await freePort();
const file = (name) => path.join(folder, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: folder });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function certificate(name, by, subject, names) {
  fs.writeFileSync(file('names'), names ? `subjectAltName=${names}\n` : 'basicConstraints=CA:FALSE\n');
  openssl('req', ...newKey, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', `${name}.crt`);
}
const pem = (name) => fs.readFileSync(file(`${name}.crt`), 'utf8');

before(() => {
  for (const ca of ['web', 'maker']) openssl('req', '-x509', ...newKey, '-days', '2', '-subj', `/CN=${ca}`, '-keyout', `${ca}.key`, '-out', `${ca}.crt`);
  certificate('server', 'web', '/CN=localhost', 'DNS:localhost,DNS:north.test');
});
const { operator, connect } = theStage({
  http: { tls: { listen: [`127.0.0.1:${tlsPort}`], certificate: file('server.crt'), key: file('server.key'), client_policy: 'any' } },
  tenants: { north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept', certificates: 'sign', cpo_name: 'Nordlicht' }, admin: {} } } },
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const password = '0123456789abcdef0123';
const overTls = (id, options, answers) => connect(id, answers, { endpoint: `wss://localhost:${tlsPort}/t/north/ocpp`, ...options });
const accepted = { status: 'Accepted' };
const events = async (station) => (await operator.reads(`/v1/stations/${station.id}/security-events`)).items;
const hash = (serialNumber) => ({ hashAlgorithm: 'SHA256', issuerNameHash: 'ab'.repeat(32), issuerKeyHash: 'cd'.repeat(32), serialNumber });

/** The station asks for a certificate of this name, installs what it gets, and can connect with it. */
async function certified(station, name) {
  openssl('req', ...newKey, '-subj', `/O=Nordlicht/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  station.answers.CertificateSigned = accepted;
  assert.deepEqual(await station.call('SignCertificate', { csr: fs.readFileSync(file(`${name}.csr`), 'utf8') }), accepted);
  const { certificateChain } = await station.hears('CertificateSigned');
  await until('it to be noted', async () => (await operator.reads(`/v1/stations/${station.id}/certificates`)).items[0]?.state === 'installed');
  return { ca: pem('web'), cert: certificateChain, key: fs.readFileSync(file(`${name}.key`)) };
}

theCase('TC_073_CSMS', async (id) => {
  await operator.puts(`/v1/stations/${id}`, { password });
  const station = await connect(id, { ChangeConfiguration: accepted }, { password });
  const { status, body } = await operator.api('POST', `/v1/stations/${id}/rotate-password`, { form: 'hex' });
  assert.equal(status, 200, JSON.stringify(body));
  const { key, value } = await station.hears('ChangeConfiguration');
  assert.equal(key, 'AuthorizationKey');
  assert.match(value, /^[0-9a-f]{40}$/, '20 bytes as hexadecimal digits (Security Whitepaper, A01)');
  await station.close();
  const again = await connect(id, {}, { password: Buffer.from(value, 'hex') });
  await again.isAvailable();
  await again.close();
  await assert.rejects(connect(id, {}, { password }), { code: 401 }, 'the old one is of no use any more');
});

theCase('TC_074_CSMS', async (id) => {
  const station = await connect(id, { ExtendedTriggerMessage: accepted });
  assert.deepEqual(await operator.sends(station, 'ExtendedTriggerMessage', { requestedMessage: 'SignChargePointCertificate' }), accepted);
  const ws = await certified(station, id);
  await station.close();
  const again = await overTls(id, { ws });
  await again.isAvailable();
  assert.equal((await operator.reads(`/v1/stations/${id}`)).security_profile, 3);
  await again.close();
});

for (const [number, certificateType] of [['TC_075_1_CSMS', 'ManufacturerRootCertificate'], ['TC_075_2_CSMS', 'CentralSystemRootCertificate']]) {
  theCase(number, async (id) => {
    const ids = { certificateHashData: [hash('01')], status: 'Accepted' };
    const station = await connect(id, { InstallCertificate: accepted, GetInstalledCertificateIds: ids });
    assert.deepEqual(await operator.sends(station, 'InstallCertificate', { certificateType, certificate: pem('web') }), accepted);
    assert.deepEqual(await operator.sends(station, 'GetInstalledCertificateIds', { certificateType }), ids);
    await station.close();
  });
}

theCase('TC_076_CSMS', async (id) => {
  const certificateType = 'CentralSystemRootCertificate';
  const station = await connect(id, {
    InstallCertificate: accepted, GetInstalledCertificateIds: [{ certificateHashData: [hash('7f')], status: 'Accepted' }, { status: 'NotFound' }], DeleteCertificate: accepted,
  });
  await operator.sends(station, 'InstallCertificate', { certificateType, certificate: pem('web') });
  const { certificateHashData } = await operator.sends(station, 'GetInstalledCertificateIds', { certificateType });
  assert.deepEqual(await operator.sends(station, 'DeleteCertificate', { certificateHashData: certificateHashData[0] }), accepted);
  assert.deepEqual(await operator.sends(station, 'GetInstalledCertificateIds', { certificateType }), { status: 'NotFound' });
  await station.close();
});

theCase('TC_077_CSMS', async (id) => {
  const station = await connect(id, { CertificateSigned: { status: 'Rejected' } });
  assert.deepEqual(await operator.sends(station, 'CertificateSigned', { certificateChain: pem('web') }), { status: 'Rejected' });
  assert.deepEqual(await station.call('SecurityEventNotification', { type: 'InvalidChargePointCertificate', timestamp: now() }), {});
  assert.deepEqual((await events(station)).map((e) => e.type), ['InvalidChargePointCertificate']);
  await station.close();
});

theCase('TC_078_CSMS', async (id) => {
  const station = await connect(id, { InstallCertificate: { status: 'Rejected' } });
  const wish = { certificateType: 'CentralSystemRootCertificate', certificate: pem('maker') };
  assert.deepEqual(await operator.sends(station, 'InstallCertificate', wish), { status: 'Rejected' });
  assert.deepEqual(await station.call('SecurityEventNotification', { type: 'InvalidCentralSystemCertificate', timestamp: now() }), {});
  assert.deepEqual((await events(station)).map((e) => e.type), ['InvalidCentralSystemCertificate']);
  await station.close();
});

theCase('TC_079_CSMS', async (id) => {
  const station = await connect(id, { GetLog: { status: 'Accepted', filename: 'security.log' } });
  const wish = { log: { remoteLocation: 'https://files.test/up' }, logType: 'SecurityLog', requestId: 79, retries: 1, retryInterval: 60 };
  assert.deepEqual(await operator.sends(station, 'GetLog', wish), { status: 'Accepted', filename: 'security.log' });
  for (const status of ['Uploading', 'Uploaded']) assert.deepEqual(await station.call('LogStatusNotification', { status, requestId: 79 }), {});
  await station.close();
});

for (const [number, type, ...steps] of [
  ['TC_080_CSMS', 'FirmwareUpdated', 'Downloading', 'Downloaded', 'SignatureVerified', 'Installing', 'InstallRebooting', 'boot', 'Installed'],
  ['TC_081_CSMS', 'InvalidFirmwareSignature', 'Downloading', 'Downloaded', 'InvalidSignature'],
]) {
  theCase(number, async (id) => {
    const station = await connect(id, { SignedUpdateFirmware: accepted });
    const firmware = { location: 'https://files.test/fw.bin', retrieveDateTime: now(), installDateTime: now(60), signingCertificate: pem('maker'), signature: 'c2lnbmF0dXJl' };
    assert.deepEqual(await operator.sends(station, 'SignedUpdateFirmware', { retries: 1, retryInterval: 60, requestId: 80, firmware }), accepted);
    for (const status of steps) {
      if (status === 'boot') await station.boots({ firmwareVersion: '3.0' });
      else assert.deepEqual(await station.call('SignedFirmwareStatusNotification', { status, requestId: 80 }), {});
    }
    await station.call('SecurityEventNotification', { type, timestamp: now() });
    assert.deepEqual((await events(station)).map((e) => e.type), [type]);
    await station.close();
  });
}

theCase('TC_083_CSMS', async (id) => {
  await operator.puts(`/v1/stations/${id}`, { password });
  const station = await connect(id, { ChangeConfiguration: accepted, Reset: accepted }, { password });
  assert.equal((await operator.reads(`/v1/stations/${id}`)).security_profile, 1);
  assert.deepEqual(await operator.sends(station, 'ChangeConfiguration', { key: 'SecurityProfile', value: '2' }), accepted);
  assert.deepEqual(await operator.sends(station, 'Reset', { type: 'Hard' }), accepted);
  await station.close();
  const risen = await overTls(id, { password, ws: { ca: pem('web') } });
  await risen.isAvailable();
  assert.equal((await operator.reads(`/v1/stations/${id}`)).security_profile, 2);
  await risen.close();
  await assert.rejects(connect(id, {}, { password }), { code: 403 }, 'never back');
});

theCase('TC_087_CSMS', async (id) => {
  const first = await connect(id);
  await first.boots({ chargePointSerialNumber: 'SN-087' });
  const ws = await certified(first, 'SN-087'); // its common name is the serial number (Security Whitepaper §3.2)
  await first.close();
  const station = await overTls(id, { ws });
  await station.boots({ chargePointSerialNumber: 'SN-087' });
  assert.equal((await operator.reads(`/v1/stations/${id}`)).security_profile, 3);
  await station.close();
  await assert.rejects(overTls(`${id}-OTHER`, { ws }), { code: 403 }, 'its own station only');
});

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
  const station = await overTls(id, { password, ws: { ca: pem('web') } });
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
