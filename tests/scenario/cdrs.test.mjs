// SPDX-License-Identifier: Apache-2.0
//
// CDRs as documents: what OCPI's CDR object has, as it was when the session began; our own audit agrees with it; what a
// meter signed arrives byte for byte; a CDR is credited once, and priced anew from the session's readings.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, defaultTenants, RPCClient, until } from './lib.mjs';

let busbar, station;
const billing = { default_tariff: 'public' };
before(async () => {
  busbar = await Busbar.start({ tenants: { ...defaultTenants, north: { ...defaultTenants.north, plugins: { ...defaultTenants.north.plugins, billing } } } });
  await api('PUT', '/v1/locations/harbour', { name: 'Harbour', address: 'Kai 1', city: 'Hamburg', postal_code: '20457', country: 'DEU', time_zone: 'Europe/Berlin', latitude: 53.5436, longitude: 9.9886 });
  await api('PUT', '/v1/tokens/CARD1', { status: 'accepted', contract_id: 'DE-BB-C00001-K' });
  await api('PUT', '/v1/stations/SIGNED', { location_id: 'harbour' });
  station = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: 'SIGNED', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  await station.connect();
  await station.call('BootNotification', { chargePointVendor: 'Test', chargePointModel: 'One', meterSerialNumber: 'EM-77' });
  await station.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Available' });
  await api('PUT', '/v1/stations/SIGNED/connectors/1', { plug: 'type2', max_power_w: 22000 });
});
after(async () => { await station?.close(); await busbar?.stop(); });
const api = (...args) => busbar.api('north', ...args);

const tariff = {
  currency: 'EUR', tax_included: 'NO', min_price: { before_taxes: 0.5, after_taxes: 0.6 },
  elements: [
    { price_components: [{ type: 'ENERGY', price: 0.3, vat: 19, step_size: 1000 }], restrictions: { max_kwh: 7 } },
    { price_components: [{ type: 'ENERGY', price: 0.4, vat: 19, step_size: 1000 }, { type: 'TIME', price: 1.5, vat: 19, step_size: 300 }], restrictions: { min_power: 6 } },
    { price_components: [{ type: 'FLAT', price: 0.35, vat: 19 }, { type: 'ENERGY', price: 0.5, vat: 7, step_size: 1 }, { type: 'PARKING_TIME', price: 6, vat: 19, step_size: 60 }] }],
};
const begin = Math.floor(Date.now() / 1000) * 1000 - 180 * 60000;
const at = (minutes) => new Date(begin + minutes * 60000).toISOString();
const status = (minutes, value) => station.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: value, timestamp: at(minutes) });
const values = (transactionId, minutes, ...sampledValue) => station.call('MeterValues', { connectorId: 1, transactionId, meterValue: [{ timestamp: at(minutes), sampledValue }] });
const wh = (value) => ({ value: String(value), unit: 'Wh' });
const ocmf = (what, wattHours, note) => `OCMF|{"FV" : "1.0", "GI":"Zähler №7 – \\"Küche\\" \\u00e4\\/\\n  ", "PG":"T12345", "IS":true, "RD":[{"TM":"2026-01-01T12:00:00,000+0100 S", "TX":"${what}","RV":${wattHours / 1000}, "RI":"1-b:1.8.0","RU":"kWh"}],"N":"${note}"}|{"SA":"ECDSA-secp256r1-SHA256","SD":"30440220${'ab'.repeat(32)}0220${'cd'.repeat(32)}"}`;
const signed = (value, context) => ({ value, context, format: 'SignedData', measurand: 'Energy.Active.Import.Register', unit: 'kWh' });
const firstValue = ocmf('B', 5000, 'a|b  c\t'.replace('\t', '\\t') + '🚗');
const lastValue = ocmf('E', 17345, 'x'.repeat(100000) + ' ') + '  ';
const envelope = JSON.stringify({ signedMeterData: Buffer.from(ocmf('T', 10000, 'ü')).toString('base64'), signingMethod: '', encodingMethod: 'OCMF', publicKey: 'oca:base16:asn1:3059' });
let session, cdr, price;

