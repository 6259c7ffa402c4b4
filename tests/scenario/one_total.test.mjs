// SPDX-License-Identifier: Apache-2.0
//
// Tariffs, contracts and sessions made by chance (the seed is fixed): what the preview says, what runs up, what the CDR
// says and what its audit makes of it is one total, and its lines add up to it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, defaultTenants, RPCClient, until } from './lib.mjs';

const SESSIONS = 24;
let busbar, station;
before(async () => {
  busbar = await Busbar.start({ tenants: { ...defaultTenants, north: { ...defaultTenants.north, plugins: { ...defaultTenants.north.plugins, billing: {} } } } });
  station = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: 'CHANCE', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  await station.connect();
  await station.call('BootNotification', { chargePointVendor: 'Test', chargePointModel: 'One' });
});
after(async () => { await station?.close(); await busbar?.stop(); });
const api = async (method, target, body, status = 200) => {
  const answer = await busbar.api('north', method, target, body);
  assert.equal(answer.status, status, `${method} ${target}: ${JSON.stringify(answer.body)}`);
  return answer.body;
};

let seed = 20261127n;
const chance = (below) => {
  seed = (seed * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number((seed >> 33n) % BigInt(below));
};
const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
const restrictions = [
  () => ({ start_time: clock(chance(1440)), end_time: clock(chance(1440)) }),
  () => ({ min_kwh: 1 + chance(20) }),
  () => ({ max_kwh: 1 + chance(20) }),
  () => ({ min_duration: 60 * (1 + chance(120)) }),
  () => ({ max_duration: 60 * (1 + chance(120)) }),
  () => ({ min_power: chance(22) }),
  () => ({ min_power: 1 + chance(6) }),
  () => ({ max_power: 1 + chance(22) }),
  () => ({ day_of_week: ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'].filter(() => chance(2)) }),
];
const component = (type, taxed) => ({ type, price: (1 + chance(9000)) / 1000, step_size: [0, 1, 60, 1000][chance(4)], ...(taxed ? { vat: [0, 7, 19, 8.1][chance(4)] } : {}) });
function makeTariff() {
  const taxed = chance(5) > 0;
  const elements = Array.from({ length: chance(4) }, () => ({
    price_components: ['ENERGY', 'TIME', 'PARKING_TIME', 'FLAT'].filter(() => chance(2)).map((type) => component(type, taxed)),
    restrictions: restrictions[chance(restrictions.length)](),
  })).filter((e) => e.price_components.length > 0);
  elements.push({ price_components: ['ENERGY', 'PARKING_TIME'].map((type) => component(type, taxed)) });
  return { currency: 'EUR', tax_included: taxed && chance(3) === 0 ? 'YES' : 'NO', elements,
    ...(chance(4) === 0 ? { min_price: { before_taxes: chance(20) } } : {}), ...(chance(4) === 0 ? { max_price: { before_taxes: 20 + chance(60) } } : {}) };
}
const begin = Math.floor(Date.now() / 60000) * 60000 - 12 * 3600000;

async function makeSession(n) {
  const use = { start: begin + chance(200) * 60000, charging: 10 + chance(200), whPerMinute: 10 + chance(350), parking: chance(2) * chance(120) };
  const terms = n % 3 > 0 ? {} : { discount_percent: chance(40) - 10, free_energy_kwh: chance(5) };
  const at = (minutes) => new Date(use.start + minutes * 60000).toISOString();
  const status = (minutes, value) => station.call('StatusNotification', { connectorId: n, errorCode: 'NoError', status: value, timestamp: at(minutes) });
  const token = `CARD${n}`;
  await api('PUT', `/v1/tokens/${token}`, { status: 'accepted' }, 201);
  await api('PUT', `/v1/tariffs/t${n}`, makeTariff(), 201);
  await api('PUT', `/v1/contracts/c${n}`, { name: `Contract ${n}`, tariff_id: `t${n}`, ...terms, applies_to: [{ token_uid: token }] }, 201);
  await status(0, 'Charging');
  const { transactionId } = await station.call('StartTransaction', { connectorId: n, idTag: token, meterStart: 1000 * n, timestamp: at(0) });
  const samples = [...new Set(Array.from({ length: chance(6) }, () => 1 + chance(use.charging)))].sort((a, b) => a - b);
  for (const minute of samples)
    await station.call('MeterValues', { connectorId: n, transactionId, meterValue: [{ timestamp: at(minute), sampledValue: [{ value: String(1000 * n + minute * use.whPerMinute), unit: 'Wh' }] }] });
  const stop = 1000 * n + use.charging * use.whPerMinute;
  await station.call('MeterValues', { connectorId: n, transactionId, meterValue: [{ timestamp: at(use.charging), sampledValue: [{ value: String(stop), unit: 'Wh' }] }] });
  if (use.parking > 0) await status(use.charging, 'SuspendedEV');
  const session = (await api('GET', `/v1/sessions?token=${token}`)).items[0];
  const running = await until('its rule set', async () => {
    const answer = await busbar.api('north', 'GET', `/v1/sessions/${session.id}/price`);
    return answer.status === 200 && answer.body;
  });
  await station.call('StopTransaction', { transactionId, meterStop: stop, timestamp: at(use.charging + use.parking), idTag: token });
  return { use, terms, n, token, session, running };
}

test('preview, running cost, CDR and audit agree, and the lines add up', async () => {
  for (let n = 1; n <= SESSIONS; n++) {
    const { use, terms, token, session, running } = await makeSession(n);
    const price = await until('the CDR', async () => {
      const body = await api('GET', `/v1/sessions/${session.id}/price`);
      return body.final && body;
    });
    const about = `session ${n}: ${JSON.stringify({ use, terms })}`;
    const { total, lines } = price.account;
    const preview = await api('POST', '/v1/prices/preview', { contract_id: `c${n}`, start: new Date(use.start).toISOString(), energy_kwh: use.charging * use.whPerMinute / 1000,
      charging_s: use.charging * 60, parking_s: use.parking * 60, time_zone: 'Europe/Berlin' });
    assert.deepEqual(preview.account.total, total, about);
    assert.deepEqual(preview.account.payable_minor, price.account.payable_minor, about);

    assert.equal(running.account.energy_kwh, price.account.energy_kwh, about); // its time runs on: the energy is what can be compared
    assert.deepEqual(running.account.energy, price.account.energy, about);

    const explained = await api('GET', `/v1/prices/explain?station=CHANCE&connector=${n}&token=${token}`);
    assert.deepEqual([explained.contract_id, explained.tariff_id], [price.contract_id, price.tariff_id], about);

    const sum = lines.reduce((all, line) => all + line.amount.excl_vat, 0);
    assert.ok(Math.abs(sum - total.excl_vat) <= 0.00005 * (lines.length + 1), `${about}: ${sum} is not ${total.excl_vat}`);

    const { document } = await api('GET', `/v1/cdrs/${price.cdr_id}`);
    assert.equal(document.total_cost.excl_vat, total.excl_vat, about);
    assert.equal(document.total_cost.incl_vat, total.incl_vat, about);
    const audit = await api('POST', '/v1/prices/audit', { version: '2.3.0', cdr: document, time_zone: 'Europe/Berlin' });
    assert.deepEqual(audit.notes.filter((note) => note.code === 'crosses-price'), [], about);
    for (const t of audit.totals) {
      if (Object.keys(terms).length > 0 && t.field.endsWith('_cost')) continue; // a contract's terms are not in the tariff
      assert.equal(t.verdict, 'equal', `${about}: ${JSON.stringify(t)}`);
    }
  }
});
