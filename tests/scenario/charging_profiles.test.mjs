// SPDX-License-Identifier: Apache-2.0
//
// Charging profiles (OCPP 1.6 §3.13): checked, sent, kept, read back by GetCompositeSchedule, cleared; npm ocpp-rpc's
// strict client is the station.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, RPCClient, sleep, until } from './lib.mjs';

let busbar, client, composite;
const asked = [], answers = [];
const configuration = {
  ChargeProfileMaxStackLevel: '5', ChargingScheduleAllowedChargingRateUnit: 'Current', ChargingScheduleMaxPeriods: '4', MaxChargingProfilesInstalled: '5',
};
before(async () => {
  busbar = await Busbar.start({ tenants: {
    north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept', command_timeout_s: 2 }, admin: {} } },
    south: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {} } },
  } });
  await busbar.api('north', 'PUT', '/v1/tokens/ANNA', { status: 'accepted' });
  client = new RPCClient({ endpoint: busbar.ocpp('north'), identity: 'PRO-1', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  for (const action of ['SetChargingProfile', 'ClearChargingProfile']) {
    client.handle(action, async ({ params }) => {
      asked.push([action, params]);
      const status = answers.shift() ?? 'Accepted';
      if (status === 'silence') await sleep(4000);
      return { status: status === 'silence' ? 'Accepted' : status };
    });
  }
  client.handle('GetCompositeSchedule', ({ params }) => composite(params));
  client.handle('GetConfiguration', ({ params }) => ({
    configurationKey: (params.key ?? []).filter((key) => key in configuration).map((key) => ({ key, value: configuration[key], readonly: true })),
  }));
  await client.connect();
  await client.call('BootNotification', { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2' });
});
after(async () => { await client?.close(); await busbar?.stop(); });

const path = '/v1/stations/PRO-1/charging-profiles';
const base = { connector_id: 1, stack_level: 0, purpose: 'TxDefaultProfile', kind: 'Absolute',
  schedule: { unit: 'A', start_at: '2026-01-01T00:00:00.000Z', periods: [{ start_s: 0, limit: 16 }] } };
const set = (more = {}, schedule = {}) => busbar.api('north', 'POST', path, { ...base, ...more, schedule: { ...base.schedule, ...schedule } });
const list = async () => (await busbar.api('north', 'GET', path)).body.items;
const clearAll = async () => {
  await busbar.api('north', 'POST', '/v1/stations/PRO-1/commands/ClearChargingProfile', {});
  assert.deepEqual(await list(), []);
};
let meter = 0;
const start = async (connectorId = 1) => (await client.call('StartTransaction',
  { connectorId, idTag: 'ANNA', meterStart: meter++, timestamp: new Date().toISOString() })).transactionId;
const stop = (transactionId) => client.call('StopTransaction', { transactionId, meterStop: meter++, timestamp: new Date().toISOString() });

test('a profile goes to the station as OCPP writes it, and is kept when accepted', async () => {
  const made = await set({}, { periods: [{ start_s: 0, limit: 16 }, { start_s: 3600, limit: 6.5, phases: 1 }], duration_s: 86400 });
  assert.equal(made.status, 201);
  assert.equal(made.body.state, 'set');
  assert.deepEqual(asked.pop(), ['SetChargingProfile', { connectorId: 1, csChargingProfiles: {
    chargingProfileId: made.body.id, stackLevel: 0, chargingProfilePurpose: 'TxDefaultProfile', chargingProfileKind: 'Absolute',
    chargingSchedule: { duration: 86400, startSchedule: '2026-01-01T00:00:00.000Z', chargingRateUnit: 'A',
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }, { startPeriod: 3600, limit: 6.5, numberPhases: 1 }] },
  } }]);
  const [kept] = await list();
  assert.deepEqual({ ...kept, set_at: 0 }, { ...made.body, set_at: 0 });
  assert.deepEqual(kept.schedule.periods, [{ start_s: 0, limit: 16 }, { start_s: 3600, limit: 6.5, phases: 1 }]);
  const one = await busbar.api('north', 'GET', new URL(made.headers.get('location')).pathname.replace('/t/north', ''));
  assert.equal(one.body.id, made.body.id);
  await clearAll();
});

test('the same connector, purpose and stack level replaces, and so does the same id', async () => {
  const first = (await set()).body;
  const second = (await set({}, { periods: [{ start_s: 0, limit: 10 }] })).body;
  assert.notEqual(second.id, first.id);
  assert.deepEqual((await list()).map((p) => [p.id, p.schedule.periods[0].limit]), [[second.id, 10]]);
  await set({ id: second.id, connector_id: 2, stack_level: 3 });
  assert.deepEqual((await list()).map((p) => [p.id, p.connector_id, p.stack_level]), [[second.id, 2, 3]]);
  await set({ connector_id: 0, purpose: 'ChargePointMaxProfile' });
  assert.equal((await list()).length, 2);
  await clearAll();
});

