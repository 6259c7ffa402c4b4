// SPDX-License-Identifier: Apache-2.0
//
// What is promised about sessions, rule by rule, where no other scenario has it: a start that comes late, a stop without a
// start, a stop twice, samples after the stop, dates without a zone, a session that nobody stops.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './lib.mjs';
import { now, theStage } from './actors.mjs';

const ocpp16 = { onboarding: 'accept', validation_rules: [{ vendor: 'Zoneless', level: 'tolerant', zoneless_dates: 'Europe/Berlin' }] };
const { operator, connect } = theStage({
  tenants: { north: { plugins: { identity: {}, ocpp16, admin: {}, charging: { orphan_available_minutes: 1 } } } },
});
const cdrs = async (station) => (await operator.reads('/v1/cdrs?limit=200')).items.filter((cdr) => cdr.station_id === station.id);
const reviews = async (station) => (await operator.reads('/v1/reviews?limit=200')).items.filter((r) => r.station_id === station.id);

test('a start that comes after everything else of its session', async () => {
  const station = await connect('LATE-START');
  await station.reports(1, 'Charging', { timestamp: now(-3000) });
  await station.samples(1, 0, 1500, now(-2400)); // it has no transaction id yet
  const { transactionId } = await station.starts(1, 'CARD1', { timestamp: now(-3000) });
  await station.stops(transactionId, { timestamp: now(-1200), meterStop: 2000 });
  const session = await operator.session(station);
  assert.deepEqual([session.state, session.energy_wh, session.review], ['ended', 1000, undefined]);
  assert.equal((await cdrs(station)).length, 1);
  await station.close();
});

test('a stop without a start is acknowledged and set aside, once', async () => {
  const station = await connect('NO-START');
  const stop = { timestamp: now(-60), meterStop: 700 };
  for (let i = 0; i < 3; i++) await station.stops(815, stop);
  const [aside, ...more] = await reviews(station);
  assert.deepEqual([aside.kind, aside.transaction_id, more.length], ['stop', 815, 0]);
  assert.deepEqual(await operator.sessions(station), []);
  await station.close();
});

test('a stop twice: the first wins, an equal one changes nothing, another one is set aside', async () => {
  const station = await connect('TWO-STOPS');
  const transactionId = await station.isCharging(1, 'CARD1');
  const stop = { timestamp: now(-60), meterStop: 3000 };
  for (let i = 0; i < 2; i++) await station.stops(transactionId, stop);
  assert.deepEqual(await reviews(station), []);
  await station.stops(transactionId, { ...stop, meterStop: 9000 });
  assert.equal((await operator.session(station)).energy_wh, 2000);
  assert.equal((await cdrs(station)).length, 1);
  assert.deepEqual((await reviews(station)).map((r) => [r.kind, r.transaction_id]), [['stop', transactionId]]);
  await station.close();
});

test('samples after the stop are kept, and change no account', async () => {
  const station = await connect('LATE-SAMPLES');
  const transactionId = await station.isCharging(1, 'CARD1');
  await station.stops(transactionId, { timestamp: now(-60), meterStop: 3000 });
  const at = now(-600);
  for (let i = 0; i < 2; i++) await station.samples(1, transactionId, 2500, at); // from its queue, and sent again
  await station.samples(1, transactionId, 5000, now());
  const session = await operator.session(station);
  assert.deepEqual([session.energy_wh, session.sample_count], [2000, 2]);
  assert.deepEqual((await cdrs(station)).map((c) => c.energy_wh), [2000]);
  await station.close();
});

test('dates without a zone are those of the zone that the tenant says', async () => {
  const station = await connect('ZONELESS');
  await station.boots({ chargePointVendor: 'Zoneless' });
  const berlin = (shift_s) => new Date(Date.now() + 1000 * shift_s).toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' }).replace(' ', 'T');
  const told = berlin(-1800);
  const started = await station.tries('StartTransaction', { connectorId: 1, idTag: 'CARD1', meterStart: 0, timestamp: told });
  assert.equal(started[0], 3, JSON.stringify(started));
  await station.tries('StopTransaction', { transactionId: started[2].transactionId, meterStop: 900, timestamp: berlin(-900) });
  const session = await operator.session(station);
  assert.ok(Math.abs(Date.parse(session.started_at) - (Date.now() - 1800000)) < 60000, `${told} became ${session.started_at}`);
  assert.equal(session.state, 'ended');
  const report = await operator.reads('/v1/stations/ZONELESS/interop');
  assert.ok(JSON.stringify(report).includes('date-without-zone'), 'and it is said in the report');
  await station.close();
});

test('nobody stops it: closed by a rule, and merged when its stop comes after all', async () => {
  const station = await connect('ORPHAN');
  await station.isAvailable();
  const transactionId = await station.isCharging(1, 'CARD1');
  await station.samples(1, transactionId, 2000, now(-900));
  await station.reports(1, 'Available');
  // Two hours pass, as far as the tables are concerned; housekeeping comes once a minute.
  const passed = "interval '2 hours'";
  operator.busbar.sql(`update charging.session set start_received_at = start_received_at - ${passed} where station_id = 'ORPHAN';
    update charging.sample set received_at = received_at - ${passed} where station_id = 'ORPHAN';
    update charging.connector set status_received_at = status_received_at - ${passed} where station_id = 'ORPHAN';
    update charging.station set connected_at = connected_at - ${passed} where station_id = 'ORPHAN'`);
  const closed = await until('the rule', async () => {
    const session = await operator.session(station);
    return session.state !== 'open' && session;
  }, 90000);
  assert.deepEqual([closed.closed_by, closed.energy_wh], ['available', 1000]);
  assert.deepEqual(await cdrs(station), [], 'it waits for its stop');
  await station.stops(transactionId, { timestamp: now(-600), meterStop: 2600 });
  const merged = await operator.session(station);
  assert.deepEqual([merged.state, merged.energy_wh], ['ended', 1600]);
  assert.deepEqual((await cdrs(station)).map((c) => c.energy_wh), [1600]);
  await station.close();
});
