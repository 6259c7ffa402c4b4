// SPDX-License-Identifier: Apache-2.0
//
// Reservations (OCPP 1.6 §5.13, §5.1): a station with two connectors that answers as it is told, strict npm ocpp-rpc in
// its role; reserved, used, run out, cancelled, by the API and by hand.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, RPCClient, sleep, until } from './lib.mjs';

let busbar, client;
const asked = [];
const answers = [];
const configuration = { ReserveConnectorZeroSupported: 'true' };
before(async () => {
  busbar = await Busbar.start({ tenants: {
    north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept', command_timeout_s: 2 }, admin: {} } },
    south: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {} } },
  } });
  for (const uid of ['ANNA', 'BERTA', 'GROUP']) await busbar.api('north', 'PUT', `/v1/tokens/${uid}`, { status: 'accepted' });
  await busbar.api('north', 'PUT', '/v1/tokens/CARLA', { status: 'accepted', parent_uid: 'GROUP' });
  await busbar.api('north', 'PUT', '/v1/tokens/CLARA', { status: 'accepted', parent_uid: 'group' });
  await busbar.api('north', 'PUT', '/v1/tokens/STOLEN', { status: 'blocked' });
  await connect();
  for (const connectorId of [1, 2]) await client.call('StatusNotification', { connectorId, errorCode: 'NoError', status: 'Available' });
});
after(async () => { await busbar?.stop(); });