test('what breaks a rule is refused with its place, and not sent', async () => {
  asked.length = 0;
  const cases = [
    [{ purpose: 'ChargePointMaxProfile' }, {}, '/connector_id'],
    [{ purpose: 'TxProfile' }, {}, '/connector_id'],
    [{ purpose: 'TxProfile', connector_id: 0 }, {}, '/connector_id'],
    [{ transaction_id: 5 }, {}, '/transaction_id'],
    [{ stack_level: 6 }, {}, '/stack_level'],
    [{ kind: 'Recurring' }, {}, '/recurrency_kind'],
    [{ kind: 'Recurring', recurrency_kind: 'Daily' }, { start_at: undefined }, '/schedule/start_at'],
    [{ kind: 'Relative' }, {}, '/schedule/start_at'],
    [{ valid_from: '2026-02-01T00:00:00Z', valid_to: '2026-01-01T00:00:00Z' }, {}, '/valid_to'],
    [{}, { unit: 'W' }, '/schedule/unit'],
    [{}, { unit: 'kW' }, '/schedule/unit'],
    [{}, { periods: [] }, '/schedule/periods'],
    [{}, { periods: [0, 1, 2, 3, 4].map((start_s) => ({ start_s, limit: 6 })) }, '/schedule/periods'],
    [{}, { periods: [{ start_s: 5, limit: 6 }] }, '/schedule/periods/0/start_s'],
    [{}, { periods: [{ start_s: 0, limit: 6 }, { start_s: 0, limit: 7 }] }, '/schedule/periods/1/start_s'],
    [{}, { periods: [{ start_s: 0, limit: 6.25 }] }, '/schedule/periods/0/limit'],
    [{}, { periods: [{ start_s: 0, limit: -1 }] }, '/schedule/periods/0/limit'],
  ];
  for (const [more, schedule, pointer] of cases) {
    const { status, body } = await set(more, schedule);
    assert.deepEqual([status, body.errors?.[0].pointer], [422, pointer], JSON.stringify([more, schedule]));
  }
  assert.deepEqual(asked, []);
  assert.deepEqual(await list(), []);
  for (let stack_level = 0; stack_level < 5; stack_level++) assert.equal((await set({ stack_level })).status, 201);
  const full = await set({ stack_level: 5 });
  assert.match(full.body.errors[0].detail, /MaxChargingProfilesInstalled/);
  assert.equal((await set({ stack_level: 4 })).status, 201, 'one that replaces another has room');
  await clearAll();
});

test('a station\'s no leaves what was there; without an answer the profile is unconfirmed', async () => {
  const { id } = (await set()).body;
  for (const answer of ['Rejected', 'NotSupported']) {
    answers.push(answer);
    const refused = await set({}, { periods: [{ start_s: 0, limit: 8 }] });
    assert.deepEqual([refused.status, refused.body.code], [409, 'profile-refused']);
    assert.match(refused.body.detail, new RegExp(answer));
  }
  assert.deepEqual((await list()).map((p) => [p.id, p.state, p.schedule.periods[0].limit]), [[id, 'set', 16]]);
  answers.push('silence');
  assert.equal((await set({ id }, { periods: [{ start_s: 0, limit: 8 }] })).status, 504);
  assert.deepEqual((await list()).map((p) => [p.id, p.state, p.schedule.periods[0].limit]), [[id, 'unconfirmed', 8], [id, 'set', 16]]);
  assert.equal((await busbar.api('north', 'DELETE', `${path}/${id}`)).status, 204);
  assert.deepEqual(asked.pop(), ['ClearChargingProfile', { id }]);
  assert.deepEqual(await list(), []);
  assert.equal((await busbar.api('north', 'DELETE', `${path}/${id}`)).status, 404);
});

test('a TxProfile is that of the running transaction, and goes with it', async () => {
  const transactionId = await start();
  const made = await set({ purpose: 'TxProfile' });
  assert.deepEqual([made.status, made.body.transaction_id], [201, transactionId]);
  assert.equal(asked.pop()[1].csChargingProfiles.transactionId, transactionId);
  assert.equal((await set({ purpose: 'TxProfile', transaction_id: transactionId + 1 })).body.errors[0].pointer, '/transaction_id');
  await set();
  assert.deepEqual((await list()).map((p) => p.purpose), ['TxDefaultProfile', 'TxProfile']);
  await stop(transactionId);
  assert.deepEqual((await list()).map((p) => p.purpose), ['TxDefaultProfile']);
  await clearAll();
});

