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
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ partner: 'DE*ABC', channel: 'roaming' }] }, '/applies_to/0/channel'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ from_time: '25:00' }] }, '/applies_to/0/from_time'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ from_time: '08:00', until_time: '8 pm ' }] }, '/applies_to/0/until_time'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ from_time: '08:00', until_time: '08:00' }] }, '/applies_to/0/until_time'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ days: ['SOMEDAY'] }] }, '/applies_to/0/days/0'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ days: [] }] }, '/applies_to/0/days'],
    [{ name: 'x', tariff_id: 'fleet', applies_to: [{ days: ['MONDAY'], from_time: '08:00' }, { days: ['MONDAY', 'SUNDAY'], until_time: '08:01' }] }, '/applies_to/1'],
    [{ name: 'x', tariff_id: 'fleet', discount_percent: 101, applies_to: [{}] }, '/discount_percent'],
    [{ name: 'x', tariff_id: 'fleet', discounts: { energy_percent: -100.5 }, applies_to: [{}] }, '/discounts/energy_percent'],
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
  const saved = await api('PUT', '/v1/contracts/acme', { name: 'ACME fleet', tariff_id: 'fleet', discounts: { energy_percent: 10, parking_percent: -50 }, free_energy_kwh: 2, applies_to: [{ contract_id: 'ACME' }] });
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

test('roaming partners and ad-hoc charging have contracts of their own', async () => {
  const roamer = await api('PUT', '/v1/tokens/ROAMER', { status: 'accepted', partner: 'DE*ABC' });
  assert.deepEqual([roamer.status, roamer.body.kind, roamer.body.partner], [201, 'roaming', 'DE*ABC']);
  assert.equal((await api('PUT', '/v1/tokens/CARD2', { status: 'accepted', partner: 'DE*ABC', kind: 'rfid' })).body.kind, 'rfid', 'unless said otherwise');
  assert.equal((await api('PUT', '/v1/tokens/ONCE', { status: 'accepted', kind: 'ad_hoc' })).body.kind, 'ad_hoc');
  for (const [id, rule] of [['partner', { partner: 'de*abc' }], ['roaming', { channel: 'roaming' }], ['adhoc', { channel: 'ad_hoc' }]]) {
    assert.equal((await api('PUT', `/v1/contracts/${id}`, { name: id, tariff_id: 'fleet', applies_to: [rule] })).status, 201);
  }
  assert.equal((await api('PUT', '/v1/contracts/partner2', { name: 'x', tariff_id: 'fleet', applies_to: [{ partner: 'DE*ABC' }] })).status, 409);
  await api('PUT', '/v1/tokens/OTHER', { status: 'accepted', partner: 'NL*XYZ' });
  assert.equal((await explain('token=ROAMER')).contract_id, 'partner');
  assert.equal((await explain('token=CARD2')).contract_id, 'partner');
  assert.equal((await explain('token=OTHER')).contract_id, 'roaming');
  assert.equal((await explain('token=ONCE')).contract_id, 'adhoc');
});

