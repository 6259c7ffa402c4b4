// SPDX-License-Identifier: Apache-2.0
//
// Every message in both directions, made from its JSON schema: the least and the most that it may have, and each single way
// to break it. What the schema forbids gets the error that OCPP-J prescribes, or 422 with the pointer, and goes no further.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theStage } from './actors.mjs';
import { made, resolve, schemas } from './schema.mjs';

// What the schema cannot say: least and most are laid over what is made from it; owed are faults that are refused although
// the member is optional, since without it nobody can tell what is owed; ours is what busbard puts in when it is missing.
const fromStation = {
  Authorize: {}, BootNotification: {}, DataTransfer: {}, DiagnosticsStatusNotification: {}, FirmwareStatusNotification: {}, Heartbeat: {},
  MeterValues: { owed: /^.transactionId |(measurand|unit) no text$/ }, StartTransaction: {}, StatusNotification: {}, StopTransaction: {},
  LogStatusNotification: {}, SecurityEventNotification: {}, SignCertificate: {}, SignedFirmwareStatusNotification: {},
};
const toStation = {
  CancelReservation: {}, ChangeAvailability: {}, ChangeConfiguration: {}, ClearCache: {}, ClearChargingProfile: {}, DataTransfer: {},
  GetCompositeSchedule: {}, GetConfiguration: {}, GetDiagnostics: { ours: /^.location missing$/ }, GetLocalListVersion: {}, RemoteStartTransaction: {},
  RemoteStopTransaction: {}, ReserveNow: {}, Reset: {}, SendLocalList: {}, SetChargingProfile: {}, TriggerMessage: {},
  UnlockConnector: {}, UpdateFirmware: {},
  CertificateSigned: {}, DeleteCertificate: {}, ExtendedTriggerMessage: {}, GetInstalledCertificateIds: {}, GetLog: { ours: /^.(log|log.remoteLocation|requestId) missing$/ }, InstallCertificate: {},
  SignedUpdateFirmware: {},
};
// Members of StartTransaction, StopTransaction and MeterValues without which the session still counts: mended, never refused.
const money = new Set(['MeterValues', 'StartTransaction', 'StopTransaction']);

const { operator, connect } = theStage({
  tenants: { north: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept', messages_per_second: 10000 }, admin: {} } } },
});

/** Each single way to break a payload: [what, payload, JSON pointer, the error of OCPP-J, whether the member is required]. */
function* broken(schema, payload, top = schema, rebuild = (p) => p, at = '', needed = true) {
  schema = resolve(schema, top);
  if (schema.type === 'array') {
    yield ['no list', rebuild(7), at, 'TypeConstraintViolation', needed];
    yield* broken(schema.items, payload[0], top, (item) => rebuild([item, ...payload.slice(1)]), `${at}/0`, needed);
    return;
  }
  if (schema.type !== 'object') {
    if (schema.enum) yield ['not in the enumeration', rebuild('Nonsense'), at, 'PropertyConstraintViolation', needed];
    if (schema.type === 'string') yield ['no text', rebuild({}), at, 'TypeConstraintViolation', needed];
    else yield ['not a number', rebuild(['x']), at, 'TypeConstraintViolation', needed];
    if (schema.maxLength < 5000) yield ['too long', rebuild('x'.repeat(schema.maxLength + 1)), at, 'PropertyConstraintViolation', needed];
    if (schema.format) yield ['no such format', rebuild('yesterday'), at, 'PropertyConstraintViolation', needed];
    return;
  }
  yield ['unknown member', rebuild({ ...payload, colour: 'red' }), `${at}/colour`, 'FormationViolation', false];
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const required = needed && (schema.required ?? []).includes(name);
    if (required) yield ['missing', rebuild(Object.fromEntries(Object.entries(payload).filter(([n]) => n !== name))), `${at}/${name}`, 'OccurenceConstraintViolation', true];
    if (name in payload) yield* broken(member, payload[name], top, (p) => rebuild({ ...payload, [name]: p }), `${at}/${name}`, required);
  }
}

const exercised = new Set();
const request = (action) => schemas.get(`${action}.req`), confirmation = (action) => schemas.get(`${action}.conf`);

for (const [action, laid] of Object.entries(fromStation)) {
  test(`${action} from a station: the least, the most, and each way to break it`, async () => {
    const station = await connect(`FROM-${action}`.slice(0, 36));
    for (const most of [false, true]) {
      const payload = { ...made(request(action), most), ...(most ? laid.most : laid.least) };
      const [type, , answer] = await station.tries(action, payload);
      assert.equal(type, 3, `${JSON.stringify(payload)}: ${JSON.stringify(answer)}`); // its form is checked by the actor
    }
    exercised.add(`${action}.req`).add(`${action}.conf`);
    const whole = { ...made(request(action), true), ...laid.most };
    for (const [what, payload, pointer, code, required] of broken(request(action), whole)) {
      if (pointer === '/data') continue; // may be anything: README.md
      const [type, , found, text, details] = await station.tries(action, payload), about = `${pointer} ${what}: ${JSON.stringify([type, found, text, details])}`;
      if (money.has(action) && !required && !laid.owed?.test(`${pointer} ${what}`)) {
        assert.equal(type, 3, `money is never refused for ${about}`);
        continue;
      }
      assert.equal(type, 4, about);
      assert.deepEqual([type, found, details?.path], [4, code, pointer], about);
    }
    await station.close();
  });
}

for (const [action, laid] of Object.entries(toStation)) {
  test(`${action} to a station: the least, the most, and each way to break it`, async () => {
    const station = await connect(`TO-${action}`.slice(0, 36));
    for (const most of [false, true]) {
      const payload = { ...made(request(action), most), ...(most ? laid.most : laid.least) }, answer = made(confirmation(action), most);
      station.answers[action] = answer;
      assert.deepEqual(await operator.sends(station, action, payload), answer);
    }
    exercised.add(`${action}.req`).add(`${action}.conf`);
    station.answers[action] = Object.assign(new Error('the lid is open'), { rpcErrorCode: 'InternalError' });
    const whole = { ...made(request(action), true), ...laid.most };
    const refused = await operator.commands(station, action, whole);
    assert.deepEqual([refused.outcome, refused.error_code], ['refused', 'InternalError']);
    let heard = station.heard.length;
    for (const [what, payload, pointer] of broken(request(action), whole)) {
      if (pointer === '/data') continue; // may be anything: README.md
      const { status, body } = await operator.api('POST', `/v1/stations/${station.id}/commands/${action}`, payload);
      if (laid.ours?.test(`${pointer} ${what}`)) {
        assert.equal(status, 200, JSON.stringify(body));
        heard++; // as the schema has it, or the actor would say so
        continue;
      }
      
      assert.deepEqual([status, body.errors?.[0]?.pointer], [422, pointer], `${what}: ${JSON.stringify(body)}`);
    }
    assert.equal(station.heard.length, heard, 'none of them reached the station');
    await station.close();
  });
}

test('every message of OCPP 1.6 and of the Security Whitepaper was exercised', () => {
  assert.deepEqual([...schemas.keys()].filter((name) => !exercised.has(name)), []);
});
