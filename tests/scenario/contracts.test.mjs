// SPDX-License-Identifier: Apache-2.0
//
// Contracts: the most specific rule wins and explain says why, ties are refused when they are saved, a session keeps the
// terms with which it began.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, defaultTenants, RPCClient, until } from './lib.mjs';

let busbar;
before(async () => {
  busbar = await Busbar.start({ tenants: { ...defaultTenants, north: { ...defaultTenants.north, plugins: { ...defaultTenants.north.plugins, billing: { default_tariff: 'public' } } } } });
  for (const [id, price] of [['public', 0.5], ['fleet', 0.3], ['staff', 0.1]]) {
    assert.equal((await api('PUT', `/v1/tariffs/${id}`, { currency: 'EUR', tax_included: 'NO', elements: [{ price_components: [{ type: 'ENERGY', price, vat: 19, step_size: 1 }] }] })).status, 201);
  }
  await api('PUT', '/v1/locations/depot', { name: 'Depot', time_zone: 'Europe/Berlin' });
  await api('PUT', '/v1/stations/S1', { name: 'One', location_id: 'depot' });
  await api('PUT', '/v1/tokens/FLEET1', { status: 'accepted', contract_id: 'ACME', parent_uid: 'ACME-ALL' });
  await api('PUT', '/v1/tokens/BOSS', { status: 'accepted', contract_id: 'ACME' });
});
after(async () => { await busbar?.stop(); });
const api = (...args) => busbar.api('north', ...args);
const explain = async (query) => (await api('GET', `/v1/prices/explain?station=S1&${query}`)).body;

test('what cannot be meant is refused with its place', async () => {
  const cases = [
    [{ name: 'x', tariff_id: 'nowhere', applies_to: [{}] }, '/tariff_id'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ token_uid: 'A', channel: 'app' }] }, '/applies_to/0/channel'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{}, { connector_id: 1 }] }, '/applies_to/1/connector_id'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ location_id: 'depot', min_power_kw: 50 }] }, '/applies_to/0/min_power_kw'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ min_power_kw: 50, max_power_kw: 50 }] }, '/applies_to/0/max_power_kw'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ channel: 'app' }, { channel: 'app' }] }, '/applies_to/1'],
    [{ name: 'x', tariff_id: 'fleet', valid_from: '2026-02-01T00:00:00Z', valid_until: '2026-01-01T00:00:00Z', applies_to: [{}] }, '/valid_until'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [] }, '/applies_to'],
    [{ name: 'x', tariff_id: 'fleet', discount_percent: 101, applies_to: [{}] }, '/discount_percent'],
  ];
  for (const [body, pointer] of cases) {
    const answer = await api('PUT', '/v1/contracts/bad', body);
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    assert.equal(answer.body.errors[0].pointer, pointer, JSON.stringify(answer.body));
  }
  assert.equal(busbar.sql('select count(*) from billing.contract')[0][0], '0');
});

test('the most specific rule wins, and explain says why', async () => {
  assert.equal((await explain('token=FLEET1')).source, 'default_tariff');
  const saved = await api('PUT', '/v1/contracts/acme', { name: 'ACME fleet', tariff_id: 'fleet', discount_percent: 10, free_energy_kwh: 2, applies_to: [{ contract_id: 'ACME' }] });
  assert.equal(saved.status, 201, JSON.stringify(saved.body));
  assert.equal((await api('PUT', '/v1/contracts/depot', { name: 'Everybody at the depot', tariff_id: 'public', applies_to: [{ location_id: 'depot' }] })).status, 201);
  assert.equal((await api('PUT', '/v1/contracts/boss', { name: 'The boss', tariff_id: 'staff', applies_to: [{ token_uid: 'boss' }] })).status, 201);
  const fleet = await explain('token=fleet1');
  assert.deepEqual([fleet.contract_id, fleet.tariff_id, fleet.source], ['acme', 'fleet', 'contract']);
  assert.deepEqual(fleet.considered.map((c) => [c.contract_id, c.fits, c.wins, c.why_not]), [
    ['boss', false, false, 'it is for other tokens'],
    ['acme', true, true, undefined],
    ['depot', true, false, 'another rule that fits is more specific']]);
  assert.equal((await explain('token=BOSS')).contract_id, 'boss');
  assert.equal((await explain('token=STRANGER')).contract_id, 'depot');
  assert.equal((await api('GET', '/v1/prices/explain?station=nowhere')).status, 404);
});

