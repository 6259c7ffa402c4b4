// SPDX-License-Identifier: Apache-2.0
//
// A fleet with a limit of 30 minutes and a night price, in the night in which the clocks go back: the session ends by itself
// at its limit, and its running cost, its CDR and the preview agree. And the other limits, a restart in the middle, a station
// that is away at the limit.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, defaultTenants, RPCClient, sleep, until } from './lib.mjs';

// The server's clock: 2026-10-25T01:04:40Z, which is 02:04:40 in Berlin for the second time.
const offset = Date.UTC(2026, 9, 25, 1, 4, 40) - Date.now();
const now = () => Date.now() + offset;
const iso = (ms) => new Date(ms).toISOString();
let busbar;
before(async () => {
  busbar = await Busbar.start({
    env: { BUSBAR_CLOCK_OFFSET_MS: String(offset) },
    tenants: { ...defaultTenants, north: { ...defaultTenants.north, plugins: { ...defaultTenants.north.plugins, billing: {} } } },
  });
  await api('PUT', '/v1/locations/depot', { name: 'Depot', time_zone: 'Europe/Berlin' });
  const night = { currency: 'EUR', tax_included: 'NO', elements: [
    { price_components: [{ type: 'ENERGY', price: 0.2, vat: 19, step_size: 1 }], restrictions: { start_time: '22:00', end_time: '02:30' } },
    { price_components: [{ type: 'ENERGY', price: 0.5, vat: 19, step_size: 1 }] }] };
  assert.equal((await api('PUT', '/v1/tariffs/night', night)).status, 201);
  const contract = (id, token, limits) => api('PUT', `/v1/contracts/${id}`, { name: id, tariff_id: 'night', limits, applies_to: [{ token_uid: token }] });
  for (const [id, token, limits] of [
    ['fleet', 'FLEET', { duration_s: 1800, warn_percent: 50 }], ['little', 'LITTLE', { energy_kwh: 5, at_limit: 'throttle' }],
    ['coins', 'COINS', { amount_minor: 100 }], ['ghost', 'GHOST', { duration_s: 86400 }], ['idle', 'IDLE', { idle_s: 600, warn_percent: 50 }],
    ['stay', 'STAY', { idle_s: 600, at_limit: 'fee', fee_per_hour: 6, fee_vat: 19 }], ['weak', 'WEAK', { energy_kwh: 2, at_limit: 'throttle', throttle_a: 6 }], ['tell', 'TELL', { energy_kwh: 1, at_limit: 'notify' }]]) {
    if (token !== 'GHOST') await api('PUT', `/v1/tokens/${token}`, { status: 'accepted' });
    const saved = await contract(id, token, limits);
    assert.equal(saved.status, 201, JSON.stringify(saved.body));
  }
});
after(async () => { await busbar?.stop(); });
const api = (...args) => busbar.api('north', ...args);
const events = (topic) => busbar.sql(`select payload->>'kind', payload->>'station_id' from core.event where topic = '${topic}' order by 2`);

/** A station that does what it is asked, and writes down what that was. */
async function station(id, meter) {
  await api('PUT', `/v1/stations/${id}`, { name: id, location_id: 'depot' });
  const self = { asked: [], transaction: undefined, meter };
  self.open = async () => {
    self.client = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: id, protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
    self.client.handle(({ method, params }) => {
      self.asked.push([method, params]);
      if (method === 'RemoteStopTransaction') {
        setTimeout(() => self.client.call('StopTransaction', { transactionId: self.transaction, meterStop: self.meter, timestamp: iso(now()), reason: 'Remote' }).catch(() => {}), 10);
        return { status: 'Accepted' };
      }
      if (method === 'SetChargingProfile') return { status: 'Accepted' };
      if (method === 'GetConfiguration') return { configurationKey: [], unknownKey: [] };
      return { status: 'Rejected' };
    });
    await self.client.connect();
  };
  self.start = async (token, at) => {
    ({ transactionId: self.transaction } = await self.client.call('StartTransaction', { connectorId: 1, idTag: token, meterStart: 0, timestamp: iso(at) }));
    self.session = (await api('GET', `/v1/sessions?station=${id}`)).body.items[0];
  };
  self.tell = (wh, at = now()) => self.client.call('MeterValues', { connectorId: 1, transactionId: self.transaction, meterValue: [{ timestamp: iso(at), sampledValue: [{ value: String(wh), unit: 'Wh' }] }] });
  self.read = async () => (await api('GET', `/v1/sessions/${self.session.id}`)).body;
  self.price = async () => (await api('GET', `/v1/sessions/${self.session.id}/price`)).body;
  await self.open();
  return self;
}

