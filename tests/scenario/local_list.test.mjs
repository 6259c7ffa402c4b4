// SPDX-License-Identifier: Apache-2.0
//
// Local authorization lists (OCPP 1.6 §3.5.2): stations that keep a list as the specification has it, checked by npm
// ocpp-rpc's strict mode, and tokens that change while they are there, away, full, or of another mind.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, RPCClient, until } from './lib.mjs';

const options = { onboarding: 'accept', local_list: 'rfid', local_list_delay_s: 0 };
let busbar;
before(async () => {
  busbar = await Busbar.start({
    tenants: {
      north: { plugins: { identity: {}, charging: {}, ocpp16: options, admin: {} } },
      south: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {} } },
    },
  });
});
after(async () => { await busbar?.stop(); });

const token = async (uid, more = {}) => {
  const { status } = await busbar.api('north', 'PUT', `/v1/tokens/${uid}`, { status: 'accepted', ...more });
  assert.ok(status === 200 || status === 201, `token ${uid}: ${status}`);
};
const listOf = async (id) => (await busbar.api('north', 'GET', `/v1/stations/${id}/local-list`)).body;
const inStep = (id, version = 0) => until(`${id} in step`, async () => {
  const list = await listOf(id);
  return list.state === 'in_step' && list.version > version && list;
});

/** A station's memory: its list and its configuration outlive connections. */
class Station {
  constructor(id, configuration = {}) {
    Object.assign(this, { id, version: 0, list: new Map(), sent: [], answers: [], asked: 0 });
    this.configuration = { LocalAuthListEnabled: 'true', LocalAuthListMaxLength: '100', SendLocalListMaxLength: '50', ...configuration };
  }

  take({ listVersion, updateType, localAuthorizationList = [] }) {
    const answer = this.answers.shift();
    if (answer) return answer;
    if (localAuthorizationList.length > Number(this.configuration.SendLocalListMaxLength)) return 'Failed';
    if (updateType === 'Differential' && listVersion <= this.version) return 'VersionMismatch';
    if (updateType === 'Full') this.list.clear();
    for (const { idTag, idTagInfo } of localAuthorizationList) {
      if (idTagInfo) this.list.set(idTag, idTagInfo);
      else this.list.delete(idTag);
    }
    this.version = listVersion;
    return 'Accepted';
  }