test('a session becomes a CDR with what OCPI wants to know', async () => {
  assert.equal((await api('PUT', '/v1/tariffs/public', tariff)).status, 201);
  const { transactionId } = await station.call('StartTransaction', { connectorId: 1, idTag: 'CARD1', meterStart: 5000, timestamp: at(0) });
  await status(0, 'Charging');
  await values(transactionId, 0, signed(firstValue, 'Transaction.Begin'), wh(5000));
  session = (await api('GET', '/v1/sessions?station=SIGNED')).body.items[0];
  await until('the session to have its rule set', async () => (await api('GET', `/v1/sessions/${session.id}/price`)).status === 200);
  await api('PUT', '/v1/locations/harbour', { name: 'Renamed', time_zone: 'Europe/Berlin' });
  await values(transactionId, 30, wh(10000), signed(envelope, 'Sample.Periodic'));
  await values(transactionId, 60, wh(17000));
  await values(transactionId, 70, wh(17200));
  await status(70, 'SuspendedEV');
  await station.call('StopTransaction', { transactionId, meterStop: 17345, timestamp: at(100), idTag: 'CARD1',
    transactionData: [{ timestamp: at(100), sampledValue: [signed(lastValue, 'Transaction.End'), { ...wh(17345), context: 'Transaction.End' }] }] });
  price = await until('the CDR to have its price', async () => {
    const { body } = await api('GET', `/v1/sessions/${session.id}/price`);
    return body.final && body;
  });
  const answer = await api('GET', `/v1/cdrs/${price.cdr_id}`);
  assert.equal(answer.status, 200);
  cdr = answer.body;
  const d = cdr.document;
  assert.equal(cdr.kind, 'session');
  assert.equal(cdr.session_id, session.id);
  assert.deepEqual([d.id, d.session_id, d.start_date_time, d.end_date_time], [cdr.id, session.id, at(0), at(100)]);
  assert.deepEqual(d.cdr_token, { uid: 'CARD1', type: 'RFID', contract_id: 'DE-BB-C00001-K' });
  assert.equal(d.auth_method, 'WHITELIST');
  assert.equal(d.meter_id, 'EM-77');
  assert.deepEqual(d.cdr_location, { id: 'harbour', name: 'Harbour', address: 'Kai 1', city: 'Hamburg', postal_code: '20457', country: 'DEU',
    coordinates: { latitude: '53.5436000', longitude: '9.9886000' }, station_id: 'SIGNED', connector_id: '1', connector_standard: 'IEC_62196_T2', time_zone: 'Europe/Berlin' });
  assert.deepEqual(d.tariffs[0].elements.length, 3);
  assert.deepEqual(d.tariffs[0].min_price, tariff.min_price);
  assert.equal(d.tariff_version, 1);
  assert.equal(d.total_energy, 12.345);
  assert.ok(Math.abs(d.total_time - 100 / 60) < 1e-5);
  assert.ok(Math.abs(d.total_parking_time - 0.5) < 1e-5);
  assert.deepEqual(d.total_cost, { excl_vat: price.account.total.excl_vat, incl_vat: price.account.total.incl_vat, before_taxes: price.account.total.excl_vat,
    taxes: [{ name: 'VAT', amount: price.account.total.vat }] });
  assert.deepEqual(d.lines, price.account.lines);
  assert.deepEqual(d.charging_periods.map((p) => p.start_date_time), price.account.periods.map((p) => p.start));
  assert.equal(d.charging_periods.flatMap((p) => p.dimensions).filter((v) => v.type === 'ENERGY').reduce((sum, v) => sum + Math.round(v.volume * 1e6), 0), 12345000);
  assert.equal((await busbar.api('south', 'GET', `/v1/cdrs/${cdr.id}`)).status, 404);
  assert.equal((await api('GET', '/v1/cdrs/nonsense')).status, 404);
});

test('its own audit finds no difference', async () => {
  const audit = await api('POST', '/v1/prices/audit', { version: '2.3.0', cdr: cdr.document, time_zone: 'Europe/Berlin' });
  assert.equal(audit.status, 200, JSON.stringify(audit.body));
  assert.equal(audit.body.agrees, true);
  assert.deepEqual(audit.body.totals.filter((t) => t.verdict !== 'equal'), []);
  assert.deepEqual(audit.body.notes, []);
  assert.deepEqual(audit.body.account.lines, price.account.lines);
});

test('what the meter signed is there byte for byte, and is no reading', async () => {
  const s = cdr.document.signed_data;
  assert.deepEqual([s.encoding_method, s.encoding_method_version], ['OCMF', 1]);
  assert.equal(s.public_key, 'oca:base16:asn1:3059');
  assert.deepEqual(s.signed_values.map((v) => v.nature), ['Start', 'Intermediate', 'End']);
  assert.deepEqual(s.signed_values.map((v) => v.signed_data), [firstValue, envelope, lastValue]);
  assert.equal(s.signed_values[1].plain_data, JSON.parse(envelope).signedMeterData);
  assert.equal(s.signed_values[0].plain_data, firstValue.slice(5, firstValue.lastIndexOf('|')));
  const kept = busbar.sql("select encode(convert_to(s.value, 'UTF8'), 'hex') from charging.sample s join charging.sample_kind k using (tenant_id, kind_id) where k.format = 'SignedData' order by s.at");
  assert.deepEqual(kept.map(([hex]) => hex), [firstValue, envelope, lastValue].map((v) => Buffer.from(v).toString('hex')));
  assert.deepEqual(cdr.document.oddities, []);
  assert.equal((await api('GET', `/v1/sessions/${session.id}`)).body.energy_wh, 12345);
});

