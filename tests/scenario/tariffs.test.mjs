// SPDX-License-Identifier: Apache-2.0
//
// Tariffs: saved in versions, conditional changes, two who save at once, another tenant, and the price that they give.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar } from './lib.mjs';

let busbar;
before(async () => { busbar = await Busbar.start(); });
after(async () => { await busbar?.stop(); });
const api = (...args) => busbar.api('north', ...args);

const perKwh = (price) => ({ currency: 'EUR', tax_included: 'NO', elements: [{ price_components: [{ type: 'ENERGY', price, vat: 19, step_size: 1 }] }] });

test('a tariff is created, read back as it was written, and prices what is asked', async () => {
  const created = await api('PUT', '/v1/tariffs/day', perKwh(0.45));
  assert.equal(created.status, 201, JSON.stringify(created.body));
  assert.equal(created.body.version, 1);
  assert.deepEqual(created.body.remarks, []);
  const read = await api('GET', '/v1/tariffs/day');
  assert.equal(read.headers.get('etag'), '"v1"');
  assert.deepEqual(read.body.tariff, { id: 'day', ...perKwh(0.45) });
  const preview = await api('POST', '/v1/prices/preview', { tariff_id: 'day', energy_kwh: 20, power_kw: 11 });
  assert.equal(preview.status, 200, JSON.stringify(preview.body));
  assert.deepEqual(preview.body.account.total, { excl_vat: 9, vat: 1.71, incl_vat: 10.71 });
  assert.equal(preview.body.account.payable_minor, 1071);
});

test('what was read can be written back, and becomes a version of its own', async () => {
  const { body } = await api('GET', '/v1/tariffs/day');
  const saved = await api('PUT', '/v1/tariffs/day', body.tariff, { 'If-Match': '"v1"' });
  assert.equal(saved.status, 200, JSON.stringify(saved.body));
  assert.equal(saved.body.version, 2);
  assert.equal((await api('PUT', '/v1/tariffs/day', perKwh(0.5), { 'If-Match': '"v1"' })).status, 412);
  assert.deepEqual(busbar.sql("select version from billing.tariff_version where tariff_id = 'day' order by 1").flat(), ['1', '2']);
  assert.throws(() => busbar.sql(`begin; set local role ${busbar.sql("select usename from pg_stat_activity where usename <> current_user and usename is not null and backend_type = 'client backend' limit 1")[0][0]};
    select set_config('busbar.tenant', 'north', true); update billing.tariff_version set document = '{}'; rollback`), /permission denied/);
});

test('of two who save the same version at once one is told so', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => api('PUT', '/v1/tariffs/race', perKwh(0.1 + i / 100))));
  const statuses = answers.map((a) => a.status).sort();
  assert.ok(statuses.includes(201), String(statuses));
  assert.ok(statuses.every((s) => [200, 201, 409].includes(s)), String(statuses));
  const saved = statuses.filter((s) => s !== 409).length;
  assert.equal(Number(busbar.sql("select count(*) from billing.tariff_version where tariff_id = 'race'")[0][0]), saved);
  assert.equal((await api('GET', '/v1/tariffs/race')).body.version, saved);
});

test('a retired tariff is gone, its versions are not, and its name can be used again', async () => {
  assert.equal((await api('DELETE', '/v1/tariffs/race')).status, 204);
  assert.equal((await api('GET', '/v1/tariffs/race')).status, 404);
  assert.equal((await api('DELETE', '/v1/tariffs/race')).status, 404);
  assert.deepEqual((await api('GET', '/v1/tariffs')).body.items.map((t) => t.id), ['day']);
  const before = Number(busbar.sql("select max(version) from billing.tariff_version where tariff_id = 'race'")[0][0]);
  const again = await api('PUT', '/v1/tariffs/race', perKwh(0.3));
  assert.equal(again.status, 201, JSON.stringify(again.body));
  assert.equal(again.body.version, before + 1);
});

test('another tenant neither sees nor prices by it', async () => {
  assert.equal((await busbar.api('south', 'GET', '/v1/tariffs/day')).status, 404);
  assert.deepEqual((await busbar.api('south', 'GET', '/v1/tariffs')).body.items, []);
  const preview = await busbar.api('south', 'POST', '/v1/prices/preview', { tariff_id: 'day', energy_kwh: 20, power_kw: 11 });
  assert.equal(preview.status, 422);
  assert.match(JSON.stringify(preview.body), /no such tariff/);
  assert.equal((await busbar.api('south', 'PUT', '/v1/tariffs/day', perKwh(9))).body.version, 1);
  assert.equal((await api('GET', '/v1/tariffs/day')).body.tariff.elements[0].price_components[0].price, 0.45);
});
