// SPDX-License-Identifier: Apache-2.0
//
// pricing/1, asked by another plugin: a preview at a connector and by a tariff, the running price, CDRs by id and in
// order, a credit. What it says is what the API says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, defaultTenants, RPCClient, build, root, until } from './lib.mjs';

let busbar, station, folder;
before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-pricer-'));
  execFileSync('cc', ['-std=gnu17', '-D_GNU_SOURCE', '-shared', '-fPIC', '-fvisibility=hidden', `-I${root}/sdk/include`, '-o', path.join(folder, 'pricer.so'), `${root}/tests/unit/plugins/pricer.c`]);
  busbar = await Busbar.start({
    pluginFolders: [path.join(build, '.libs'), folder],
    tenants: { ...defaultTenants, north: { ...defaultTenants.north, plugins: { ...defaultTenants.north.plugins, billing: { default_tariff: 'public' }, pricer: {} } } },
  });
  await api('PUT', '/v1/tokens/CARD1', { status: 'accepted' });
  await api('PUT', '/v1/tokens/FLEET', { status: 'accepted' });
  for (const [id, price] of [['public', 0.4], ['fleet', 0.3]])
    assert.equal((await api('PUT', `/v1/tariffs/${id}`, tariff(price))).status, 201);
  assert.equal((await api('PUT', '/v1/contracts/fleet', { name: 'Fleet', tariff_id: 'fleet', discount_percent: 10, applies_to: [{ token_uid: 'FLEET' }] })).status, 201);
  station = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: 'PRICED', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  await station.connect();
  await station.call('BootNotification', { chargePointVendor: 'Test', chargePointModel: 'One' });
});
after(async () => { await station?.close(); await busbar?.stop(); fs.rmSync(folder, { recursive: true }); });
const api = (...args) => busbar.api('north', ...args);
const asks = async (target) => {
  const { status, body } = await api('GET', `/v1/pricer/${target}`);
  assert.equal(status, 200, `${target}: ${JSON.stringify(body)}`);
  return body;
};
const tariff = (price) => ({ currency: 'EUR', tax_included: 'NO', elements: [{ price_components: [
  { type: 'FLAT', price: 0.5, vat: 19, step_size: 1 }, { type: 'ENERGY', price, vat: 19, step_size: 1 }, { type: 'TIME', price: 1.2, vat: 19, step_size: 1 }] }] });
const begin = Math.floor(Date.now() / 1000) * 1000 - 120 * 60000;
const at = (minutes) => new Date(begin + minutes * 60000).toISOString();

test('a preview knows the connector, the token and the terms', async () => {
  const anybody = await asks('stations/PRICED/CARD1');
  assert.deepEqual([anybody.tariff_id, anybody.tariff_version, anybody.contract_id, anybody.net_e4, anybody.gross_e4, anybody.payable_minor], ['public', 1, undefined, 57000, 67830, 678]);
  assert.deepEqual(anybody.components, [0, 400000, 1, 20000, 2, 500000]); // per kWh, per minute, per session
  const fleet = await asks('stations/PRICED/FLEET');
  assert.deepEqual([fleet.tariff_id, fleet.contract_id, fleet.net_e4], ['fleet', 'fleet', 42300]);
  assert.equal((await api('GET', '/v1/pricer/stations/NOWHERE/FLEET')).status, 404);
});

test('a preview by tariff is that of the API', async () => {
  const ours = await asks('tariffs/fleet/some');
  const { body } = await api('POST', '/v1/prices/preview', { tariff_id: 'fleet', energy_kwh: 10, power_kw: 11 });
  assert.deepEqual(JSON.parse(ours.account).total, body.account.total);
  assert.equal((await api('GET', '/v1/pricer/tariffs/fleet/none')).status, 422); // energy alone tells no time
  assert.equal((await api('GET', '/v1/pricer/tariffs/none/some')).status, 404);
});

test('sessions, CDRs and credits', async () => {
  const { transactionId } = await station.call('StartTransaction', { connectorId: 1, idTag: 'CARD1', meterStart: 0, timestamp: at(0) });
  const [session] = (await api('GET', '/v1/sessions?station=PRICED')).body.items;
  await until('the session to have its rule set', async () => (await api('GET', `/v1/sessions/${session.id}/price`)).status === 200);
  assert.equal((await asks(`sessions/${session.id}`)).final, 0);
  await station.call('StopTransaction', { transactionId, meterStop: 10000, timestamp: at(60), idTag: 'CARD1' });
  const price = await until('the CDR', async () => {
    const body = await asks(`sessions/${session.id}`);
    return body.final && body;
  });
  const shown = (await api('GET', `/v1/sessions/${session.id}/price`)).body;
  assert.deepEqual([price.cdr_id, price.net_e4, price.payable_minor, price.energy_mwh], [shown.cdr_id, 57000, shown.account.payable_minor, 10000000]);
  assert.deepEqual(JSON.parse(price.account), shown.account);
  const one = await asks(`cdrs/${price.cdr_id}`);
  assert.equal(one.document, busbar.sql(`select document from billing.cdr where cdr_id = '${price.cdr_id}'`)[0][0]);
  assert.equal((await api('GET', '/v1/pricer/cdrs/nonsense')).status, 404);

  const credited = await api('POST', `/v1/pricer/credits/${price.cdr_id}`);
  assert.equal(credited.status, 200, JSON.stringify(credited.body));
  const { credit, replacement } = credited.body;
  assert.deepEqual([credit.kind, credit.net_e4, credit.energy_mwh], [1, -57000, -10000000]);
  const { created_ms: made } = await asks(`cdrs/${price.cdr_id}`);
  assert.ok(credit.created_ms > made && replacement.created_ms > made, 'they were made later than what they take back');
  assert.deepEqual([replacement.kind, replacement.net_e4, replacement.energy_mwh], [2, 37000, 5000000]);
  const again = await api('POST', `/v1/pricer/credits/${price.cdr_id}`);
  assert.equal(again.status, 409);
  assert.match(JSON.stringify(again.body), new RegExp(credit.id));
  assert.deepEqual([(await asks(`cdrs/${price.cdr_id}`)).credited_by, (await asks(`sessions/${session.id}`)).cdr_id], [credit.id, replacement.id]);

  const first = await asks('after/start');
  assert.equal(first.length, 2);
  const rest = await asks(`after/${first[1].id}`);
  assert.deepEqual([...first, ...rest].map((c) => c.id), [price.cdr_id, credit.id, replacement.id]);
  const other = await busbar.api('south', 'GET', `/v1/cdrs/${price.cdr_id}`);
  assert.equal(other.status, 404);
});
