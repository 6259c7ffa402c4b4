// SPDX-License-Identifier: Apache-2.0
//
// Quotas: what the sessions of a period may use together, in the location's calendar; used up, the next authorization is
// refused, and a session that begins all the same is ended. And the time between two sessions.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, defaultTenants, RPCClient, until } from './lib.mjs';

// The server's clock: 2026-10-25T01:04:40Z: a day of 25 hours in Berlin, which began at 22:00Z.
const offset = Date.UTC(2026, 9, 25, 1, 4, 40) - Date.now();
const now = () => Date.now() + offset;
const iso = (ms) => new Date(ms).toISOString();
let busbar;
before(async () => {
  const plugins = { ...defaultTenants.north.plugins, billing: {} };
  busbar = await Busbar.start({ env: { BUSBAR_CLOCK_OFFSET_MS: String(offset) }, tenants: { ...defaultTenants, north: { ...defaultTenants.north, plugins } } });
  await api('PUT', '/v1/locations/depot', { name: 'Depot', time_zone: 'Europe/Berlin' });
  await api('PUT', '/v1/tariffs/plain', { currency: 'EUR', tax_included: 'NO', elements: [{ price_components: [{ type: 'ENERGY', price: 0.5, vat: 19, step_size: 1 }] }] });
  for (const [id, limits, rules, tokens] of [
    ['daily', { quota: { per: 'day', energy_kwh: 10 } }, [{ token_uid: 'DAY' }], ['DAY']],
    ['crew', { quota: { per: 'week', of: 'contract', sessions: 2 } }, [{ token_group: 'CREW' }], ['CREW1', 'CREW2', 'CREW3']],
    ['purse', { quota: { per: 'month', amount_minor: 595 } }, [{ token_uid: 'PURSE' }], ['PURSE']],
    ['slow', { cooldown_s: 3600 }, [{ token_uid: 'SLOW' }], ['SLOW']],
    ['again', { cooldown_s: 3600 }, [{ token_uid: 'AGAIN' }], ['AGAIN']]]) {
    for (const uid of tokens) await api('PUT', `/v1/tokens/${uid}`, { status: 'accepted', ...(id === 'crew' && { parent_uid: 'CREW' }) });
    const saved = await api('PUT', `/v1/contracts/${id}`, { name: id, tariff_id: 'plain', limits, applies_to: rules });
    assert.equal(saved.status, 201, JSON.stringify(saved.body));
  }
});
after(async () => { await busbar?.stop(); });
const api = (...args) => busbar.api('north', ...args);
const quota = async (token, contract) => (await api('GET', `/v1/quotas?token=${token}&station=${token}-AT`)).body.items.find((i) => i.contract_id === contract);
const reached = (session) => busbar.sql(`select payload->>'kind', payload->>'source', payload->>'most' from core.event where topic = 'session.limit_reached' and key = '${session.id}' order by 1`);
const priced = (session) => until('the CDR to have its price', () => busbar.sql(`select 1 from billing.cdr where session_id = '${session.id}'`).length === 1);