  async connect({ boot = false } = {}) {
    this.client = new RPCClient({ endpoint: busbar.ocpp('north'), identity: this.id, protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
    this.client.handle('GetConfiguration', ({ params }) => ({
      configurationKey: Object.entries(this.configuration).filter(([key]) => !params.key || params.key.includes(key))
        .map(([key, value]) => ({ key, value, readonly: true })),
      unknownKey: (params.key ?? []).filter((key) => !(key in this.configuration)),
    }));
    this.client.handle('GetLocalListVersion', () => { this.asked++; return { listVersion: this.version }; });
    this.client.handle('SendLocalList', ({ params }) => {
      this.sent.push(params);
      return { status: this.take(params) };
    });
    await this.client.connect();
    if (boot) await this.client.call('BootNotification', { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2' });
  }

  async disconnect() {
    await this.client.close();
    await until(`${this.id} offline`, async () => !(await busbar.api('north', 'GET', `/v1/stations/${this.id}`)).body.online);
  }

  /** The types of the messages since the last call. */
  types() { return this.sent.splice(0).map((m) => m.updateType); }
  get tags() { return [...this.list.keys()].sort(); }
}

const station = new Station('LIST-1');

test('a station that boots with an empty list gets the whole one, with what each token may', async () => {
  await token('PARENT1');
  await token('CARD1', { parent_uid: 'PARENT1', expires_at: '2031-01-01T00:00:00Z' });
  await token('CARD2', { status: 'blocked' });
  await token('APP1', { kind: 'app' });
  await station.connect({ boot: true });
  const list = await inStep('LIST-1');
  await until('three cards', () => station.list.size === 3);
  assert.deepEqual(station.tags, ['CARD1', 'CARD2', 'PARENT1']);
  assert.equal(station.sent[0].updateType, 'Full');
  assert.deepEqual(station.list.get('CARD1'), { expiryDate: '2031-01-01T00:00:00.000Z', parentIdTag: 'PARENT1', status: 'Accepted' });
  assert.equal(station.list.get('CARD2').status, 'Blocked');
  assert.equal(station.version, (await inStep('LIST-1', list.version - 1)).station_version);
  assert.equal(list.entries, 3);
});

test('a change goes out as the difference, a deletion as an entry without idTagInfo', async () => {
  let { version } = await inStep('LIST-1');
  station.types();
  await token('CARD2');
  ({ version } = await inStep('LIST-1', version));
  assert.deepEqual(station.sent.map((m) => [m.updateType, m.localAuthorizationList.map((e) => e.idTag)]), [['Differential', ['CARD2']]]);
  assert.equal(station.list.get('CARD2').status, 'Accepted');
  station.types();
  assert.equal((await busbar.api('north', 'DELETE', '/v1/tokens/CARD2')).status, 204);
  await inStep('LIST-1', version);
  assert.deepEqual(station.sent[0].localAuthorizationList, [{ idTag: 'CARD2' }]);
  assert.deepEqual(station.tags, ['CARD1', 'PARENT1']);
});

test('a parent that is blocked blocks its children in the list', async () => {
  const { version } = await inStep('LIST-1');
  await token('PARENT1', { status: 'blocked' });
  await inStep('LIST-1', version);
  assert.equal(station.list.get('CARD1').status, 'Blocked');
  await token('PARENT1');
});

test('what changed while a station was away reaches it when it is back, even across a kill of busbard', async () => {
  const { version } = await inStep('LIST-1');
  await station.disconnect();
  await token('CARD3');
  await busbar.api('north', 'DELETE', '/v1/tokens/CARD1');
  await until('the change to be in the list', async () => (await listOf('LIST-1')).version >= version + 2);
  assert.equal((await listOf('LIST-1')).state, 'pending');
  const { worker_pid: old } = busbar.info;
  process.kill(old, 'SIGKILL');
  await until('busbard to be back', async () => busbar.info.worker_pid !== old && (await busbar.ready()));
  station.types();
  station.asked = 0;
  await until('the station to be let in', () => station.connect().then(() => true, () => false));
  await inStep('LIST-1', version);
  assert.deepEqual(station.types(), ['Differential']);
  assert.deepEqual(station.tags, ['CARD3', 'PARENT1']);
  assert.equal(station.asked, 0, 'a reconnect without a boot asks nothing');
});

test('a station that lost its list and boots gets the whole one again', async () => {
  const { version } = await inStep('LIST-1');
  await station.disconnect();
  station.version = 0;
  station.list.clear();
  station.types();
  await station.connect({ boot: true });
  await until('the list to be back', () => station.list.size === 2);
  assert.deepEqual(station.types(), ['Full']);
  await inStep('LIST-1', version - 1);
});

test('VersionMismatch and Failed are followed by the whole list', async () => {
  for (const answer of ['VersionMismatch', 'Failed']) {
    const { version } = await inStep('LIST-1');
    station.types();
    station.answers.push(answer);
    await token(`LATE-${answer}`);
    await inStep('LIST-1', version);
    assert.deepEqual(station.types(), ['Differential', 'Full']);
    assert.ok(station.list.has(`LATE-${answer}`));
  }
});

test('a list of another system, by whatever number, is replaced', async () => {
  const other = new Station('LIST-2');
  Object.assign(other, { version: 2, list: new Map([['STRANGER', { status: 'Accepted' }]]) });
  await other.connect({ boot: true });
  await inStep('LIST-2');
  await until('the stranger to be gone', () => !other.list.has('STRANGER'));
  assert.equal(other.sent[0].updateType, 'Full');
  assert.deepEqual(other.tags, station.tags);
  await other.client.close();
});

test('a list that is longer than a message may be comes in pieces, the first one Full', async () => {
  const small = new Station('LIST-3', { SendLocalListMaxLength: '2' });
  for (let i = 0; i < 4; i++) await token(`BULK${i}`);
  const { version } = await inStep('LIST-1', (await listOf('LIST-1')).version - 1);
  await small.connect({ boot: true });
  await inStep('LIST-3', version - 1);
  assert.deepEqual(small.tags, station.tags);
  const versions = small.sent.map((m) => m.listVersion);
  assert.deepEqual(versions, [...versions].sort((a, b) => a - b));
  assert.ok(small.sent.every((m) => m.localAuthorizationList.length <= 2));
  assert.deepEqual(small.types(), ['Full', ...Array(Math.ceil(small.tags.length / 2) - 1).fill('Differential')]);
  await small.client.close();
});

test('a transfer that breaks off in the middle goes on where it was, also when the answer was lost', async () => {
  const small = new Station('LIST-8', { SendLocalListMaxLength: '2' });
  const take = small.take.bind(small);
  small.take = (params) => {
    const answer = take(params);
    if (small.sent.length === 2) small.client.close({ force: true });
    return answer;
  };
  const { version } = await inStep('LIST-1', (await listOf('LIST-1')).version - 1);
  await small.connect({ boot: true });
  await until('two messages', () => small.sent.length === 2);
  await until('the station to be gone', async () => !(await busbar.api('north', 'GET', '/v1/stations/LIST-8')).body.online);
  assert.deepEqual(small.types(), ['Full', 'Differential']);
  small.asked = 0;
  small.take = take;
  await small.connect();
  await inStep('LIST-8', version - 1);
  assert.equal(small.asked, 1, 'asked what became of the message without an answer');
  assert.ok(small.sent.every((m) => m.updateType === 'Differential'));
  assert.deepEqual(small.tags, station.tags);
  assert.equal(small.sent.length, Math.ceil((small.tags.length - 4) / 2), 'nothing twice');
  await small.client.close();
});

test('a list that does not fit is not sent, and the API says why', async () => {
  const tiny = new Station('LIST-4', { LocalAuthListMaxLength: '3' });
  await tiny.connect({ boot: true });
  const list = await until('the refusal', async () => { const l = await listOf('LIST-4'); return l.state === 'failed' && l; });
  assert.match(list.last_error, /LocalAuthListMaxLength is 3/);
  assert.equal(tiny.sent.length, 0);
  assert.equal(list.failed_attempts, 1);
  await tiny.client.close();
});

test('stations without a list are left alone: disabled, version -1, NotSupported', async () => {
  const off = new Station('LIST-5', { LocalAuthListEnabled: 'false' });
  const none = new Station('LIST-6');
  const refuses = new Station('LIST-7');
  none.version = -1;
  refuses.answers.push('NotSupported');
  for (const s of [off, none, refuses]) await s.connect({ boot: true });
  const why = {};
  for (const s of [off, none, refuses]) {
    why[s.id] = (await until(`${s.id} unsupported`, async () => { const l = await listOf(s.id); return l.state === 'unsupported' && l; })).last_error;
  }
  assert.match(why['LIST-5'], /LocalAuthListEnabled/);
  assert.match(why['LIST-6'], /-1/);
  assert.match(why['LIST-7'], /NotSupported/);
  assert.equal(off.sent.length + none.sent.length, 0);

  // Looked at anew when somebody asks for it.
  none.version = 0;
  assert.equal((await busbar.api('north', 'POST', '/v1/stations/LIST-6/local-list/sync')).status, 202);
  await inStep('LIST-6');
  assert.deepEqual(none.tags, station.tags);
  for (const s of [off, none, refuses]) await s.client.close();
});

test('a list sent by hand is noticed and replaced', async () => {
  station.types();
  const sent = await busbar.api('north', 'POST', '/v1/stations/LIST-1/commands/SendLocalList',
    { listVersion: 999999, updateType: 'Full', localAuthorizationList: [{ idTag: 'BYHAND', idTagInfo: { status: 'Accepted' } }] });
  assert.equal(sent.body.result.status, 'Accepted');
  await until('ours again', () => !station.list.has('BYHAND') && station.list.has('CARD3'));
  assert.deepEqual(station.types(), ['Full', 'Full']);
  await inStep('LIST-1');
});

test('where lists are off nothing is sent, and sync says so', async () => {
  const client = await busbar.station('south', 'LIST-1');
  await client.call('BootNotification', { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2' });
  assert.equal((await busbar.api('south', 'GET', '/v1/stations/LIST-1/local-list')).body.state, 'off');
  assert.equal((await busbar.api('south', 'POST', '/v1/stations/LIST-1/local-list/sync')).body.code, 'local-lists-off');
  assert.equal((await busbar.api('north', 'GET', '/v1/stations/NOBODY/local-list')).status, 404);
  await client.close();
});