test('what could tie is refused when it is saved, however many save at once', async () => {
  const tie = await api('PUT', '/v1/contracts/other', { name: 'Other', tariff_id: 'staff', applies_to: [{ channel: 'app' }, { contract_id: 'ACME' }] });
  assert.equal(tie.status, 409);
  assert.equal(tie.body.errors[0].pointer, '/applies_to/1');
  assert.match(tie.body.errors[0].detail, /acme/);
  assert.equal((await api('GET', '/v1/contracts/other')).status, 404);
  // A bounded one beside an open one is a season's exception, and wins while it lasts.
  const season = { name: 'Season', tariff_id: 'staff', valid_from: '2020-01-01T00:00:00Z', valid_until: '2020-02-01T00:00:00Z', applies_to: [{ contract_id: 'ACME' }] };
  assert.equal((await api('PUT', '/v1/contracts/season', season)).status, 201);
  assert.equal((await explain('token=FLEET1&at=2020-01-15T00:00:00Z')).contract_id, 'season');
  assert.equal((await explain('token=FLEET1')).contract_id, 'acme');
  assert.equal((await api('PUT', '/v1/contracts/season2', { ...season, valid_until: '2020-01-02T00:00:00Z' })).status, 409);
  assert.equal((await api('PUT', '/v1/contracts/season2', { ...season, valid_from: '2020-02-01T00:00:00Z', valid_until: '2020-03-01T00:00:00Z' })).status, 201);
  const race = await Promise.all(Array.from({ length: 8 }, (_, i) => api('PUT', `/v1/contracts/r${i}`, { name: 'r', tariff_id: 'staff', applies_to: [{ station_id: 'S1', connector_id: 2 }] })));
  assert.deepEqual(race.map((r) => r.status).sort(), [201, 409, 409, 409, 409, 409, 409, 409]);
  assert.equal(busbar.sql('select count(*) from billing.contract_rule where where_kind = 4')[0][0], '1');
});

test('a session keeps the terms with which it began, to the cent', async () => {
  const station = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: 'S1', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  await station.connect();
  const begin = Math.floor(Date.now() / 1000) * 1000 - 3600000;
  const { transactionId } = await station.call('StartTransaction', { connectorId: 1, idTag: 'FLEET1', meterStart: 0, timestamp: new Date(begin).toISOString() });
  const session = (await api('GET', '/v1/sessions?station=S1')).body.items[0];
  await until('the rule set', async () => (await api('GET', `/v1/sessions/${session.id}/price`)).status === 200);
  assert.equal((await api('PUT', '/v1/contracts/acme', { name: 'ACME fleet', tariff_id: 'public', applies_to: [{ contract_id: 'ACME' }] })).body.version, 2);
  assert.equal((await api('DELETE', '/v1/contracts/acme')).status, 204);
  await station.call('StopTransaction', { transactionId, meterStop: 12000, timestamp: new Date(begin + 3000000).toISOString() });
  await station.close();
  const price = await until('the final price', async () => {
    const { body } = await api('GET', `/v1/sessions/${session.id}/price`);
    return body.final && body;
  });
  assert.deepEqual([price.contract_id, price.contract_version, price.tariff_id], ['acme', 1, 'fleet']);
  assert.deepEqual(price.account.lines.map((l) => [l.kind, l.energy_kwh, l.amount.excl_vat]),
    [['ENERGY', 12, 3.6], ['FREE_ENERGY', -2, -0.6], ['DISCOUNT', undefined, -0.3]]);
  assert.deepEqual(price.account.total, { excl_vat: 2.7, vat: 0.513, incl_vat: 3.213 });
  assert.equal(price.account.payable_minor, 321);
});

test('another tenant has contracts of its own', async () => {
  assert.deepEqual((await busbar.api('south', 'GET', '/v1/contracts')).body.items, []);
  assert.equal((await busbar.api('south', 'GET', '/v1/contracts/boss')).status, 404);
});