test('a session ends by itself at its limit, across the end of daylight-saving time', async () => {
  const s = await station('FLEET-1', 7200);
  const begin = Date.UTC(2026, 9, 25, 0, 35, 0); // 02:35 in Berlin: the night price has just ended; at 01:00Z it is 02:00 again
  await s.start('FLEET', begin);
  await s.tell(6000, begin + 25 * 60000);
  const running = await until('a price that knows the limit', async () => { const p = await s.price(); return p?.account && p; });
  assert.deepEqual(running.account.lines.map((l) => [l.price, l.energy_kwh]), [[0.5, 6]]);
  await until('the session to end', async () => (await s.read()).state === 'ended', 60000);
  const session = await s.read();
  assert.equal(session.stop_reason, 'Remote');
  assert.ok(Date.parse(session.ended_at) >= begin + 1800000, session.ended_at);
  assert.deepEqual(s.asked.map(([method]) => method).filter((m) => m === 'RemoteStopTransaction'), ['RemoteStopTransaction']);
  const price = await until('the CDR\'s price', async () => { const p = await s.price(); return p?.final && p; });
  // 6 kWh before 02:00 came again at 0.50, 1.2 in the night price's second 02:00 at 0.20.
  assert.deepEqual(price.account.lines.map((l) => [l.price, l.energy_kwh]), [[0.5, 6], [0.2, 1.2]]);
  assert.deepEqual(price.account.total, { excl_vat: 3.24, vat: 0.6156, incl_vat: 3.8556 });
  const minutes = (Date.parse(session.ended_at) - begin) / 1000;
  const preview = (kwh, from, seconds) => api('POST', '/v1/prices/preview', { tariff_id: 'night', time_zone: 'Europe/Berlin', start: iso(from), energy_kwh: kwh, charging_s: seconds });
  const [first, second] = [await preview(6, begin, 1500), await preview(1.2, begin + 1500000, minutes - 1500)];
  assert.equal(first.body.account.total.excl_vat + second.body.account.total.excl_vat, price.account.total.excl_vat);
  assert.deepEqual(events('session.limit_near').filter(([, id]) => id === 'FLEET-1'), [['duration', 'FLEET-1']]);
  assert.deepEqual(events('session.limit_reached').filter(([, id]) => id === 'FLEET-1'), [['duration', 'FLEET-1']]);
});

test('the station is asked to keep the limit by itself, too', async () => {
  const s = await station('FLEET-2', 100);
  await s.start('FLEET', now() - 60000);
  const [, profile] = await until('the profile', () => s.asked.find(([method]) => method === 'SetChargingProfile'));
  assert.equal(profile.csChargingProfiles.chargingProfilePurpose, 'TxProfile');
  assert.equal(profile.csChargingProfiles.transactionId, s.transaction);
  assert.deepEqual(profile.csChargingProfiles.chargingSchedule.chargingSchedulePeriod.map((p) => [p.startPeriod, p.limit]).at(-1), [1800, 0]);
  await s.client.call('StopTransaction', { transactionId: s.transaction, meterStop: 100, timestamp: iso(now()) });
  await until('the limit to be over', async () => (await s.read()).state === 'ended');
});

test('energy: no more power; an amount: stopped; or only told', async () => {
  const [little, coins, tell] = [await station('LITTLE-1', 6000), await station('COINS-1', 9000), await station('TELL-1', 3000)];
  await Promise.all([little.start('LITTLE', now()), coins.start('COINS', now()), tell.start('TELL', now())]);
  await sleep(1100);
  await Promise.all([little.tell(4000), coins.tell(3000), tell.tell(500)]);
  await sleep(1000);
  assert.equal(events('session.limit_reached').some(([, id]) => ['LITTLE-1', 'COINS-1', 'TELL-1'].includes(id)), false);
  await Promise.all([little.tell(6000), coins.tell(9000), tell.tell(3000)]);
  await until('all three to be reached', () => events('session.limit_reached').filter(([, id]) => ['LITTLE-1', 'COINS-1', 'TELL-1'].includes(id)).length === 3, 60000);
  await until('the coins to be stopped', async () => (await coins.read()).state === 'ended', 40000);
  const [, profile] = await until('no more power', () => little.asked.find(([method]) => method === 'SetChargingProfile'));
  assert.deepEqual(profile.csChargingProfiles.chargingSchedule.chargingSchedulePeriod.map((p) => [p.startPeriod, p.limit]), [[0, 0]]);
  assert.equal((await little.read()).state, 'open');
  assert.equal((await tell.read()).state, 'open');
  assert.deepEqual(tell.asked.filter(([method]) => method !== 'GetConfiguration'), []);
});

