// SPDX-License-Identifier: Apache-2.0
//
// Firmware, diagnostics and logs through one-time URLs of busbard's own: the station is npm ocpp-rpc, and fetches and
// sends with whatever the URL says, as a station would. What is stored is compared byte by byte.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { now, theStage } from './actors.mjs';
import { Busbar, sleep, until } from './lib.mjs';
import { test } from 'node:test';

const plugins = (ocpp16) => ({ identity: {}, charging: {}, admin: {}, ocpp16: { onboarding: 'accept', ...ocpp16 } });
const { operator, connect } = theStage({
  tenants: {
    north: { plugins: plugins({ upload_max_mb: 4, firmware_max_mb: 8 }) },
    south: { plugins: plugins({ public_url: 'http://files.south.test/x/' }) },
  },
});
const api = (...args) => operator.busbar.api('north', ...args);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const folder = () => path.join(operator.busbar.state, 'files/north/ocpp16');
const files = () => (fs.existsSync(folder()) ? fs.readdirSync(folder()) : []);
const transfer = async (id) => (await api('GET', `/v1/transfers/${id}`)).body;
const sends = async (station, action, payload) => (await operator.commands(station, action, payload)).result;
const newest = async (station) => (await api('GET', `/v1/stations/${station}/transfers`)).body.items[0];
const expires = (id) => operator.busbar.sql(`update ocpp16.transfer set expires_at = now() - interval '1 s' where id = '${id}'`);

async function upload(query, bytes, headers = {}) {
  const answer = await fetch(`${operator.busbar.base('north')}/v1/firmware?${new URLSearchParams(query)}`, {
    method: 'POST', body: bytes, headers: { authorization: `Bearer ${operator.busbar.keys.north}`, ...headers },
  });
  return { status: answer.status, body: await answer.json() };
}

/** A station that notes which URL it is given. */
async function aStation(id, answers = {}) {
  const given = {};
  const note = (action, pick, answer) => (payload) => { given[action] = pick(payload); given.payload = payload; return answer; };
  const station = await connect(id, {
    UpdateFirmware: note('UpdateFirmware', (p) => p.location, {}),
    SignedUpdateFirmware: note('SignedUpdateFirmware', (p) => p.firmware.location, { status: 'Accepted' }),
    GetDiagnostics: note('GetDiagnostics', (p) => p.location, { fileName: 'diag.zip' }),
    GetLog: note('GetLog', (p) => p.log.remoteLocation, { status: 'Accepted', filename: 'security.log' }),
    ...answers,
  });
  await station.boots({ chargePointVendor: 'Acme', chargePointModel: 'Wall' });
  return { station, given };
}

const firmware = randomBytes(3 * 1024 * 1024 + 17);

test('a firmware is uploaded, raw and in a form, checked and kept', async () => {
  const { status, body } = await upload({ name: 'fw-1.2.bin', version: '1.2', vendor: 'Acme', model: 'Wall' }, firmware);
  assert.equal(status, 201, JSON.stringify(body));
  assert.deepEqual([body.bytes, body.sha256, body.signed, body.version], [firmware.length, sha256(firmware), false, '1.2']);
  const form = new FormData();
  form.append('comment', 'not the file');
  form.append('file', new Blob([firmware]), 'C:\\fw\\form.bin');
  const inForm = await upload({}, form);
  assert.equal(inForm.status, 201, JSON.stringify(inForm.body));
  assert.deepEqual([inForm.body.name, inForm.body.sha256], ['form.bin', sha256(firmware)]);
  const file = await api('GET', `/v1/firmware/${body.id}/file`);
  assert.ok(file.bytes.equals(firmware));
  assert.equal((await api('GET', '/v1/firmware')).body.items.length, 2);
  assert.equal((await operator.busbar.api('south', 'GET', `/v1/firmware/${body.id}`)).status, 404, 'another tenant');
  assert.deepEqual((await operator.busbar.api('south', 'GET', '/v1/firmware')).body.items, []);
  // What is wrong leaves nothing behind.
  const before = files().length;
  assert.equal((await upload({ name: '../etc/passwd' }, firmware)).status, 400);
  assert.equal((await upload({}, firmware)).status, 400, 'no name');
  assert.equal((await upload({ name: 'empty.bin' }, '')).status, 400);
  assert.equal((await upload({ name: 'large.bin' }, Buffer.alloc(8 * 1024 * 1024 + 1))).status, 413);
  const emptyForm = new FormData();
  emptyForm.append('comment', 'no file');
  assert.equal((await upload({ name: 'x.bin' }, emptyForm)).status, 400);
  assert.equal((await fetch(`${operator.busbar.base('north')}/v1/firmware?name=x`, { method: 'POST', body: 'x' })).status, 401);
  assert.deepEqual(files().filter((name) => name.endsWith('.part')), []);
  assert.equal(files().length, before);
  assert.equal((await api('DELETE', `/v1/firmware/${inForm.body.id}`)).status, 204);
  assert.equal(files().length, before - 1);
});

