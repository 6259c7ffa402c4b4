// SPDX-License-Identifier: Apache-2.0
//
// Reserved time has its price: within the session that used the reservation, or by a CDR of its own when nobody did.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, defaultTenants, RPCClient, until } from './lib.mjs';

let busbar, client;
const billing = { default_tariff: 'public' };
before(async () => {
  busbar = await Busbar.start({ tenants: { ...defaultTenants, north: { ...defaultTenants.north, plugins: { ...defaultTenants.north.plugins, billing } } } });
  for (const uid of ['ANNA', 'BERTA']) await api('PUT', `/v1/tokens/${uid}`, { status: 'accepted' });
  assert.equal((await api('PUT', '/v1/tariffs/public', tariff)).status, 201);
  client = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: 'RES-1', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  client.handle('ReserveNow', () => ({ status: 'Accepted' }));
  client.handle('CancelReservation', () => ({ status: 'Accepted' }));
  await client.connect();
  await client.call('BootNotification', { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2' });
  for (const connectorId of [1, 2]) await client.call('StatusNotification', { connectorId, errorCode: 'NoError', status: 'Available' });
});
after(async () => { await client?.close(); await busbar?.stop(); });
const api = (...args) => busbar.api('north', ...args);

const tariff = { currency: 'EUR', tax_included: 'NO', elements: [
  { price_components: [{ type: 'FLAT', price: 2, vat: 19 }, { type: 'TIME', price: 3600, vat: 19, step_size: 1 }], restrictions: { reservation: 'RESERVATION' } },
  { price_components: [{ type: 'FLAT', price: 4, vat: 19 }, { type: 'TIME', price: 7200, vat: 19, step_size: 1 }], restrictions: { reservation: 'RESERVATION_EXPIRES' } },
  { price_components: [{ type: 'ENERGY', price: 0.5, vat: 19, step_size: 1 }] }] };
const soon = (ms) => new Date(Date.now() + ms).toISOString();
const reserve = (connector, token, ms) => api('POST', '/v1/reservations', { station_id: 'RES-1', connector_id: connector, token_uid: token, expires_at: soon(ms) });
const audit = (cdr) => api('POST', '/v1/prices/audit', { version: '2.3.0', cdr: cdr.document });

test('a session pays for the time that its reservation was held', async () => {
  const { id, created_at: created } = (await reserve(1, 'ANNA', 600000)).body;
  const timestamp = soon(60000); // a start that is told early: the reserved time is known to the millisecond
  const { transactionId } = await client.call('StartTransaction', { connectorId: 1, idTag: 'ANNA', meterStart: 0, timestamp });
  const session = (await api('GET', '/v1/sessions?station=RES-1&open=true')).body.items[0];
  const started = Date.parse(session.started_at);
  const running = await until('the session to have its rule set', async () => {
    const read = await api('GET', `/v1/sessions/${session.id}/price`);
    return read.status === 200 && read.body;
  });
  assert.equal(running.account.periods[0].state, 'reserved');
  assert.equal(running.account.reservation_s, (started - Date.parse(created)) / 1000);
  await client.call('StopTransaction', { transactionId, meterStop: 1000, timestamp: soon(120000), idTag: 'ANNA' });
  const price = await until('the CDR', async () => {
    const { body } = await api('GET', `/v1/sessions/${session.id}/price`);
    return body.final && body;
  });
  assert.deepEqual(price.account.reservation, running.account.reservation);
  const seconds = Math.ceil((started - Date.parse(created)) / 1000);
  assert.equal(price.account.reservation.excl_vat, 2 + seconds);
  assert.equal(price.account.total.excl_vat, 2 + seconds + 0.5);
  const cdr = (await api('GET', `/v1/cdrs/${price.cdr_id}`)).body;
  assert.equal(cdr.reservation_id, id);
  assert.equal(cdr.document.start_date_time, created);
  assert.equal(cdr.document.charging_periods[0].dimensions[0].type, 'RESERVATION_TIME');
  assert.equal(cdr.document.total_reservation_cost.excl_vat, 2 + seconds);
  const checked = await audit(cdr);
  assert.equal(checked.body.agrees, true, JSON.stringify(checked.body));
});

test('one that nobody used has a CDR of its own', async () => {
  const { id, created_at: created, expires_at: expires } = (await reserve(2, 'BERTA', 4000)).body;
  const cdrId = await until('its CDR', () => busbar.sql(`select cdr_id from billing.cdr where kind = 3 and reservation_id = ${id}`)[0]?.[0], 90000);
  const cdr = (await api('GET', `/v1/cdrs/${cdrId}`)).body;
  assert.equal(cdr.kind, 'reservation');
  assert.equal(cdr.session_id, undefined);
  assert.deepEqual([cdr.document.start_date_time, cdr.document.end_date_time], [created, expires]);
  // RESERVATION_EXPIRES replaces the price of the time, not the fee of the reservation (OCPI 2.2.1, reservation restriction).
  assert.equal(cdr.total.excl_vat, 2 + 4 + 2 * Math.ceil((Date.parse(expires) - Date.parse(created)) / 1000));
  const checked = await audit(cdr);
  assert.equal(checked.body.agrees, true, JSON.stringify(checked.body));
  assert.equal(busbar.sql(`select payload ->> 'kind' from core.event where topic = 'cdr.priced' and payload ->> 'cdr_id' = '${cdrId}'`)[0][0], 'reservation');
  const credited = await api('POST', `/v1/cdrs/${cdrId}/credit`, { reason: 'The station was broken' });
  assert.equal(credited.status, 201, JSON.stringify(credited.body));
  assert.equal(credited.body.credit.total.excl_vat, -cdr.total.excl_vat);
});