test('a vehicle that stays when it is full: all its idle time counts, our own pauses do not', async () => {
  const s = await station('IDLE-1', 3000);
  const begin = now() - 3600000;
  const state = (minutes, status) => s.client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status, timestamp: iso(begin + minutes * 60000) });
  const reached = (topic) => events(topic).filter(([, id]) => id === 'IDLE-1');
  await state(-2, 'Finishing'); // of the one before
  await s.start('IDLE', begin);
  await state(0, 'Charging');
  await state(10, 'SuspendedEVSE'); // half an hour that is ours
  await state(40, 'SuspendedEV');
  await state(44, 'Charging');
  await state(58, 'SuspendedEV'); // four minutes, and two until now
  await until('the warning', () => reached('session.limit_near').length === 1, 30000);
  await sleep(2500);
  assert.deepEqual(reached('session.limit_reached'), []);
  assert.equal((await s.read()).state, 'open');
  await state(59, 'Charging');
  await state(59.1, 'Charging');
  await state(52, 'SuspendedEV'); // told late: five minutes and 54 s more
  await until('the session to end', async () => (await s.read()).state === 'ended', 60000);
  assert.equal((await s.read()).stop_reason, 'Remote');
  assert.deepEqual(reached('session.limit_reached'), [['idle', 'IDLE-1']]);
});

test('a vehicle that stays too long pays for it: so far, in the end and in the preview alike', async () => {
  const s = await station('STAY-1', 10000);
  const begin = now() - 2 * 3600000;
  const state = (minutes, status) => s.client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status, timestamp: iso(begin + minutes * 60000) });
  await s.start('STAY', begin);
  await state(0, 'Charging');
  await s.tell(10000, begin + 3600000);
  await state(60, 'SuspendedEV');
  const overstay = (account) => account.lines.filter((l) => l.kind === 'OVERSTAY');
  const running = await until('the fee', async () => { const p = await s.price(); return p?.account && overstay(p.account).length === 1 && p; });
  const [line] = overstay(running.account);
  assert.deepEqual([line.price, line.vat_percent, line.component], [6, 19, undefined]);
  assert.ok(Math.abs(running.account.time_s - 4200 - line.time_s) < 0.0015, 'from the 70th minute on');
  assert.deepEqual(running.account.overstay, line.amount);
  assert.deepEqual(running.account.periods.slice(0, 3).map((p) => [p.state, p.start, p.overstay]), [
    ['charging', iso(begin), undefined], ['parking', iso(begin + 3600000), undefined], ['parking', iso(begin + 4200000), true]]);
  await until('the limit to be told', () => events('session.limit_reached').some(([, id]) => id === 'STAY-1'), 30000);
  assert.equal((await s.read()).state, 'open');
  assert.deepEqual(s.asked.filter(([method]) => method !== 'GetConfiguration'), []);
  await s.client.call('StopTransaction', { transactionId: s.transaction, meterStop: 10000, timestamp: running.account.periods.at(-1).end });
  const final = await until('the CDR\'s price', async () => { const p = await s.price(); return p?.final && p; });
  assert.deepEqual(final.account.lines, running.account.lines);
  assert.deepEqual(final.account.total, running.account.total);
  const preview = (await api('POST', '/v1/prices/preview', { contract_id: 'stay', start: iso(begin), time_zone: 'Europe/Berlin', energy_kwh: 10, charging_s: 3600, parking_s: Math.round((final.account.time_s - 3600) * 1000) / 1000 })).body;
  assert.deepEqual(preview.account.total, final.account.total);
  assert.equal((await api('POST', '/v1/prices/preview', { contract_id: 'stay', energy_kwh: 10, power_kw: 11, parking_s: 600 })).body.account.overstay.excl_vat, 0);
});

test('a session can be left a little power at its limit', async () => {
  const s = await station('WEAK-1', 3000);
  await s.start('WEAK', now() - 600000);
  await s.tell(3000);
  const [, profile] = await until('the profile', () => s.asked.find(([method]) => method === 'SetChargingProfile'), 30000);
  assert.deepEqual(profile.csChargingProfiles.chargingSchedule.chargingSchedulePeriod.map((p) => [p.startPeriod, p.limit]), [[0, 6]]);
  assert.equal((await s.read()).state, 'open');
});

