// SPDX-License-Identifier: Apache-2.0
//
// A session over OCPP and its price: running, final, and the same as the preview; a later change of the tariff does not
// touch it; parking is told from charging by the connector's states.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, defaultTenants, RPCClient, until } from './lib.mjs';

let busbar, station;
const billing = { default_tariff: 'public' };
before(async () => {
  busbar = await Busbar.start({ tenants: { ...defaultTenants, north: { ...defaultTenants.north, plugins: { ...defaultTenants.north.plugins, billing } } } });
  await busbar.api('north', 'PUT', '/v1/tokens/CARD1', { status: 'accepted' });
  station = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: 'PRICED', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  await station.connect();
  await station.call('BootNotification', { chargePointVendor: 'Test', chargePointModel: 'One' });
});
after(async () => { await station?.close(); await busbar?.stop(); });
const api = (...args) => busbar.api('north', ...args);

const tariff = (price) => ({
  currency: 'EUR', tax_included: 'NO',
  elements: [{ price_components: [
    { type: 'FLAT', price: 0.5, vat: 19, step_size: 1 },
    { type: 'ENERGY', price, vat: 19, step_size: 1 },
    { type: 'PARKING_TIME', price: 6, vat: 19, step_size: 60 }] }],
});
const at = (minutes) => new Date(begin + minutes * 60000).toISOString();
const begin = Math.floor(Date.now() / 1000) * 1000 - 120 * 60000;
const status = (minutes, value) => station.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: value, timestamp: at(minutes) });
const meter = (minutes, wh) => station.call('MeterValues', { connectorId: 1, transactionId, meterValue: [{ timestamp: at(minutes), sampledValue: [{ value: String(wh), unit: 'Wh' }] }] });
let transactionId, session;

test('a running session has a price that grows', async () => {
  assert.equal((await api('PUT', '/v1/tariffs/public', tariff(0.4))).status, 201);
  await status(0, 'Preparing');
  ({ transactionId } = await station.call('StartTransaction', { connectorId: 1, idTag: 'CARD1', meterStart: 5000, timestamp: at(0) }));
  await status(0, 'Charging');
  await meter(30, 10000);
  session = (await api('GET', '/v1/sessions?station=PRICED')).body.items[0];
  const price = await until('the session to have its rule set', async () => {
    const answer = await api('GET', `/v1/sessions/${session.id}/price`);
    return answer.status === 200 && answer.body;
  });
  assert.equal(price.final, false);
  assert.equal(price.tariff_version, 1);
  assert.equal(price.account.energy_kwh, 5);
  assert.deepEqual(price.account.fixed, { excl_vat: 0.5, vat: 0.095, incl_vat: 0.595 });
  assert.deepEqual(price.account.energy, { excl_vat: 2, vat: 0.38, incl_vat: 2.38 });
});

test('its CDR, its price in the end and the preview of such a session agree', async () => {
  assert.equal((await api('PUT', '/v1/tariffs/public', tariff(9))).body.version, 2); // not for this one
  await meter(60, 15000);
  await status(60, 'SuspendedEV');
  await meter(90, 15000);
  await station.call('StopTransaction', { transactionId, meterStop: 15000, timestamp: at(100), idTag: 'CARD1' });
  const price = await until('the CDR to have its price', async () => {
    const { body } = await api('GET', `/v1/sessions/${session.id}/price`);
    return body.final && body;
  });
  assert.equal(price.tariff_version, 1);
  assert.deepEqual(price.oddities, []);
  assert.deepEqual(price.account.periods.map((p) => [p.state, p.start, p.end, p.energy_kwh]),
    [['charging', at(0), at(60), 10], ['parking', at(60), at(100), 0]]);
  assert.deepEqual(price.account.lines.map((l) => [l.kind, l.amount.excl_vat]), [['FLAT', 0.5], ['ENERGY', 4], ['PARKING_TIME', 4]]);
  assert.deepEqual(price.account.total, { excl_vat: 8.5, vat: 1.615, incl_vat: 10.115 });
  assert.equal(price.account.payable_minor, 1012);
  const preview = await api('POST', '/v1/prices/preview', { tariff: { ...tariff(0.4) }, start: at(0), energy_kwh: 10, charging_s: 3600, parking_s: 2400 });
  assert.deepEqual(preview.body.account.total, price.account.total);
  const [[cdr, minor]] = busbar.sql('select cdr_id, payable_minor from billing.cdr');
  assert.equal(minor, '1012');
  assert.deepEqual(busbar.sql(`select kind, token_key, station_id, connector_id, energy_mwh, time_ms, parking_ms, net_e4, vat_e4, gross_e4,
    extract(epoch from ended_at - started_at)::int from billing.cdr`)[0],
  ['0', 'card1', 'PRICED', '1', '10000000', '6000000', '2400000', '85000', '16150', '101150', '6000']);
  assert.deepEqual(busbar.sql('select line, kind, element, energy_mwh, time_ms, price_micro, vat_millionths, net_e4, gross_e4 from billing.cdr_line order by line'), [
    ['1', 'FLAT', '0', '', '', '500000', '190000', '5000', '5950'],
    ['2', 'ENERGY', '0', '10000000', '', '400000', '190000', '40000', '47600'],
    ['3', 'PARKING_TIME', '0', '', '2400000', '6000000', '190000', '40000', '47600']]);
  assert.equal((await api('GET', '/v1/cdrs')).body.items[0].id, cdr);
  assert.equal(busbar.sql("select count(*) from core.event where topic = 'cdr.priced'")[0][0], '1');
});

test('a session without a tariff says so, and another tenant\'s is not there', async () => {
  assert.equal((await busbar.api('south', 'GET', `/v1/sessions/${session.id}/price`)).status, 404);
  const other = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/south/ocpp`, identity: 'FREE', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  await other.connect();
  await other.call('StartTransaction', { connectorId: 1, idTag: 'X', meterStart: 0, timestamp: at(0) });
  await other.close();
  const free = (await busbar.api('south', 'GET', '/v1/sessions')).body.items[0];
  const answer = await busbar.api('south', 'GET', `/v1/sessions/${free.id}/price`);
  assert.equal(answer.status, 404);
  assert.match(JSON.stringify(answer.body), /no-price/);
});