/** A station at which one token charges; it ends what it is asked to end. */
async function station(token, connectors = 1) {
  const id = `${token}-AT`, self = { meter: 0 };
  await api('PUT', `/v1/stations/${id}`, { name: id, location_id: 'depot' });
  const client = self.client = new RPCClient({ endpoint: `ws://127.0.0.1:${busbar.port}/t/north/ocpp`, identity: id, protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  client.handle(({ method, params }) => {
    if (method !== 'RemoteStopTransaction') return { status: 'Rejected' };
    setTimeout(() => self.stop({ transaction: params.transactionId }).catch(() => {}), 10);
    return { status: 'Accepted' };
  });
  await client.connect();
  self.authorize = async (tag = token) => (await client.call('Authorize', { idTag: tag })).idTagInfo.status;
  self.start = async (at = now(), tag = token) => {
    const { transactionId, idTagInfo } = await client.call('StartTransaction', { connectorId: 1, idTag: tag, meterStart: self.meter, timestamp: iso(at) });
    assert.equal(idTagInfo.status, 'Accepted'); // a start is never refused for a quota
    const session = (await api('GET', `/v1/sessions?station=${id}`)).body.items[0];
    await until('its rules', () => busbar.sql(`select 1 from billing.session where session_id = '${session.id}'`).length === 1);
    return { ...session, transaction: transactionId };
  };
  self.tell = (session, wh) => client.call('MeterValues', { connectorId: 1, transactionId: session.transaction, meterValue: [{ timestamp: iso(now()), sampledValue: [{ value: String(wh), unit: 'Wh' }] }] });
  self.stop = (session, at = now()) => client.call('StopTransaction', { transactionId: session.transaction, meterStop: self.meter, timestamp: iso(at) });
  self.state = async (session) => (await api('GET', `/v1/sessions/${session.id}`)).body.state;
  return self;
}

test('energy a day: what is left caps the next session, then nobody charges until the local day is over', async () => {
  const s = await station('DAY');
  const yesterday = await s.start(Date.UTC(2026, 9, 24, 21, 50));
  s.meter = 9000;
  await s.stop(yesterday, Date.UTC(2026, 9, 24, 21, 59));
  const first = await s.start(now() - 7200000);
  s.meter = 15000; // 6 kWh
  await s.stop(first, now() - 3600000);
  await Promise.all([priced(yesterday), priced(first)]);
  assert.deepEqual(await quota('DAY', 'daily'), { contract_id: 'daily', per: 'day', of: 'token', since: '2026-10-24T22:00:00.000Z', until: '2026-10-25T23:00:00.000Z', energy_kwh: { most: 10, used: 6, left: 4 } });
  assert.equal(await s.authorize(), 'Accepted');
  const second = await s.start(now() - 1800000);
  await until('the cap', () => busbar.sql(`select most from billing.session_limit where session_id = '${second.id}' and source = 1`)[0]?.[0] === '4000000');
  s.meter = 19200;
  await s.tell(second, 19200);
  await until('the session to be ended at its cap', async () => await s.state(second) === 'ended', 60000);
  assert.deepEqual(reached(second), [['energy', 'quota', '4000000']]);
  await priced(second);
  const spent = await quota('DAY', 'daily');
  assert.deepEqual(spent.energy_kwh, { most: 10, used: 10.2, left: 0 });
  assert.match(spent.refused, /daily.*no energy left for this day, until 2026-10-25T23:00:00/);
  assert.equal(await s.authorize('day'), 'Blocked');
  const audit = (await api('GET', '/v1/audit?limit=100')).body.items.find((a) => a.action === 'token.refuse');
  assert.deepEqual([audit.object.toLowerCase(), audit.details.station_id, audit.details.reason], ['day', 'DAY-AT', spent.refused]);
  const reservation = await api('POST', '/v1/reservations', { station_id: 'DAY-AT', connector_id: 1, token_uid: 'DAY', expires_at: iso(now() + 3600000) });
  assert.equal(reservation.status, 422);
  assert.equal(reservation.body.errors[0].pointer, '/token_uid');
  assert.match(reservation.body.detail, /no energy left/);
  const anyway = await s.start();
  await until('it to be ended at once', async () => await s.state(anyway) === 'ended', 60000);
  assert.deepEqual(reached(anyway), [['energy', 'quota', '0']]);
});

test('what a credit takes back is there again', async () => {
  const [[cdr]] = busbar.sql("select cdr_id from billing.cdr where token_uid = 'DAY' and energy_mwh = 6000000");
  const answer = await api('POST', `/v1/cdrs/${cdr}/credit`, { reason: 'The meter was wrong' });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  assert.deepEqual((await quota('DAY', 'daily')).energy_kwh, { most: 10, used: 4.2, left: 5.8 });
});

test('sessions a week of all tokens together; who wants to end one gets through', async () => {
  const s = await station('CREW1');
  assert.equal(await s.authorize(), 'Accepted');
  const first = await s.start(now() - 3600000);
  await s.stop(first, now() - 1800000);
  const second = await s.start(now(), 'CREW2');
  await priced(first);
  await until('both to count', async () => (await quota('CREW1', 'crew')).sessions.left === 0);
  const other = await station('CREW3');
  assert.equal(await other.authorize('CREW3'), 'Blocked');
  assert.equal(await s.authorize('CREW2'), 'Accepted', 'his own session');
  assert.equal(await s.authorize('CREW3'), 'Accepted', 'his family may end it');
  assert.equal(await s.state(second), 'open', 'the second one is within the quota');
  const third = await other.start(now(), 'CREW3');
  await until('the third one to be ended', async () => await other.state(third) === 'ended', 60000);
  assert.deepEqual(reached(third), [['sessions', 'quota', '0']]);
  assert.equal(await s.state(second), 'open');
  await s.stop(second);
});

test('money a month, while sessions run', async () => {
  const [s, other] = [await station('PURSE'), await station('OTHER')];
  const first = await s.start(now() - 60000);
  s.meter = 5000;
  await s.tell(first, 5000); // 2.98
  const second = await other.start(now(), 'PURSE');
  await until('what is left', () => busbar.sql(`select most from billing.session_limit where session_id = '${second.id}' and source = 1`)[0]?.[0] === '297', 60000);
  s.meter = 10000;
  await s.tell(first, 10000); // 5.95: the first has used up what the second one has
  await until('both to be ended', async () => await s.state(first) === 'ended' && await other.state(second) === 'ended', 60000);
  assert.equal((await quota('PURSE', 'purse')).amount_minor.most, 595);
});

test('time between two sessions', async () => {
  const s = await station('SLOW');
  assert.equal(await s.authorize(), 'Accepted');
  const first = await s.start(now() - 7200000);
  await s.stop(first, now() - 1800000);
  await priced(first);
  const { refused, next_at: next } = await quota('SLOW', 'slow');
  assert.ok(Math.abs(Date.parse(next) - now() - 1800000) < 60000, next);
  assert.match(refused, /next session may begin at/);
  assert.equal(await s.authorize(), 'Blocked');
  const soon = await s.start();
  await until('it to be ended', async () => await s.state(soon) === 'ended', 60000);
  assert.deepEqual(reached(soon), [['cooldown', 'quota', '0']]);
});

test('a session that is said to have ended earlier lets the next one begin earlier', async () => {
  const s = await station('AGAIN');
  const first = await s.start(now() - 7200000);
  await s.stop(first, now() - 600000);
  await priced(first);
  assert.equal(await s.authorize(), 'Blocked');
  const [[cdr]] = busbar.sql(`select cdr_id from billing.cdr where session_id = '${first.id}'`);
  const answer = await api('POST', `/v1/cdrs/${cdr}/credit`, { reason: 'It was unplugged long before', replacement: { ended_at: iso(now() - 5400000) } });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  assert.equal(await s.authorize(), 'Accepted');
});

test('what counts as running is what runs', async () => {
  const open = () => busbar.sql("select session_id from charging.session where tenant_id = 'north' and state = 0 order by 1");
  await until('the last one to be done with', () => JSON.stringify(busbar.sql('select session_id from billing.session where running order by 1')) === JSON.stringify(open()));
});

test('a tenant that takes its quotas away is not asked for them; what cannot be meant is refused', async () => {
  for (const [limits, pointer] of [[{ quota: { per: 'day' } }, '/limits/quota'], [{ quota: { sessions: 1 } }, '/limits/quota/per'], [{ quota: { per: 'year', sessions: 1 } }, '/limits/quota/per']]) {
    const answer = await api('PUT', '/v1/contracts/bad', { name: 'bad', tariff_id: 'plain', limits, applies_to: [{ token_uid: 'BAD' }] });
    assert.deepEqual([answer.status, answer.body.errors?.[0]?.pointer], [422, pointer], JSON.stringify(answer.body));
  }
  assert.equal((await api('GET', '/v1/quotas')).status, 400);
  await api('PUT', '/v1/contracts/slow', { name: 'slow', tariff_id: 'plain', applies_to: [{ token_uid: 'SLOW' }] });
  assert.equal((await api('GET', '/v1/quotas?token=SLOW')).body.items.length, 0);
  assert.deepEqual((await busbar.api('south', 'GET', '/v1/quotas?token=DAY')).body.items, []);
});