test('what an operator settles gets its price, and nothing of it stays armed', async () => {
  const s = await station('GHOST-1', 4000);
  const armed = () => busbar.sql("select state from billing.session_limit where station_id = 'GHOST-1'").filter(([state]) => state !== '3').length;
  const priced = (id) => until('the CDR\'s price', async () => { const p = (await api('GET', `/v1/sessions/${id}/price`)).body; return p?.final && p; });
  const settle = (path, body) => api('POST', path, body);
  await s.start('GHOST', now() - 3600000); // nobody knows the token: it goes to review
  await until('the limit to be armed', () => armed() === 1);
  await s.client.call('StopTransaction', { transactionId: s.transaction, meterStop: 4000, timestamp: iso(now() - 1800000) });
  await until('nothing to be armed', () => armed() === 0);
  assert.equal((await s.read()).state, 'review');
  const done = await settle(`/v1/sessions/${s.session.id}/settle`, { note: 'a guest', outcome: 'account', energy_wh: 3000 });
  assert.equal(done.status, 200, JSON.stringify(done.body));
  const price = await priced(s.session.id);
  assert.deepEqual([price.contract_id, price.account.energy_kwh, price.account.total.excl_vat > 0], ['ghost', 3, true]);

  await s.client.call('StopTransaction', { transactionId: 4711, idTag: 'GHOST', meterStop: 9000, timestamp: iso(now() - 600000) });
  const review = await until('the report', async () => (await api('GET', '/v1/reviews?state=open')).body.items.find((r) => r.station_id === 'GHOST-1'));
  const made = await settle(`/v1/reviews/${review.id}/settle`, { note: 'found', connector_id: 1, started_at: iso(now() - 1200000), meter_start_wh: 8000 });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  assert.deepEqual([(await priced(made.body.session_id)).account.energy_kwh, armed()], [1, 0]);

  await s.start('FLEET', now() - 60000);
  await until('the limit to be armed', () => armed() === 1);
  const shut = await settle(`/v1/sessions/${s.session.id}/close`, { note: 'the car has left' });
  assert.equal(shut.status, 200, JSON.stringify(shut.body));
  await until('nothing to be armed', () => armed() === 0);
  await s.client.call('StopTransaction', { transactionId: s.transaction, meterStop: 500, timestamp: iso(now()) });
  assert.equal((await priced(s.session.id)).account.energy_kwh, 0.5);
  assert.equal(armed(), 0);
});

test('limits that cannot be meant are refused with their place', async () => {
  for (const [limits, member] of [
    [{ amount_minor: 100, at_limit: 'fee', fee_per_hour: 6 }, 'amount_minor'], [{ idle_s: 60, at_limit: 'fee' }, 'fee_per_hour'],
    [{ idle_s: 60, fee_per_hour: 6 }, 'fee_per_hour'], [{ at_limit: 'fee', fee_per_hour: 6 }, 'at_limit'], [{ idle_s: 60, fee_vat: 19 }, 'fee_vat'],
    [{ energy_kwh: 5, throttle_a: 6 }, 'throttle_a'], [{ energy_kwh: 5, at_limit: 'throttle', throttle_a: 6, throttle_w: 2000 }, 'throttle_w'],
    [{ energy_kwh: 5, at_limit: 'throttle', throttle_a: 6.05 }, 'throttle_a'], [{ idle_s: 0 }, 'idle_s']]) {
    const answer = await api('PUT', '/v1/contracts/bad', { name: 'bad', tariff_id: 'night', limits, applies_to: [{ token_uid: 'BAD' }] });
    assert.equal(answer.status, 422, JSON.stringify([limits, answer.body]));
    assert.deepEqual(answer.body.errors.map((e) => e.pointer), [`/limits/${member}`]);
  }
});

test('a limit that falls due while the worker or the station is away is kept when they are back', async () => {
  const s = await station('FLEET-3', 200);
  await s.start('FLEET', now() - 1795000);
  await until('the limit to be armed', () => busbar.sql("select 1 from billing.session_limit where station_id = 'FLEET-3'").length === 1);
  const { worker_pid: old } = busbar.info;
  process.kill(old, 'SIGKILL');
  await until('a new worker', async () => busbar.info.worker_pid !== old && (await busbar.ready()), 30000);
  await sleep(5000); // the limit falls due
  await until('the station to be back', () => s.open().then(() => true, () => false), 30000);
  await until('the session to end', async () => (await s.read()).state === 'ended', 60000);
  assert.equal((await s.read()).stop_reason, 'Remote');
});
