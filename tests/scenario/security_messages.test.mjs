// SPDX-License-Identifier: Apache-2.0
//
// The messages of the Security Whitepaper edition 3 in both directions, with npm ocpp-rpc in strict mode at the other end:
// what is sent and answered is checked against its JSON schemas there too.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar } from './lib.mjs';

let busbar;
before(async () => { busbar = await Busbar.start(); });
after(async () => { await busbar?.stop(); });

const events = async (query = '', station) => (await busbar.api('north', 'GET', `/v1/${station ? `stations/${station}/` : ''}security-events${query}`)).body;

test('security events are kept once, marked, told, and nobody else sees them', async () => {
  const client = await busbar.station('north', 'SEC-1');
  const at = '2026-11-01T10:00:00.000Z';
  const tamper = { type: 'TamperDetectionActivated', timestamp: at, techInfo: 'door' };
  assert.deepEqual(await client.call('SecurityEventNotification', tamper), {});
  assert.deepEqual(await client.call('SecurityEventNotification', tamper), {}, 'sent again: the answer got lost');
  for (const type of ['StartupOfTheDevice', 'InvalidMessages', 'AcmeOwnEvent']) {
    assert.deepEqual(await client.call('SecurityEventNotification', { type, timestamp: at }), {});
  }
  await client.close();
  const { items } = await events('', 'SEC-1');
  assert.deepEqual(items.map((e) => [e.type, e.critical, e.noticed]), [
    ['AcmeOwnEvent', false, false], ['InvalidMessages', false, false], ['StartupOfTheDevice', true, false], ['TamperDetectionActivated', true, false]]);
  assert.equal(items[3].at, at);
  assert.equal(items[3].tech_info, 'door');
  assert.equal(items[3].station_id, 'SEC-1');
  assert.deepEqual(busbar.sql("select payload->>'type', payload->>'critical' from core.event where topic = 'station.security_event' and key = 'SEC-1' order by seq"),
    [['TamperDetectionActivated', 'true'], ['StartupOfTheDevice', 'true'], ['InvalidMessages', 'false'], ['AcmeOwnEvent', 'false']]);
  assert.equal((await busbar.api('south', 'GET', '/v1/security-events')).body.items.length, 0);
  assert.equal((await busbar.api('south', 'GET', '/v1/stations/SEC-1/security-events')).status, 404);
  assert.throws(() => busbar.sql("delete from ocpp16.security_event"), /append/);
});

test('lists of security events are paged and filtered', async () => {
  const pages = [];
  for (let cursor = ''; cursor !== undefined;) {
    const page = await events(`?limit=3${cursor && `&cursor=${cursor}`}`);
    pages.push(page.items.map((e) => e.type));
    cursor = page.next_cursor;
  }
  assert.deepEqual(pages, [['AcmeOwnEvent', 'InvalidMessages', 'StartupOfTheDevice'], ['TamperDetectionActivated']]);
  assert.deepEqual((await events('?critical=true')).items.map((e) => e.type), ['StartupOfTheDevice', 'TamperDetectionActivated']);
  assert.deepEqual((await events('?type=InvalidMessages')).items.length, 1);
  assert.deepEqual((await events('?noticed=true')).items.length, 0);
  assert.deepEqual((await events('?to=2026-01-01T00:00:00Z')).items.length, 0);
  assert.equal((await busbar.api('north', 'GET', '/v1/security-events?critical=maybe')).status, 400);
  const foreign = (await busbar.api('north', 'GET', '/v1/stations?limit=1')).body.next_cursor;
  await (await busbar.station('north', 'SEC-0')).close();
  for (const cursor of ['bm90LWEtdXVpZA', foreign ?? (await busbar.api('north', 'GET', '/v1/stations?limit=1')).body.next_cursor]) {
    assert.equal((await busbar.api('north', 'GET', `/v1/security-events?cursor=${cursor}`)).body.code, 'bad-cursor', cursor);
  }
});

test('what stations notify is answered', async () => {
  const client = await busbar.station('north', 'SEC-2');
  assert.deepEqual(await client.call('LogStatusNotification', { status: 'Uploading', requestId: 3 }), {});
  assert.deepEqual(await client.call('LogStatusNotification', { status: 'Idle' }), {});
  assert.deepEqual(await client.call('SignedFirmwareStatusNotification', { status: 'SignatureVerified', requestId: 4 }), {});
  await client.close();
});

test('every command of the whitepaper reaches the station as its schema has it', async () => {
  const hash = { hashAlgorithm: 'SHA256', issuerNameHash: 'aa', issuerKeyHash: 'bb', serialNumber: '0f' };
  const commands = {
    CertificateSigned: [{ certificateChain: 'PEM' }, { status: 'Rejected' }],
    DeleteCertificate: [{ certificateHashData: hash }, { status: 'NotFound' }],
    ExtendedTriggerMessage: [{ requestedMessage: 'LogStatusNotification' }, { status: 'Accepted' }],
    GetInstalledCertificateIds: [{ certificateType: 'CentralSystemRootCertificate' }, { certificateHashData: [hash], status: 'Accepted' }],
    GetLog: [{ log: { remoteLocation: 'https://logs.example/up' }, logType: 'SecurityLog', requestId: 9 }, { status: 'Accepted', filename: 'security.log' }],
    InstallCertificate: [{ certificateType: 'CentralSystemRootCertificate', certificate: 'PEM' }, { status: 'Failed' }],
    SignedUpdateFirmware: [{ requestId: 5, firmware: { location: 'https://firmware.example/1', retrieveDateTime: '2026-11-01T10:00:00.000Z', signingCertificate: 'PEM', signature: 'AAAA' } }, { status: 'InvalidCertificate' }],
  };
  const seen = {};
  const handlers = Object.fromEntries(Object.entries(commands).map(([action, [, answer]]) => [action, ({ params }) => { seen[action] = params; return answer; }]));
  const client = await busbar.station('north', 'SEC-3', { handlers });
  for (const [action, [request, answer]] of Object.entries(commands)) {
    const { status, body } = await busbar.api('north', 'POST', `/v1/stations/SEC-3/commands/${action}`, request);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(seen[action], request);
    assert.deepEqual(body.result, answer);
  }
  const wrong = await busbar.api('north', 'POST', '/v1/stations/SEC-3/commands/GetLog', { log: { remoteLocation: 'nowhere' }, logType: 'SecurityLog', requestId: 1 });
  assert.equal(wrong.body.errors[0].pointer, '/log/remoteLocation');
  const zero = await busbar.api('north', 'POST', '/v1/stations/SEC-3/commands/ExtendedTriggerMessage', { requestedMessage: 'Heartbeat', connectorId: 0 });
  assert.equal(zero.body.errors[0].pointer, '/connectorId');
  await client.close();
});