test('UpdateFirmware without a location: fetched in pieces, resumed, once', async () => {
  const { items: [fw] } = (await api('GET', '/v1/firmware')).body;
  const { station, given } = await aStation('FETCHER');
  const started = await api('POST', '/v1/stations/FETCHER/firmware-updates', { firmware_id: fw.id, retries: 2 });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  assert.equal(started.body.state, 'accepted');
  const url = given.UpdateFirmware;
  assert.ok(url.startsWith(`${operator.busbar.base('north')}/ocpp-files/`), 'the way by which the station came');
  assert.match(url, /\/ocpp-files\/[\w-]{43}\/fw-1\.2\.bin$/);
  assert.equal(given.payload.retries, 2);
  const head = await fetch(url, { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-length'), head.headers.get('accept-ranges')], [200, String(firmware.length), 'bytes']);
  await station.call('FirmwareStatusNotification', { status: 'Downloading' });
  assert.equal((await transfer(started.body.id)).state, 'transferring');
  // The link breaks in the middle of the first attempt.
  const first = await new Promise((resolve, reject) => {
    const chunks = [];
    const request = http.get(url, (response) => {
      response.on('data', (chunk) => {
        chunks.push(chunk);
        if (Buffer.concat(chunks).length > 500000) request.destroy();
      });
      response.on('close', () => resolve(Buffer.concat(chunks)));
      response.on('error', () => {});
    });
    request.on('error', (error) => (chunks.length ? resolve(Buffer.concat(chunks)) : reject(error)));
  });
  assert.ok(first.length < firmware.length);
  const rest = await fetch(url, { headers: { range: `bytes=${first.length}-` } });
  assert.equal(rest.status, 206);
  assert.equal(rest.headers.get('content-range'), `bytes ${first.length}-${firmware.length - 1}/${firmware.length}`);
  const whole = Buffer.concat([first, Buffer.from(await rest.arrayBuffer())]);
  assert.ok(whole.equals(firmware), 'the same bytes');
  await until('the transfer to be complete', async () => (await transfer(started.body.id)).state === 'transferred');
  assert.equal((await fetch(url)).status, 410, 'once');
  const lost = await fetch(url, { headers: { range: `bytes=${firmware.length - 10}-` } });
  assert.equal(lost.status, 206, 'but a station that lost the last bytes may ask for them');
  await lost.arrayBuffer();
  for (const status of ['Downloaded', 'Installing', 'Installed']) await station.call('FirmwareStatusNotification', { status });
  const done = await transfer(started.body.id);
  assert.deepEqual([done.state, done.status, done.bytes_done], ['done', 'Installed', firmware.length]);
  assert.equal((await fetch(url, { headers: { range: `bytes=${firmware.length - 10}-` } })).status, 410);
  const states = operator.busbar.sql("select payload->>'state' from core.event where topic = 'station.transfer' and key = 'FETCHER' order by xid, seq").flat();
  assert.deepEqual(states, ['requested', 'transferring', 'transferred', 'transferred', 'installing', 'done']);
  await station.close();
});

test('SignedUpdateFirmware: signature and certificate come with the firmware', async () => {
  const { body: fw } = await upload({ name: 'signed.bin' }, firmware);
  const { station, given } = await aStation('SIGNED');
  const wish = { firmware_id: fw.id, signed: true };
  const unsigned = await api('POST', '/v1/stations/SIGNED/firmware-updates', wish);
  assert.equal(unsigned.status, 422);
  assert.equal(unsigned.body.errors[0].pointer, '/firmware_id');
  const signature = { signature: 'c2lnbmF0dXJl', signing_certificate: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----' };
  assert.equal((await api('PUT', `/v1/firmware/${fw.id}/signature`, signature)).body.signed, true);
  const started = await api('POST', '/v1/stations/SIGNED/firmware-updates', wish);
  assert.equal(started.status, 202, JSON.stringify(started.body));
  assert.equal(given.payload.firmware.signature, signature.signature);
  assert.equal(given.payload.firmware.signingCertificate, signature.signing_certificate);
  assert.equal(given.payload.requestId, started.body.request_id);
  assert.ok(Buffer.from(await (await fetch(given.SignedUpdateFirmware)).arrayBuffer()).equals(firmware));
  const told = (status) => station.call('SignedFirmwareStatusNotification', { status, requestId: started.body.request_id });
  await told('SignatureVerified');
  await told('InstallVerificationFailed');
  assert.deepEqual([(await transfer(started.body.id)).state, (await transfer(started.body.id)).status], ['failed', 'InstallVerificationFailed']);
  await station.close();
});

test('GetDiagnostics without a location: sent by PUT, POST and as a form; the operator gets the file', async () => {
  const { station, given } = await aStation('SENDER');
  const form = (bytes) => { const f = new FormData(); f.append('file', new Blob([bytes]), 'log of today.tgz'); return f; };
  const ways = [
    ['PUT', '', (b) => b, 'diag.zip'],
    ['POST', '', (b) => b, 'diag.zip'],
    ['PUT', '/diag-7.zip', (b) => b, 'diag-7.zip'],
    ['POST', '', form, 'log of today.tgz'],
    ['PUT', '', (b) => new Blob([b]).stream(), 'diag.zip'], // chunked
  ];
  for (const [method, rest, body, name] of ways) {
    const file = randomBytes(1024 * 1024 + 3);
    assert.deepEqual(await sends(station, 'GetDiagnostics', {}), { fileName: 'diag.zip' });
    const { id } = await newest('SENDER');
    await station.call('DiagnosticsStatusNotification', { status: 'Uploading' });
    assert.equal((await transfer(id)).state, 'transferring');
    const sent = await fetch(given.GetDiagnostics + rest, { method, body: body(file), duplex: 'half' });
    assert.equal(sent.status, 201, `${method} ${rest}: ${await sent.text()}`);
    await station.call('DiagnosticsStatusNotification', { status: 'Uploaded' });
    const t = await transfer(id);
    assert.deepEqual([t.state, t.name, t.bytes, t.sha256, t.has_file], ['done', name, file.length, sha256(file), true]);
    const got = await api('GET', `/v1/transfers/${id}/file`);
    assert.ok(got.bytes.equals(file), 'the same bytes');
    assert.match(got.headers.get('content-disposition'), /attachment; filename="/);
    assert.equal((await fetch(given.GetDiagnostics, { method: 'PUT', body: 'again' })).status, 410, 'once');
    assert.equal((await operator.busbar.api('south', 'GET', `/v1/transfers/${id}/file`)).status, 404);
  }
  await station.close();
});

test('GetLog without a location, and its notifications', async () => {
  const { station, given } = await aStation('LOGGER');
  assert.equal((await sends(station, 'GetLog', { logType: 'SecurityLog' })).status, 'Accepted');
  const { id, request_id: requestId } = await newest('LOGGER');
  assert.equal(given.payload.requestId, requestId);
  await station.call('LogStatusNotification', { status: 'Uploaded', requestId });
  let t = await transfer(id);
  assert.equal(t.state, 'failed', 'said, but not there');
  assert.ok(t.detail);
  assert.equal((await fetch(given.GetLog, { method: 'PUT', body: 'the log' })).status, 201, 'it may still come');
  await station.call('LogStatusNotification', { status: 'Uploaded', requestId: requestId + 1 });
  assert.equal((await transfer(id)).state, 'transferred', 'of another request');
  await station.call('LogStatusNotification', { status: 'Uploaded', requestId });
  t = await transfer(id);
  assert.deepEqual([t.state, t.kind, t.name, t.bytes], ['done', 'log', 'security.log', 7]);
  await station.close();
});

test('URLs: expired, of another tenant, unknown, cancelled, for the other direction', async () => {
  const { station, given } = await aStation('URLS');
  const { items: [fw] } = (await api('GET', '/v1/firmware')).body;
  const fresh = async () => { await sends(station, 'GetDiagnostics', {}); return newest('URLS'); };
  const put = (url) => fetch(url, { method: 'PUT', body: 'x' }).then((r) => r.status);
  const { id } = await fresh();
  const url = given.GetDiagnostics;
  assert.equal(await put(url.replace('/t/north/', '/t/south/')), 404, 'another tenant');
  assert.equal(await put(`${url.slice(0, -4)}AAAA`), 404);
  assert.equal(await put(`${url}AAAA`), 404);
  assert.equal((await fetch(url)).status, 404, 'nothing to fetch there');
  expires(id);
  assert.equal(await put(url), 410);
  const second = await fresh();
  assert.equal((await api('POST', `/v1/transfers/${second.id}/cancel`)).body.state, 'canceled');
  assert.equal(await put(given.GetDiagnostics), 410);
  assert.equal((await api('POST', `/v1/transfers/${second.id}/cancel`)).status, 409);
  await sends(station, 'UpdateFirmware', { firmware_id: fw.id });
  assert.equal(await put(given.UpdateFirmware), 404);
  const third = await newest('URLS');
  assert.equal((await api('DELETE', `/v1/firmware/${fw.id}`)).status, 409, 'a station is to fetch it');
  expires(third.id);
  assert.equal((await fetch(given.UpdateFirmware)).status, 410);
  // Two uploads at once: one counts.
  await fresh();
  const both = await Promise.all([put(given.GetDiagnostics), put(given.GetDiagnostics)]);
  assert.deepEqual(both.sort(), [201, 410]);
  await station.close();
});

test('too large, broken off, and again: nothing is left behind, and the URL lives', async () => {
  const { station, given } = await aStation('BROKEN');
  await sends(station, 'GetDiagnostics', {});
  const { id } = await newest('BROKEN');
  const large = await fetch(given.GetDiagnostics, { method: 'PUT', body: Buffer.alloc(4 * 1024 * 1024 + 1) });
  assert.equal(large.status, 413);
  const request = http.request(given.GetDiagnostics, { method: 'PUT', headers: { 'content-length': 100000 } });
  request.on('error', () => {});
  request.write('only the beginning');
  await sleep(300);
  assert.equal(files().filter((name) => name.endsWith('.part')).length, 1);
  request.destroy();
  await until('the part to be removed', () => !files().some((name) => name.endsWith('.part')));
  const failed = await until('the failure', async () => { const t = await transfer(id); return t.detail && t; });
  assert.match(failed.detail, /ended after 18 bytes/);
  assert.equal((await fetch(given.GetDiagnostics, { method: 'PUT', body: 'all of it' })).status, 201);
  assert.equal((await transfer(id)).state, 'transferred');
  await station.close();
});

test('what cannot be is said, naming the field; what the station refuses is over', async () => {
  const { station, given } = await aStation('PICKY', { GetLog: { status: 'Rejected' } });
  const { body: other } = await upload({ name: 'other.bin', vendor: 'Other' }, 'x');
  const update = (body) => api('POST', '/v1/stations/PICKY/firmware-updates', body);
  for (const firmware_id of [other.id, '6f9619ff-8b86-4011-b42d-00c04fc964ff', 'nonsense']) {
    const answer = await update({ firmware_id });
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    assert.equal(answer.body.errors[0].pointer, '/firmware_id');
  }
  assert.equal((await api('POST', '/v1/stations/PICKY/commands/UpdateFirmware', {})).body.errors[0].pointer, '/location');
  assert.equal((await update({})).status, 422);
  assert.equal((await sends(station, 'GetLog', { logType: 'DiagnosticsLog' })).status, 'Rejected');
  assert.deepEqual([(await newest('PICKY')).state, (await newest('PICKY')).detail], ['refused', 'The station answered Rejected.']);
  const foreign = { location: 'https://files.test/here' };
  await sends(station, 'GetDiagnostics', foreign);
  assert.deepEqual(given.payload, foreign, 'a location of the operator\'s own stays as it is');
  await station.close();
  const away = await update({ firmware_id: (await upload({ name: 'any.bin' }, 'x')).body.id });
  assert.equal(away.status, 409);
});

test('a public_url goes before the way by which the station came', async () => {
  const given = [];
  const station = await (await import('./actors.mjs')).Station.connect(operator.busbar, 'PUBLIC', {
    tenant: 'south', answers: { GetDiagnostics: (p) => { given.push(p.location); return {}; } },
  });
  const answer = await operator.busbar.api('south', 'POST', '/v1/stations/PUBLIC/commands/GetDiagnostics', {});
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.match(given[0], /^http:\/\/files\.south\.test\/x\/ocpp-files\/[\w-]{43}$/);
  await station.close();
});

test('no token of a URL is in the log, the journal or any table', async () => {
  const { station, given } = await aStation('HUSH');
  await sends(station, 'GetDiagnostics', {});
  const [, token] = /ocpp-files\/([\w-]{43})/.exec(given.GetDiagnostics);
  assert.equal((await fetch(given.GetDiagnostics, { method: 'PUT', body: 'x' })).status, 201);
  const frames = await until('the journal', async () => {
    const { items } = (await api('GET', '/v1/stations/HUSH/messages?action=GetDiagnostics')).body;
    return items.length && items;
  });
  assert.match(JSON.stringify(frames), /ocpp-files\/\*{8}/);
  await until('it to be written', () => operator.busbar.sql("select count(*) from ocpp16.message where station_id = 'HUSH' and action = 'GetDiagnostics'")[0][0] !== '0');
  const tables = operator.busbar.sql("select format('%I.%I', table_schema, table_name) from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'");
  for (const [table] of tables) assert.ok(!operator.busbar.sql(`select t::text from ${table} t`).flat().join('\n').includes(token), table);
  assert.ok(!fs.readFileSync(operator.busbar.log, 'utf8').includes(token), 'the log');
  await station.close();
});
