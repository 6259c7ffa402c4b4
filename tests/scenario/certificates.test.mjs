// SPDX-License-Identifier: Apache-2.0
//
// A station gets its certificate over OCPP and comes back with it: SignCertificate, CertificateSigned, security profile 3
// over wss (Security Whitepaper, use cases A02 and A03). And new passwords (A01). The station is npm ocpp-rpc in strict
// mode; keys and requests are openssl's.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, RPCClient, freePort, until } from './lib.mjs';

let busbar, folder, port;
const file = (name) => path.join(folder, name);
const read = (name) => fs.readFileSync(file(name));
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: folder }).toString();
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const get = async (target, tenant = 'north') => (await busbar.api(tenant, 'GET', target)).body;
const post = (target, body, tenant = 'north') => busbar.api(tenant, 'POST', target, body);

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-certificates-'));
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=web', '-keyout', 'web.key', '-out', 'web.crt');
  openssl('req', ...newKey, '-subj', '/CN=north.test', '-keyout', 'server.key', '-out', 'server.csr');
  openssl('x509', '-req', '-in', 'server.csr', '-CA', 'web.crt', '-CAkey', 'web.key', '-CAcreateserial', '-days', '2', '-out', 'server.crt');
  port = await freePort();
  const plugins = (certificates) => ({ identity: {}, charging: {}, ocpp16: { onboarding: 'accept', certificates, cpo_name: 'Nordlicht Energie', certificate_days: 90 }, admin: {} });
  busbar = await Busbar.start({
    http: { tls: { listen: [`127.0.0.1:${port}`], certificate: file('server.crt'), key: file('server.key'), client_policy: 'any' } },
    tenants: { north: { plugins: plugins('sign') }, held: { plugins: plugins('hold') }, none: { plugins: plugins('refuse') } },
  });
});
after(async () => {
  await busbar?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** A key and a request for it, as a station makes them. */
function request(name, subject = `/O=Nordlicht Energie/CN=${name}`, key = newKey) {
  openssl('req', ...key, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  return read(`${name}.csr`).toString();
}

/** A station that takes what CertificateSigned brings, or says `answer`. */
async function station(tenant, id, { answer = 'Accepted', ...options } = {}) {
  const signed = [];
  const handlers = {
    CertificateSigned: ({ params }) => { signed.push(params.certificateChain); return { status: answer }; },
    ExtendedTriggerMessage: () => ({ status: 'Accepted' }),
    ...options.handlers,
  };
  const client = await busbar.station(tenant, id, { ...options, handlers });
  return Object.assign(client, { signed });
}

/** A connection over TLS with the certificate `name`.crt; the status when it is refused. */
async function secure(tenant, id, name, { password } = {}) {
  const client = new RPCClient({
    endpoint: `wss://127.0.0.1:${port}/t/${tenant}/ocpp`, identity: id, password, protocols: ['ocpp1.6'], strictMode: true, reconnect: false,
    wsOpts: { ca: read('web.crt'), checkServerIdentity: () => undefined, servername: 'north.test', ...(name ? { cert: read(`${name}.crt`), key: read(`${name}.key`) } : {}) },
  });
  try {
    await client.connect();
  } catch (error) {
    return error.code ?? error.message;
  }
  const { currentTime } = await client.call('Heartbeat', {});
  assert.ok(currentTime);
  await client.close();
  return 'connected';
}
const attempts = async (id, tenant = 'north') => (await get('/v1/connection-attempts', tenant)).items.filter((a) => a.station_id === id);

test('a station asks for a certificate, gets it, and comes back with it alone', async () => {
  const client = await station('north', 'CP-1');
  assert.deepEqual(await client.call('SignCertificate', { csr: request('CP-1') }), { status: 'Accepted' });
  await until('CertificateSigned', () => client.signed.length === 1);
  fs.writeFileSync(file('CP-1.crt'), client.signed[0]);
  await until('the answer to be noted', async () => (await get('/v1/stations/CP-1/certificates')).items[0].state === 'installed');
  await client.close();

  const authority = await get('/v1/certificate-authority');
  assert.equal(authority.key, undefined);
  fs.writeFileSync(file('authority.crt'), authority.certificate);
  const leaf = new X509Certificate(client.signed[0]);
  assert.ok(leaf.verify(new X509Certificate(authority.certificate).publicKey));
  assert.equal(leaf.subject, 'O=Nordlicht Energie\nCN=CP-1');
  assert.equal(leaf.ca, false);
  assert.equal(leaf.subjectAltName, undefined);
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.ok(leaf.checkPrivateKey((await import('node:crypto')).createPrivateKey(read('CP-1.key'))));
  assert.match(openssl('verify', '-purpose', 'sslclient', '-x509_strict', '-CAfile', 'authority.crt', 'CP-1.crt'), /OK/);

  assert.equal(await secure('north', 'CP-1', 'CP-1'), 'connected');
  assert.equal((await get('/v1/stations/CP-1')).security_profile, 3);
  assert.equal(await secure('north', 'CP-1'), 403);
  assert.match((await attempts('CP-1'))[0].detail, /profile 0 .* has to use 3/);
  assert.equal(await secure('north', 'CP-2', 'CP-1'), 403, 'it is nobody else\'s');
  assert.equal(await secure('held', 'CP-1', 'CP-1'), 'connected', 'of another tenant it is no certificate: profile 0');
  assert.equal((await get('/v1/stations/CP-1', 'held')).security_profile, 0);

  const [one] = (await get('/v1/certificates')).items;
  assert.equal(one.serial, leaf.serialNumber.toLowerCase());
  assert.equal(one.fingerprint, leaf.fingerprint256.replaceAll(':', '').toLowerCase());
  assert.ok(Date.parse(one.not_after) - Date.now() < 91 * 86400000);
  assert.deepEqual(busbar.sql("select count(*) from ocpp16.authority where sealed_key::text like '%PRIVATE%' or encode(sealed_key, 'escape') like '%PRIVATE%'"), [['0']]);
  assert.deepEqual(busbar.sql("select topic from core.event where topic = 'station.certificate_issued' and key = 'CP-1'"), [['station.certificate_issued']]);
});

test('what is revoked opens nothing any more, and stands in the list', async () => {
  const [one] = (await get('/v1/stations/CP-1/certificates')).items;
  const revoked = await post(`/v1/certificates/${one.id}/revoke`);
  assert.equal(revoked.status, 200);
  assert.equal(revoked.body.state, 'revoked');
  assert.equal(await secure('north', 'CP-1', 'CP-1'), 403);
  const reason = (await attempts('CP-1')).find((a) => a.reason === 'certificate');
  assert.match(reason.detail, /was revoked/);
  assert.ok((await get('/v1/stations/CP-1/security-events?type=InvalidClientCertificate')).items.length > 0);
  const crl = await busbar.api('north', 'GET', '/v1/certificate-authority/crl');
  fs.writeFileSync(file('list.pem'), crl.bytes);
  assert.match(openssl('crl', '-in', 'list.pem', '-noout', '-text', '-CAfile', 'authority.crt').toLowerCase(), new RegExp(`serial number: 0*${one.serial}`));
  assert.equal((await post('/v1/certificates/0198c0de-0000-7000-8000-000000000000/revoke')).status, 404);
  assert.equal((await post(`/v1/certificates/${one.id}/revoke`, undefined, 'held')).status, 404);
});

test('requests that are not in order are rejected or held, and say why', async () => {
  const client = await station('north', 'CP-3');
  await client.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M', chargePointSerialNumber: 'SN-3' });
  const rsa = (bits) => ['-newkey', `rsa:${bits}`, '-nodes'];
  const cases = [
    ['weak', request('weak', '/O=Nordlicht Energie/CN=CP-3', rsa(1024)), 'Rejected', /2048 bits/],
    ['foreign', request('foreign', '/O=Nordlicht Energie/CN=CP-4'), 'Rejected', /neither the station's id/],
    ['nameless', request('nameless', '/O=Nordlicht Energie'), 'Rejected', /neither the station's id/],
    ['garbage', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n', 'Rejected', /PKCS#10/],
    ['stranger', request('stranger', '/O=Somebody/CN=SN-3'), 'Accepted', /CpoName/],
  ];
  for (const [name, csr, status, note] of cases) {
    assert.deepEqual(await client.call('SignCertificate', { csr }), { status }, name);
    const [latest] = (await get('/v1/stations/CP-3/certificate-requests')).items;
    assert.equal(latest.state, status === 'Accepted' ? 'held' : 'rejected', name);
    assert.match(latest.note, note, name);
  }
  const { items } = await get('/v1/certificate-requests?state=held');
  assert.deepEqual(items.map((r) => [r.station_id, r.organization, r.key]), [['CP-3', 'Somebody', 'EC 256']]);
  assert.equal(client.signed.length, 0);
  // By the serial number, RSA, with everything in order.
  assert.deepEqual(await client.call('SignCertificate', { csr: request('CP-3', '/O=Nordlicht Energie/CN=SN-3', rsa(2048)) }), { status: 'Accepted' });
  await until('CertificateSigned', () => client.signed.length === 1);
  fs.writeFileSync(file('CP-3.crt'), client.signed[0]);
  await client.close();
  assert.equal(await secure('north', 'CP-3', 'CP-3'), 'connected');
  assert.equal((await get('/v1/stations/CP-3')).security_profile, 3);
});

test('an operator approves or rejects what is held; a station that was away gets it later', async () => {
  let client = await station('held', 'CP-5');
  const csr = request('CP-5');
  assert.deepEqual(await client.call('SignCertificate', { csr }), { status: 'Accepted' });
  assert.deepEqual(await client.call('SignCertificate', { csr }), { status: 'Accepted' }, 'asked again: the same request');
  const { items } = await get('/v1/stations/CP-5/certificate-requests', 'held');
  assert.deepEqual(items.map((r) => r.state), ['held']);
  await client.close();
  assert.equal((await post(`/v1/stations/CP-5/certificate-requests/${items[0].id}/approve`, {}, 'north')).status, 404);
  const approved = await post(`/v1/stations/CP-5/certificate-requests/${items[0].id}/approve`, { note: 'seen on site' }, 'held');
  assert.equal(approved.status, 200);
  assert.deepEqual([approved.body.state, approved.body.note], ['approved', 'seen on site']);
  assert.equal((await post(`/v1/stations/CP-5/certificate-requests/${items[0].id}/reject`, {}, 'held')).body.code, 'already-decided');
  await until('it to be signed', async () => (await get('/v1/stations/CP-5/certificates', 'held')).items[0]?.state === 'issued');
  // The station asks again as soon as it is back, as they do when nothing came.
  client = await station('held', 'CP-5', { answer: 'Rejected' });
  assert.deepEqual(await client.call('SignCertificate', { csr }), { status: 'Accepted' });
  busbar.sql("update ocpp16.certificate set tried_at = null where station_id = 'CP-5'");
  await client.call('SignCertificate', { csr });
  await until('CertificateSigned', () => client.signed.length > 0);
  await until('the refusal', async () => (await get('/v1/stations/CP-5/certificates', 'held')).items[0].state === 'refused');

  assert.deepEqual(await client.call('SignCertificate', { csr: request('CP-5b', '/O=Nordlicht Energie/CN=CP-5') }), { status: 'Accepted' });
  const [second] = (await get('/v1/stations/CP-5/certificate-requests?state=held', 'held')).items;
  assert.equal((await post(`/v1/stations/CP-5/certificate-requests/${second.id}/reject`, {}, 'held')).body.state, 'rejected');
  assert.deepEqual(await client.call('SignCertificate', { csr: second.csr }), { status: 'Rejected' }, 'what was rejected stays so');
  await client.close();
  const refusing = await station('none', 'CP-6');
  assert.deepEqual(await refusing.call('SignCertificate', { csr: request('CP-6') }), { status: 'Rejected' });
  await refusing.close();
});

test('renewal: by hand, and by itself when the end is near', async () => {
  const asked = [];
  const client = await station('north', 'CP-7', { handlers: { ExtendedTriggerMessage: ({ params }) => { asked.push(params); return { status: 'Accepted' }; } } });
  assert.equal((await post('/v1/stations/CP-7/renew-certificate')).status, 202);
  assert.deepEqual(asked, [{ requestedMessage: 'SignChargePointCertificate' }]);
  await client.call('SignCertificate', { csr: request('CP-7') });
  await until('installed', async () => (await get('/v1/stations/CP-7/certificates')).items[0]?.state === 'installed');
  busbar.sql("update ocpp16.certificate set not_after = now() + interval '5 days' where station_id = 'CP-7'");
  // Whoever is signed for sets off a round, which comes once a minute otherwise.
  const other = await station('north', 'CP-8');
  await other.call('SignCertificate', { csr: request('CP-8') });
  await until('to be asked', () => asked.length === 2);
  await other.call('SignCertificate', { csr: request('CP-8b', '/O=Nordlicht Energie/CN=CP-8') });
  await until('another round', () => other.signed.length === 2);
  await other.close();
  assert.equal(asked.length, 2, 'once a day');
  await client.close();
  assert.equal((await post('/v1/stations/CP-7/renew-certificate')).body.code, 'station-offline');
});

test('an imported authority takes over; what the first one signed stays good', async () => {
  openssl('req', '-x509', ...newKey, '-days', '30', '-subj', '/O=Nordlicht Energie/CN=Imported', '-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-keyout', 'own.key', '-out', 'own.crt');
  const put = (certificate, key) => busbar.api('north', 'PUT', '/v1/certificate-authority', { certificate, key });
  assert.equal((await put(read('own.crt').toString(), read('web.key').toString())).body.errors[0].pointer, '/key');
  assert.equal((await put(read('CP-3.crt').toString(), read('CP-3.key').toString())).body.errors[0].pointer, '/certificate');
  const done = await put(read('own.crt').toString(), read('own.key').toString());
  assert.equal(done.status, 200, JSON.stringify(done.body));
  assert.equal(done.body.imported, true);
  assert.equal(await secure('north', 'CP-3', 'CP-3'), 'connected');
  const client = await station('north', 'CP-9');
  await client.call('SignCertificate', { csr: request('CP-9') });
  await until('CertificateSigned', () => client.signed.length === 1);
  fs.writeFileSync(file('CP-9.crt'), client.signed[0]);
  await client.close();
  assert.match(new X509Certificate(client.signed[0]).issuer, /CN=Imported/);
  assert.equal(await secure('north', 'CP-9', 'CP-9'), 'connected');
  // Signed elsewhere by the same authority: the organization must be ours (A00.FR.404).
  for (const [name, organization, expected] of [['CP-10', 'Nordlicht Energie', 'connected'], ['CP-11', 'Somebody', 403]]) {
    await busbar.api('north', 'PUT', `/v1/stations/${name}`, { security_profile: 3 });
    request(name, `/O=${organization}/CN=${name}`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'own.crt', '-CAkey', 'own.key', '-CAcreateserial', '-days', '2', '-out', `${name}.crt`);
    assert.equal(await secure('north', name, name), expected);
  }
  assert.match((await attempts('CP-11')).find((a) => a.reason === 'certificate').detail, /"Somebody"/);
  assert.ok(!busbar.tail(100000).includes('PRIVATE KEY'));
});

test('a certificate that counts for nothing leaves the password', async () => {
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/O=Factory/CN=CP-12', '-keyout', 'CP-12.key', '-out', 'CP-12.crt');
  await busbar.api('north', 'PUT', '/v1/stations/CP-12', { password: 'correct-horse-12' });
  assert.equal(await secure('north', 'CP-12', 'CP-12', { password: 'correct-horse-12' }), 'connected');
  assert.equal((await get('/v1/stations/CP-12')).security_profile, 2);
  assert.equal(await secure('north', 'CP-12', 'CP-12'), 401);
});

for (const form of ['hex', 'text']) {
  for (const taken of ['verbatim', 'bytes']) {
    if (form === 'text' && taken === 'bytes') continue;
    test(`a new password as ${form}, which the station uses ${taken}`, async () => {
      const id = `ROT-${form}-${taken}`;
      await busbar.api('north', 'PUT', `/v1/stations/${id}`, { password: 'first-password-1' });
      let key;
      const handlers = { ChangeConfiguration: ({ params }) => { assert.equal(params.key, 'AuthorizationKey'); key = params.value; return { status: 'Accepted' }; } };
      const client = await station('north', id, { password: 'first-password-1', handlers });
      const changed = await post(`/v1/stations/${id}/rotate-password`, { form });
      assert.deepEqual([changed.status, changed.body], [200, { status: 'Accepted', password_changing: true }]);
      assert.match(key, form === 'hex' ? /^[0-9a-f]{40}$/ : /^[\w-]{20}$/);
      await client.close();
      assert.equal((await post(`/v1/stations/${id}/rotate-password`)).body.code, 'password-changing');
      // Both are right until the new one was used.
      await (await station('north', id, { password: 'first-password-1' })).close();
      await (await station('north', id, { password: taken === 'bytes' ? Buffer.from(key, 'hex') : key })).close();
      assert.equal((await get(`/v1/stations/${id}`)).password_changing, false);
      await assert.rejects(station('north', id, { password: 'first-password-1' }), (error) => error.code === 401);
      // It stands nowhere.
      const messages = JSON.stringify((await get(`/v1/stations/${id}/messages`)).items);
      assert.match(messages, /AuthorizationKey/);
      const everything = messages + busbar.tail(100000) + JSON.stringify(busbar.sql('select details from core.audit where details is not null')) + JSON.stringify(busbar.sql('select payload from core.event'));
      assert.ok(!everything.includes(key));
    });
  }
}

test('a station that does not take the new password keeps the old one', async () => {
  await busbar.api('north', 'PUT', '/v1/stations/KEEP', { password: 'first-password-1' });
  let key;
  const client = await station('north', 'KEEP', { password: 'first-password-1', handlers: { ChangeConfiguration: ({ params }) => { key = params.value; return { status: 'Rejected' }; } } });
  const refused = await post('/v1/stations/KEEP/rotate-password');
  assert.deepEqual([refused.status, refused.body.code], [409, 'station-refused']);
  await client.close();
  await assert.rejects(station('north', 'KEEP', { password: key }), (error) => error.code === 401);
  await (await station('north', 'KEEP', { password: 'first-password-1' })).close();
  assert.equal((await get('/v1/stations/KEEP')).password_changing, false);
  assert.equal((await post('/v1/stations/KEEP/rotate-password')).body.code, 'station-offline');
  assert.equal((await get('/v1/stations/KEEP')).password_changing, false);
  assert.equal((await post('/v1/stations/KEEP/rotate-password', { form: 'morse' })).status, 422);
});