test('what the station says of its limits is compared with what its profiles come to', async () => {
  await set({ connector_id: 0, purpose: 'ChargePointMaxProfile' }, { periods: [{ start_s: 0, limit: 20 }] });
  const now = Math.floor(Date.now() / 1000) * 1000;
  const transactionId = await start();
  await set({ purpose: 'TxProfile' }, { start_at: new Date(now - 60000).toISOString(), periods: [{ start_s: 0, limit: 32 }, { start_s: 660, limit: 8 }] });
  const read = async () => (await busbar.api('north', 'GET', '/v1/stations/PRO-1/composite-schedule?connector=1&duration_s=1800')).body;
  const says = (periods) => ({ connectorId, duration, chargingRateUnit }) => {
    assert.deepEqual([connectorId, duration, chargingRateUnit], [1, 1800, 'A']);
    return { status: 'Accepted', connectorId: 1, scheduleStart: new Date(now).toISOString(),
      chargingSchedule: { duration, chargingRateUnit, chargingSchedulePeriod: periods } };
  };
  composite = says([{ startPeriod: 0, limit: 20 }, { startPeriod: 600, limit: 8 }]);
  let body = await read();
  assert.deepEqual(body.computed, [{ start_s: 0, limit: 20 }, { start_s: 600, limit: 8 }]);
  assert.deepEqual([body.verdict, body.station], ['same', body.computed]);
  assert.equal(body.differs_at, undefined);

  composite = says([{ startPeriod: 0, limit: 10 }]); // its fuse at first, and no step
  body = await read();
  assert.deepEqual([body.verdict, body.computed_limit, body.station_limit, body.differs_at],
    ['higher', 8, 10, new Date(now + 600000).toISOString()]);

  composite = says([{ startPeriod: 0, limit: 6 }]);
  assert.equal((await read()).verdict, 'lower');
  composite = () => ({ status: 'Rejected' });
  body = await read();
  assert.deepEqual([body.verdict, body.answer, body.station, body.computed[0].limit], ['untold', 'Rejected', undefined, 20]);
  await stop(transactionId);
  composite = () => ({ status: 'Rejected' });
  assert.deepEqual((await read()).computed, [{ start_s: 0, limit: 20 }]);
  await clearAll();
});

test('profiles that are set and cleared by hand are followed', async () => {
  const by = (action, body) => busbar.api('north', 'POST', `/v1/stations/PRO-1/commands/${action}`, body);
  const csChargingProfiles = (chargingProfileId, stackLevel, chargingProfilePurpose) => ({ chargingProfileId, stackLevel, chargingProfilePurpose,
    chargingProfileKind: 'Relative', chargingSchedule: { chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 6.1 }] } });
  await by('SetChargingProfile', { connectorId: 1, csChargingProfiles: csChargingProfiles(71, 1, 'TxDefaultProfile') });
  await by('SetChargingProfile', { connectorId: 2, csChargingProfiles: csChargingProfiles(72, 1, 'TxDefaultProfile') });
  await by('SetChargingProfile', { connectorId: 2, csChargingProfiles: csChargingProfiles(73, 2, 'TxDefaultProfile') });
  answers.push('Rejected');
  await by('SetChargingProfile', { connectorId: 2, csChargingProfiles: csChargingProfiles(74, 3, 'TxDefaultProfile') });
  assert.deepEqual((await list()).map((p) => [p.id, p.schedule.periods[0].limit]), [[71, 6.1], [72, 6.1], [73, 6.1]]);
  await by('ClearChargingProfile', { connectorId: 2, stackLevel: 2 });
  assert.deepEqual((await list()).map((p) => p.id), [71, 72]);
  answers.push('Unknown');
  await by('ClearChargingProfile', { id: 72 });
  assert.deepEqual((await list()).map((p) => p.id), [71], 'the station has it not');
  await clearAll();
});

test('a transaction that is to begin can be given a TxProfile only (§5.11)', async () => {
  client.handle('RemoteStartTransaction', ({ params }) => { asked.push(['RemoteStartTransaction', params]); return { status: 'Rejected' }; });
  const from = (chargingProfilePurpose) => busbar.api('north', 'POST', '/v1/stations/PRO-1/commands/RemoteStartTransaction', {
    connectorId: 1, idTag: 'ANNA', chargingProfile: { chargingProfileId: 1, stackLevel: 0, chargingProfilePurpose, chargingProfileKind: 'Relative',
      chargingSchedule: { chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 6 }] } } });
  const refused = await from('TxDefaultProfile');
  assert.deepEqual([refused.status, refused.body.errors[0].pointer], [422, '/chargingProfile/chargingProfilePurpose']);
  asked.length = 0;
  await from('TxProfile');
  assert.equal(asked[0][1].chargingProfile.chargingProfilePurpose, 'TxProfile');
});

test('no tenant sees another\'s, and a station that never came has none', async () => {
  await set();
  assert.equal((await busbar.api('south', 'GET', path)).status, 404);
  assert.equal((await busbar.api('south', 'POST', path, base)).status, 404);
  await busbar.api('north', 'PUT', '/v1/stations/PAPER', { name: 'On paper' });
  assert.equal((await busbar.api('north', 'GET', '/v1/stations/PAPER/charging-profiles')).body.code, 'no-charging-profiles');
  await client.close();
  await until('the station to be gone', async () => !(await busbar.api('north', 'GET', '/v1/stations/PRO-1')).body.online);
  assert.equal((await set({ stack_level: 1 })).body.code, 'station-offline');
  assert.equal((await list()).length, 1, 'nothing was sent, nothing is kept');
});