test('hours and days are those of the location when the session begins', async () => {
  const contract = (rule, more = {}) => ({ name: 'x', tariff_id: 'staff', applies_to: [{ location_id: 'depot', ...rule }], ...more });
  const week = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY'];
  assert.equal((await api('PUT', '/v1/contracts/office', contract({ days: week, from_time: '08:00', until_time: '18:00' }))).status, 201);
  assert.equal((await api('PUT', '/v1/contracts/night', contract({ from_time: '22:00', until_time: '06:00' }))).status, 201);
  assert.equal((await api('PUT', '/v1/contracts/weekend', contract({ days: ['SATURDAY', 'SUNDAY'], from_time: '06:00', until_time: '22:00' }))).status, 201);
  // Berlin is an hour ahead of UTC in January and two in July; 2026-01-12 is a Monday.
  for (const [at, id] of [
    ['2026-01-12T06:59:59Z', 'depot'], ['2026-01-12T07:00:00Z', 'office'], ['2026-01-12T16:59:59Z', 'office'], ['2026-01-12T17:00:00Z', 'depot'],
    ['2026-07-13T06:00:00Z', 'office'], ['2026-07-13T05:59:59Z', 'depot'],
    ['2026-01-12T21:00:00Z', 'night'], ['2026-01-12T22:59:59Z', 'night'], ['2026-01-13T04:59:59Z', 'night'], ['2026-01-13T05:00:00Z', 'depot'],
    ['2026-01-17T07:00:00Z', 'weekend'],
  ]) {
    assert.equal((await explain(`token=STRANGER&at=${at}`)).contract_id, id, at);
  }
  const monday = await explain('token=STRANGER&at=2026-01-12T20:00:00Z');
  const why = Object.fromEntries(monday.considered.map((c) => [c.contract_id, c.why_not]));
  assert.deepEqual([monday.local_time, monday.channel], ['MONDAY 21:00', 'rfid']);
  assert.equal(why.office, 'it is for other hours of the day');
  assert.equal(why.weekend, 'it is for other days of the week');
  // An overlap by a minute on one day is enough, also past midnight; the contract and its rule are named.
  for (const [rule, other] of [
    [{ days: ['MONDAY', 'SUNDAY'], from_time: '17:59', until_time: '19:00' }, 'office'],
    [{ from_time: '21:30', until_time: '22:01' }, 'night'],
    [{ days: ['TUESDAY'], until_time: '01:00' }, 'night'],
  ]) {
    const tie = await api('PUT', '/v1/contracts/tie', contract(rule));
    assert.deepEqual([tie.status, tie.body.code], [409, 'contracts-tie'], JSON.stringify(tie.body));
    assert.match(tie.body.errors[0].detail, new RegExp(`/applies_to/0 of the contract ${other}`));
  }
  // With hours comes before without, whatever the validity; a bounded one with the same hours is an exception.
  const bounded = { valid_from: '2026-01-01T00:00:00Z', valid_until: '2026-02-01T00:00:00Z' };
  assert.equal((await api('PUT', '/v1/contracts/january', contract({}, bounded))).status, 201);
  assert.equal((await explain('token=STRANGER&at=2026-01-12T07:00:00Z')).contract_id, 'office');
  assert.equal((await explain('token=STRANGER&at=2026-01-12T18:00:00Z')).contract_id, 'january');
  assert.equal((await api('PUT', '/v1/contracts/fair', contract({ days: ['MONDAY'], from_time: '07:30', until_time: '09:00' }, bounded))).status, 201);
  assert.equal((await explain('token=STRANGER&at=2026-01-12T07:00:00Z')).contract_id, 'fair');
  for (const id of ['office', 'night', 'weekend', 'january', 'fair']) assert.equal((await api('DELETE', `/v1/contracts/${id}`)).status, 204);
});

test('a session keeps the terms with which it began, to the cent', async () => {
  const station = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: 'S1', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  await station.connect();
  const begin = Math.floor(Date.now() / 1000) * 1000 - 3600000;
  const { transactionId } = await station.call('StartTransaction', { connectorId: 1, idTag: 'FLEET1', meterStart: 0, timestamp: new Date(begin).toISOString() });
  const session = (await api('GET', '/v1/sessions?station=S1')).body.items[0];
  await until('the rule set', async () => (await api('GET', `/v1/sessions/${session.id}/price`)).status === 200);
  assert.equal((await api('PUT', '/v1/contracts/acme', { name: 'ACME fleet', tariff_id: 'public', applies_to: [{ contract_id: 'ACME' }] })).body.version, 2);
  for (const [id, why] of [['public', /default_tariff/], ['staff', /contract boss/]]) {
    const refused = await api('DELETE', `/v1/tariffs/${id}`);
    assert.deepEqual([refused.status, refused.body.code], [409, 'tariff-in-use']);
    assert.match(refused.body.detail, why);
  }
  assert.equal((await api('DELETE', '/v1/contracts/acme')).status, 204);
  await station.call('StopTransaction', { transactionId, meterStop: 12000, timestamp: new Date(begin + 3000000).toISOString() });
  await station.close();
  const price = await until('the final price', async () => {
    const { body } = await api('GET', `/v1/sessions/${session.id}/price`);
    return body.final && body;
  });
  assert.deepEqual([price.contract_id, price.contract_version, price.tariff_id], ['acme', 1, 'fleet']);
  assert.deepEqual(price.account.lines.map((l) => [l.kind, l.energy_kwh, l.amount.excl_vat]),
    [['ENERGY', 12, 3.6], ['FREE_ENERGY', -2, -0.6], ['DISCOUNT', undefined, -0.36], ['DISCOUNT', undefined, 0.06]]);
  assert.deepEqual(price.account.total, { excl_vat: 2.7, vat: 0.513, incl_vat: 3.213 });
  assert.equal(price.account.payable_minor, 321);
});

test('another tenant has contracts of its own', async () => {
  assert.deepEqual((await busbar.api('south', 'GET', '/v1/contracts')).body.items, []);
  assert.equal((await busbar.api('south', 'GET', '/v1/contracts/boss')).status, 404);
});