async function connect() {
  client = new RPCClient({ endpoint: busbar.ocpp('north'), identity: 'RES-1', protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  const handle = (action) => client.handle(action, async ({ params }) => {
    asked.push([action, params]);
    const answer = answers.shift() ?? 'Accepted';
    if (answer === 'silence') await sleep(4000);
    return { status: answer === 'silence' ? 'Accepted' : answer };
  });
  handle('ReserveNow');
  handle('CancelReservation');
  client.handle('GetConfiguration', ({ params }) => ({
    configurationKey: (params.key ?? Object.keys(configuration)).filter((key) => key in configuration)
      .map((key) => ({ key, value: configuration[key], readonly: true })),
  }));
  await client.connect();
  await client.call('BootNotification', { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2' });
}

const soon = (ms = 600000) => new Date(Date.now() + ms).toISOString();
const reserve = (more = {}) => busbar.api('north', 'POST', '/v1/reservations',
  { station_id: 'RES-1', connector_id: 1, token_uid: 'ANNA', expires_at: soon(), ...more });
const read = async (id) => (await busbar.api('north', 'GET', `/v1/reservations/${id}`)).body;
const cancel = (id) => busbar.api('north', 'DELETE', `/v1/reservations/${id}`);
let meter = 0;
const start = (idTag, connectorId = 1, more = {}) => client.call('StartTransaction',
  { connectorId, idTag, meterStart: meter++, timestamp: new Date().toISOString(), ...more });
const stop = (transactionId) => client.call('StopTransaction', { transactionId, meterStop: meter++, timestamp: new Date().toISOString() });
const events = (topic, id) => busbar.sql(`select count(*) from core.event where topic = '${topic}' and key = '${id}'`)[0][0];

test('a reservation goes to the station, is kept, and is used by its token', async () => {
  const made = await reserve();
  assert.equal(made.status, 201);
  const { id } = made.body;
  assert.ok(id > 0 && id <= 2147483647);
  assert.equal(made.headers.get('location'), `${busbar.base('north')}/v1/reservations/${id}`);
  assert.deepEqual([made.body.state, made.body.answer], ['active', 'Accepted']);
  assert.deepEqual(asked.pop(), ['ReserveNow', { connectorId: 1, expiryDate: made.body.expires_at, idTag: 'ANNA', reservationId: id }]);
  const { transactionId } = await start('anna');
  const used = await read(id);
  const session = (await busbar.api('north', 'GET', '/v1/sessions?station=RES-1&open=true')).body.items[0];
  assert.deepEqual([used.state, used.session_id], ['used', session.id]);
  assert.deepEqual([events('reservation.created', id), events('reservation.used', id)], ['1', '1']);
  await stop(transactionId);
});

test('one of the same group may use it, and the reservationId of a start says it, whoever charges', async () => {
  const group = (await reserve({ token_uid: 'CARLA' })).body;
  assert.equal(group.parent_uid, 'GROUP');
  assert.equal(asked.pop()[1].parentIdTag, 'GROUP');
  const { transactionId } = await start('CLARA');
  assert.equal((await read(group.id)).state, 'used');
  await stop(transactionId);
  const named = (await reserve()).body;
  const second = await start('BERTA', 1, { reservationId: named.id });
  assert.equal((await read(named.id)).state, 'used');
  await stop(second.transactionId);
});

test('another token on a reserved connector is told of, and not refused', async () => {
  const { id } = (await reserve()).body;
  const started = await start('BERTA');
  assert.equal(started.idTagInfo.status, 'Accepted');
  const after = await read(id);
  const session = (await busbar.api('north', 'GET', '/v1/sessions?station=RES-1&open=true')).body.items[0];
  assert.deepEqual([after.state, after.conflict_session_id, after.session_id], ['active', session.id, undefined]);
  assert.equal(events('reservation.overridden', id), '1');
  assert.equal(session.review, undefined, 'the session itself is an ordinary one');
  await stop(started.transactionId);
  // On the other connector nobody is in anybody's way.
  const other = await start('BERTA', 2);
  assert.equal(events('reservation.overridden', id), '1');
  await stop(other.transactionId);
  assert.equal((await cancel(id)).status, 204);
});

test('a connector has one reservation; one connector remains for who reserved any', async () => {
  const first = (await reserve({ connector_id: 1 })).body;
  const again = await reserve({ connector_id: 1, token_uid: 'BERTA' });
  assert.deepEqual([again.status, again.body.code, again.body.errors[0].pointer], [409, 'reserved', '/connector_id']);
  const any = await reserve({ connector_id: 0, token_uid: 'BERTA' });
  assert.equal(any.status, 201);
  const last = await reserve({ connector_id: 2, token_uid: 'CARLA' });
  assert.deepEqual([last.status, last.body.code], [409, 'no-connector-left']);
  const { transactionId } = await start('BERTA', 2);
  assert.equal((await read(any.body.id)).state, 'used', 'by whichever connector');
  assert.equal((await read(first.id)).state, 'active');
  await stop(transactionId);
  assert.equal((await cancel(first.id)).status, 204);
  assert.deepEqual(asked.pop(), ['CancelReservation', { reservationId: first.id }]);
});

test('two that come at once for one connector: one gets it', async () => {
  const both = await Promise.all([reserve({ token_uid: 'ANNA' }), reserve({ token_uid: 'BERTA' })]);
  assert.deepEqual(both.map((r) => r.status).sort(), [201, 409]);
  await cancel(both.find((r) => r.status === 201).body.id);
});

test('what the station says no to is kept with its answer, and is in nobody\'s way', async () => {
  for (const answer of ['Faulted', 'Occupied', 'Rejected', 'Unavailable']) {
    answers.push(answer);
    const refused = await reserve();
    assert.deepEqual([refused.status, refused.body.code], [409, 'reservation-refused']);
    assert.match(refused.body.detail, new RegExp(answer));
  }
  const { items } = (await busbar.api('north', 'GET', '/v1/reservations?station=RES-1&limit=4')).body;
  assert.deepEqual(items.map((r) => [r.state, r.answer]), ['Unavailable', 'Rejected', 'Occupied', 'Faulted'].map((a) => ['refused', a]));
});

test('one whose answer does not come stays requested, holds its place, and can be cancelled', async () => {
  answers.push('silence');
  const late = await reserve();
  assert.deepEqual([late.status, late.body.code], [504, 'station-timeout']);
  const [open] = (await busbar.api('north', 'GET', '/v1/reservations?live=true')).body.items;
  assert.equal(open.state, 'requested');
  assert.equal((await reserve({ token_uid: 'BERTA' })).status, 409);
  assert.equal((await cancel(open.id)).status, 204);
  assert.equal((await read(open.id)).state, 'cancelled');
  assert.equal((await cancel(open.id)).body.code, 'reservation-ended');
});

test('one whose answer was lost is asked for again by its id', async () => {
  answers.push('silence');
  assert.equal((await reserve()).status, 504);
  const [open] = (await busbar.api('north', 'GET', '/v1/reservations?live=true')).body.items;
  busbar.sql(`update charging.reservation set created_at = created_at - interval '4 minutes' where reservation_id = ${open.id}`);
  asked.length = 0;
  await until('the second question', async () => (await read(open.id)).state === 'active', 30000);
  assert.deepEqual(asked, [['ReserveNow', { connectorId: 1, expiryDate: open.expires_at, idTag: 'ANNA', reservationId: open.id }]]);
  assert.equal((await cancel(open.id)).status, 204);
});

test('it runs out by itself, also when busbard was down at that time', async () => {
  const { id } = (await reserve({ expires_at: soon(1500) })).body;
  await until('the reservation to run out', async () => (await read(id)).state === 'expired', 8000);
  assert.equal(events('reservation.expired', id), '1');
  const second = (await reserve({ expires_at: soon(1500) })).body;
  const { worker_pid: old } = busbar.info;
  process.kill(old, 'SIGKILL');
  await until('busbard to be back', async () => busbar.info.worker_pid !== old && (await busbar.ready()));
  await until('the second one to run out', async () => (await read(second.id)).state === 'expired', 8000);
  await until('the station to be let in', () => connect().then(() => true, () => false));
});

test('what is wrong with a reservation is told by name', async () => {
  const cases = [
    [{ station_id: 'NOBODY' }, 422, '/station_id'],
    [{ token_uid: 'STOLEN' }, 422, '/token_uid'],
    [{ token_uid: 'STRANGER' }, 422, '/token_uid'],
    [{ token_uid: 'X'.repeat(21) }, 422, '/token_uid'],
    [{ expires_at: soon(-1000) }, 422, '/expires_at'],
    [{ connector_id: 256 }, 422, '/connector_id'],
    [{ connector_id: -1 }, 422, '/connector_id'],
  ];
  for (const [more, status, pointer] of cases) {
    const { status: got, body } = await reserve(more);
    assert.deepEqual([got, body.errors?.[0].pointer], [status, pointer], JSON.stringify(more));
  }
  configuration.ReserveConnectorZeroSupported = 'false';
  await busbar.api('north', 'POST', '/v1/stations/RES-1/commands/GetConfiguration', { key: ['ReserveConnectorZeroSupported'] });
  const zero = await reserve({ connector_id: 0 });
  assert.deepEqual([zero.status, zero.body.errors[0].pointer], [422, '/connector_id']);
  assert.match(zero.body.errors[0].detail, /ReserveConnectorZeroSupported/);
  await client.close();
  await until('the station to be gone', async () => !(await busbar.api('north', 'GET', '/v1/stations/RES-1')).body.online);
  const away = await reserve();
  assert.deepEqual([away.status, away.body.code], [409, 'station-offline']);
  assert.deepEqual((await busbar.api('north', 'GET', '/v1/reservations?live=true')).body.items, [], 'nothing was sent, nothing is kept');
  await connect();
});

test('a ReserveNow and a CancelReservation by hand are followed', async () => {
  const by = (action, body) => busbar.api('north', 'POST', `/v1/stations/RES-1/commands/${action}`, body);
  await by('ReserveNow', { connectorId: 2, expiryDate: soon(), idTag: 'ANNA', reservationId: 77 });
  const { state, token_uid, connector_id } = await read(77);
  assert.deepEqual({ state, token_uid, connector_id }, { state: 'active', token_uid: 'ANNA', connector_id: 2 });
  await by('CancelReservation', { reservationId: 77 });
  assert.equal((await read(77)).state, 'cancelled');
});

test('no tenant sees another\'s, and the list has pages', async () => {
  const all = (await busbar.api('north', 'GET', '/v1/reservations')).body.items;
  assert.ok(all.length > 8);
  assert.equal((await busbar.api('south', 'GET', `/v1/reservations/${all[0].id}`)).status, 404);
  assert.equal((await busbar.api('south', 'DELETE', `/v1/reservations/${all[0].id}`)).status, 404);
  assert.deepEqual((await busbar.api('south', 'GET', '/v1/reservations')).body.items, []);
  const paged = [];
  for (let next = '/v1/reservations?limit=3'; next;) {
    const { body } = await busbar.api('north', 'GET', next);
    paged.push(...body.items);
    next = body.next_cursor && `/v1/reservations?limit=3&cursor=${encodeURIComponent(body.next_cursor)}`;
  }
  assert.deepEqual(paged.map((r) => r.id), all.map((r) => r.id));
});