test('a CDR is credited once, with a replacement priced from the readings', async () => {
  const missing = await api('POST', `/v1/cdrs/${cdr.id}/credit`, {});
  assert.equal(missing.status, 422);
  assert.match(JSON.stringify(missing.body), /\/reason/);
  for (const [replacement, member] of [[{ tariff_id: 'none' }, 'tariff_id'], [{ contract_id: 'none' }, 'contract_id'], [{ ended_at: at(101) }, 'ended_at'], [{ ended_at: at(0) }, 'ended_at'],
    [{ tariff_id: 'public', contract_id: 'x' }, 'tariff_id'], [{ energy_kwh: -1 }, 'energy_kwh']]) {
    const answer = await api('POST', `/v1/cdrs/${cdr.id}/credit`, { reason: 'x', replacement });
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    assert.match(JSON.stringify(answer.body), new RegExp(`/replacement/${member}`));
  }
  assert.equal(busbar.sql('select count(*) from billing.cdr')[0][0], '1');

  const answer = await api('POST', `/v1/cdrs/${cdr.id}/credit`, { reason: 'The driver left earlier', replacement: { ended_at: at(80), energy_kwh: 12 } });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  const { credit, replacement } = answer.body;
  assert.equal(credit.kind, 'credit');
  assert.equal(credit.credit_of, cdr.id);
  assert.equal(credit.payable_minor, -cdr.payable_minor);
  const { total_cost, ...rest } = credit.document;
  const { total_cost: was, ...old } = cdr.document;
  assert.deepEqual(total_cost, { excl_vat: -was.excl_vat, incl_vat: -was.incl_vat, before_taxes: -was.before_taxes, taxes: [{ name: 'VAT', amount: -was.taxes[0].amount }] });
  assert.deepEqual({ ...rest, last_updated: 0 }, { ...old, id: credit.id, credit: true, credit_reference_id: cdr.id, payable_minor: -old.payable_minor, remark: 'The driver left earlier', last_updated: 0 });
  assert.equal((await api('POST', '/v1/prices/audit', { version: '2.3.0', cdr: credit.document, time_zone: 'Europe/Berlin' })).body.agrees, true);

  assert.equal(replacement.kind, 'replacement');
  assert.equal(replacement.credit_of, cdr.id);
  assert.equal(replacement.document.credit, undefined);
  assert.equal(replacement.document.total_energy, 12);
  assert.equal(replacement.document.end_date_time, at(80));
  assert.equal((await api('POST', '/v1/prices/audit', { version: '2.3.0', cdr: replacement.document, time_zone: 'Europe/Berlin' })).body.agrees, true);

  const now = (await api('GET', `/v1/sessions/${session.id}/price`)).body;
  assert.deepEqual([now.cdr_id, now.replaces, now.credited_by], [replacement.id, cdr.id, undefined]);
  const first = (await api('GET', `/v1/cdrs/${cdr.id}`)).body;
  assert.deepEqual([first.credited_by, first.replaced_by], [credit.id, replacement.id]);
  assert.deepEqual(first.document, cdr.document);

  const again = await api('POST', `/v1/cdrs/${cdr.id}/credit`, { reason: 'x' });
  assert.equal(again.status, 409);
  assert.match(JSON.stringify(again.body), new RegExp(credit.id));
  const ofCredit = await api('POST', `/v1/cdrs/${credit.id}/credit`, { reason: 'x' });
  assert.equal(ofCredit.status, 409);
  assert.match(JSON.stringify(ofCredit.body), /is-credit/);
  assert.equal((await busbar.api('south', 'POST', `/v1/cdrs/${cdr.id}/credit`, { reason: 'x' })).status, 404);
});

test('a replacement can be credited, sums are right, and everything is told', async () => {
  const { cdr_id: id } = (await api('GET', `/v1/sessions/${session.id}/price`)).body;
  busbar.sql('delete from charging.sample'); // as when they are older than they are kept
  const gone = await api('POST', `/v1/cdrs/${id}/credit`, { reason: 'x', replacement: {} });
  assert.equal(gone.status, 409);
  assert.match(JSON.stringify(gone.body), /readings-gone/);
  const key = { 'Idempotency-Key': 'once' };
  const one = await api('POST', `/v1/cdrs/${id}/credit`, { reason: 'Nothing is owed' }, key);
  const two = await api('POST', `/v1/cdrs/${id}/credit`, { reason: 'Nothing is owed' }, key);
  assert.equal(one.status, 201);
  assert.deepEqual(two.body, one.body);
  const now = (await api('GET', `/v1/sessions/${session.id}/price`)).body;
  assert.deepEqual([now.cdr_id, now.credited_by], [id, one.body.credit.id]);
  assert.deepEqual(busbar.sql('select count(*), sum(net_e4), sum(gross_e4), sum(energy_mwh), sum(time_ms), sum(payable_minor) from billing.cdr')[0], ['4', '0', '0', '0', '0', '0']);
  assert.deepEqual(busbar.sql('select sum(net_e4), sum(energy_mwh) from billing.cdr_line')[0], ['0', '0']);
  assert.deepEqual(busbar.sql("select topic, payload ->> 'kind', payload ->> 'credit_of' from core.event where topic like 'cdr.%' and topic <> 'cdr.created' order by xid, seq").map(([topic, kind, of]) => [topic, kind, of !== '']),
    [['cdr.priced', 'session', false], ['cdr.credited', 'credit', true], ['cdr.priced', 'replacement', true], ['cdr.credited', 'credit', true]]);
  assert.equal(busbar.sql("select count(*) from core.audit where action = 'cdr.credit'")[0][0], '2');
});
