// SPDX-License-Identifier: Apache-2.0
//
// Stations that break OCPP 1.6 the way real ones do: at each level of validation, what is answered, what is stored, and
// what the interop report says.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, WebSocket, sleep, until } from './lib.mjs';

let busbar;
const tenant = (options) => ({ plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept', ...options }, admin: {} } });
before(async () => {
  busbar = await Busbar.start({
    tenants: {
      strict: tenant({ validation_rules: [{ vendor: 'Lax*', level: 'repair' }, { vendor: 'Acme', model: 'One', level: 'tolerant', zoneless_dates: 'Europe/Berlin' }] }),
      tolerant: tenant({ validation: 'tolerant', validation_rules: [{ vendor: 'Exact', level: 'strict' }] }),
      repair: tenant({ validation: 'repair' }),
    },
  });
});
after(async () => { await busbar?.stop(); });

class Raw {
  static count = 1;
  static async connect(owner, id) {
    const raw = new Raw();
    raw.frames = [];
    raw.waiting = [];
    raw.ws = new WebSocket(`${busbar.ocpp(owner)}/${id}`, ['ocpp1.6']);
    raw.ws.on('message', (data) => (raw.waiting.shift() ?? ((f) => raw.frames.push(f)))(JSON.parse(data.toString())));
    raw.closed = new Promise((resolve) => raw.ws.on('close', resolve));
    await new Promise((resolve, reject) => { raw.ws.once('open', resolve); raw.ws.once('error', reject); });
    return raw;
  }
  async call(action, payload, id = `m${Raw.count++}`) {
    const answer = Promise.race([new Promise((resolve) => this.waiting.push(resolve)), sleep(8000).then(() => { throw new Error(`no answer to ${action}`); })]);
    this.ws.send(JSON.stringify([2, id, action, payload]));
    const frame = await answer;
    assert.equal(frame[1], id);
    return frame;
  }
  async close() { this.ws.close(); await this.closed; }
}
const boot = { chargePointVendor: 'V', chargePointModel: 'M' };
const at = '2026-10-02T10:00:00Z';
const start = { connectorId: 1, idTag: 'CARD1', meterStart: 100, timestamp: at };
const report = async (owner, id) => {
  const answer = await busbar.api(owner, 'GET', `/v1/stations/${id}/interop`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
};
const counts = (lines) => Object.fromEntries(lines.map((l) => [`${l.rule} ${l.action}`, l.count]));

test('strict: what breaks the specification is refused, and the report says so', async () => {
  const raw = await Raw.connect('strict', 'S1');
  await raw.call('BootNotification', boot);
  const wrong = await raw.call('Authorize', { idTag: 'x'.repeat(21) });
  assert.deepEqual(wrong.slice(0, 1).concat(wrong[2]), [4, 'PropertyConstraintViolation']);
  assert.equal((await raw.call('Heartbeat', { extra: 1 }))[2], 'FormationViolation');
  assert.equal((await raw.call('Heartbeat', { extra: 1 }))[2], 'FormationViolation');
  const { level, vendor, model, repairs, faults } = await report('strict', 'S1');
  assert.deepEqual([level, vendor, model], ['strict', 'V', 'M']);
  assert.deepEqual(repairs, []);
  assert.deepEqual(counts(faults), { 'PropertyConstraintViolation Authorize': 1, 'FormationViolation Heartbeat': 2 });
  const line = faults.find((f) => f.action === 'Authorize');
  assert.match(line.example, /^\/idTag: /);
  assert.ok(!line.example.includes('xxxxx'), 'no value in the example');
  assert.ok(line.first_at <= line.last_at);
  await raw.close();
});

test('strict: money is stored although something else in its message is wrong', async () => {
  const raw = await Raw.connect('strict', 'S2');
  await raw.call('BootNotification', boot);
  const started = await raw.call('StartTransaction', { ...start, reservationId: null, vendorThing: { deep: [1] } }, 'i'.repeat(50));
  assert.equal(started[0], 3, JSON.stringify(started));
  const { transactionId } = started[2];
  const samples = [{ value: '600', unit: 'wh' }, { value: '50.01', measurand: 'Frequency', unit: 'Hz' }, { value: '7', measurand: 'Vendor.Magic', location: 'Roof', unit: 'x' }];
  assert.equal((await raw.call('MeterValues', { connectorId: 1, transactionId, meterValue: [{ timestamp: '2026-10-02T10:05:00Z', sampledValue: samples }] }))[0], 3);
  const stopped = await raw.call('StopTransaction', { transactionId, meterStop: 1100, timestamp: '2026-10-02T10:30:00Z', reason: 'Bored', idTag: '', transactionData: [{ timestamp: 'never', sampledValue: [{ value: '1' }] }] });
  assert.equal(stopped[0], 3, JSON.stringify(stopped));
  assert.equal((await raw.call('StartTransaction', { ...start, meterStart: 'many' }))[2], 'TypeConstraintViolation', 'what is owed must be readable');
  await raw.close();
  const { items } = (await busbar.api('strict', 'GET', '/v1/sessions?station=S2')).body;
  assert.equal(items.length, 1);
  assert.equal(items[0].energy_wh, 1000);
  assert.equal(items[0].stop_reason, 'Other');
  const stored = busbar.sql("select measurand, location, unit, value from charging.sample join charging.sample_kind using (tenant_id, kind_id) where station_id = 'S2' order by measurand");
  assert.deepEqual(stored, [['Energy.Active.Import.Register', 'Outlet', 'Wh', '600'], ['Frequency', 'Outlet', 'Hz', '50.01'], ['Vendor.Magic', 'Roof', 'x', '7']]);
  await until('the report to be written at the disconnect', async () => {
    const { repairs } = await report('strict', 'S2');
    const found = counts(repairs);
    return found['long-id StartTransaction'] === 1 && found['null-member StartTransaction'] === 1 && found['unknown-member StartTransaction'] === 1
      && found['unit-spelling MeterValues'] === 1 && found['kept-as-text MeterValues'] === 4 && found['enum-stand-in StopTransaction'] === 1
      && found['item-left-out StopTransaction'] === 1;
  });
});

test('tolerant: what leaves no doubt is mended', async () => {
  const raw = await Raw.connect('tolerant', 'T1');
  const answer = await raw.call('BootNotification', { chargePointVendor: 'V'.repeat(40), chargePointModel: 'M', firmwareVersion: 7, extra: true, iccid: null, meterSerialNumber: 's'.repeat(33) });
  assert.equal(answer[2].status, 'Accepted', JSON.stringify(answer));
  assert.equal((await raw.call('Heartbeat', { extra: 1 }, 'j'.repeat(64)))[0], 3);
  assert.equal((await raw.call('StatusNotification', { connectorId: '1', errorCode: 'Error', status: 'available', info: '', timestamp: '2026-10-02T10:00:00+02', vendorErrorCode: 0 }))[0], 3);
  assert.equal((await raw.call('StatusNotification', { connectorId: 1, errorCode: 'TooWarm', status: 'Available' }))[2], 'PropertyConstraintViolation', 'a guess is for the level repair');
  const started = await raw.call('StartTransaction', { ...start, connectorId: '1', meterStart: '100', timestamp: '2026-10-02 10:00:00' });
  assert.equal(started[0], 3, JSON.stringify(started));
  assert.equal((await raw.call('MeterValues', { connectorId: 1, transactionId: String(started[2].transactionId), meterValue: { timestamp: '2026-10-02T10:01:00', sampledValue: { value: 200.5, unit: 'WH' } } }))[0], 3);
  const station = (await busbar.api('tolerant', 'GET', '/v1/stations/T1')).body;
  assert.equal(station.vendor, 'V'.repeat(40));
  assert.equal(station.meter_serial_number ?? 's'.repeat(33), 's'.repeat(33));
  const { level, repairs, faults } = await report('tolerant', 'T1');
  assert.equal(level, 'tolerant');
  const found = counts(repairs);
  for (const [rule, action] of [['long-text', 'BootNotification'], ['number-as-text', 'BootNotification'], ['unknown-member', 'Heartbeat'], ['long-id', 'Heartbeat'],
    ['text-as-number', 'StatusNotification'], ['enum-spelling', 'StatusNotification'], ['date-form', 'StatusNotification'],
    ['date-without-zone', 'StartTransaction'], ['single-as-list', 'MeterValues'], ['unit-spelling', 'MeterValues']]) {
    assert.ok(found[`${rule} ${action}`] >= 1, `${rule} ${action}: ${JSON.stringify(found)}`);
  }
  assert.deepEqual(counts(faults), { 'PropertyConstraintViolation StatusNotification': 1 });
  assert.ok(repairs.every((r) => r.about && r.example && r.first_at && r.last_at));
  assert.deepEqual(busbar.sql("select started_at = '2026-10-02T10:00:00Z', meter_start_wh from charging.session where station_id = 'T1'"), [['t', '100']]);
  await raw.close();
});

test('repair: what can be guessed is mended, too', async () => {
  const raw = await Raw.connect('repair', 'R1');
  assert.equal((await raw.call('BootNotification', { chargePointVendor: 'V' }))[2].status, 'Accepted');
  assert.equal((await raw.call('StatusNotification', { connectorId: 1, status: 'Faulted', errorCode: 'TooWarm', timestamp: 'soon' }))[0], 3);
  assert.equal((await raw.call('StartTransaction', { ...start, meterStart: 99.6, timestamp: 1790935200 }))[0], 3);
  assert.equal((await raw.call('StatusNotification', { connectorId: 1, status: 'Sleeping', errorCode: 'NoError' }))[2], 'PropertyConstraintViolation', 'there is no neutral status');
  const found = counts((await report('repair', 'R1')).repairs);
  assert.deepEqual(found, { 'date-as-number StartTransaction': 1, 'enum-stand-in StatusNotification': 1, 'left-out StatusNotification': 1, 'missing-member BootNotification': 1, 'number-rounded StartTransaction': 1 });
  assert.deepEqual(busbar.sql("select meter_start_wh from charging.session where station_id = 'R1'"), [['100']]);
  await raw.close();
});

test('rules by vendor and model, also after a reconnect without a boot', async () => {
  let raw = await Raw.connect('strict', 'V1');
  assert.equal((await raw.call('Heartbeat', { extra: 1 }))[0], 4, 'nothing is known of it yet');
  assert.equal((await raw.call('BootNotification', { chargePointVendor: 'LaxWorks', chargePointModel: 'M', extra: 1 }))[0], 3, 'its own boot counts');
  assert.equal((await raw.call('Heartbeat', { extra: 1 }))[0], 3);
  await raw.close();
  await until('offline', async () => !(await busbar.api('strict', 'GET', '/v1/stations/V1')).body.online);
  raw = await Raw.connect('strict', 'V1');
  assert.equal((await raw.call('Heartbeat', { extra: 1 }))[0], 3, 'remembered');
  await raw.close();
  assert.equal((await report('strict', 'V1')).level, 'repair');

  raw = await Raw.connect('strict', 'V2');
  await raw.call('BootNotification', { chargePointVendor: 'ACME', chargePointModel: 'One' });
  assert.equal((await raw.call('StartTransaction', { ...start, timestamp: '2026-07-02T12:00:00' }))[0], 3);
  await raw.close();
  assert.deepEqual(busbar.sql("select started_at = '2026-07-02T10:00:00Z' from charging.session where station_id = 'V2'"), [['t']], 'in the zone of the rule');

  raw = await Raw.connect('tolerant', 'V3');
  await raw.call('BootNotification', { chargePointVendor: 'Exact', chargePointModel: 'M' });
  assert.equal((await raw.call('Heartbeat', { extra: 1 }))[2], 'FormationViolation');
  await raw.close();
});

test('repairs are counted in the metrics; unknown stations have no report, other tenants none of ours', async () => {
  const metrics = await (await fetch(`http://127.0.0.1:${busbar.operationPort}/metrics`)).text();
  assert.match(metrics, /ocpp_repairs_total\{[^}]*rule="unknown-member"[^}]*\} [1-9]/);
  assert.equal((await busbar.api('strict', 'GET', '/v1/stations/NOBODY/interop')).status, 404);
  assert.equal((await busbar.api('repair', 'GET', '/v1/stations/T1/interop')).status, 404);
});
