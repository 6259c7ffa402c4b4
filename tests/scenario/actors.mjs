// SPDX-License-Identifier: Apache-2.0
//
// The two who act in a scenario: a station (npm ocpp-rpc, strict) and an operator (the REST API). Every frame that the
// station receives is held against the schemas, and a file fails for one that does not fit.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { Busbar, RPCClient, until } from './lib.mjs';
import { frameFaults } from './schema.mjs';

export const now = (shift_s = 0) => new Date(Date.now() + 1000 * shift_s).toISOString();

const faults = []; // of the central system's frames

/**
 * A busbard of its own for the tests of a file: {operator, connect(id, answers)}, of use once they run. CARD1 is a token of
 * its tenant; prepare(operator) may do more.
 */
export function theStage({ prepare, ...options } = {}) {
  const operator = new Operator();
  before(async () => {
    operator.busbar = await Busbar.start(options);
    await operator.token('CARD1');
    await prepare?.(operator);
  });
  after(async () => {
    await operator.busbar?.stop();
    assert.deepEqual(faults, []);
  });
  return { operator, connect: (id, answers, more) => Station.connect(operator.busbar, id, { answers, ...more }) };
}

export class Station {
  /**
   * Connects. answers: by action, what it says to the central system: a payload, a function of the CALL's payload, a list
   * of those to be used one after the other, or an Error, which becomes a CALLERROR.
   */
  static async connect(busbar, id, { tenant = 'north', password, answers = {}, endpoint = busbar.ocpp(tenant), protocols = ['ocpp1.6'], ws } = {}) {
    const station = new Station();
    Object.assign(station, { busbar, id, tenant, password, answers, heard: [], asked: new Map(), waiting: new Map(), endpoint, protocols, ws });
    await station.reconnect();
    return station;
  }

  async reconnect() {
    const client = new RPCClient({
      endpoint: this.endpoint, identity: this.id, protocols: this.protocols, strictMode: ['ocpp1.6'], password: this.password, reconnect: false,
      ...(this.ws ? { wsOpts: this.ws } : {}),
    });
    client.handle(({ method, params }) => this.answer(method, params));
    client.on('message', ({ message, outbound }) => this.watch(message.toString(), outbound));
    client.on('strictValidationFailure', ({ outbound, isCall, method, error }) => {
      if (!outbound || isCall) faults.push(`${this.id}: ${method}: ${error.message}`);
    });
    await client.connect();
    this.client = client;
  }

  watch(text, outbound) {
    if (outbound) {
      const [, id, action] = /^\[2,"([^"]*)","([^"]*)"/.exec(text) ?? [];
      if (action) this.asked.set(id, action);
      return;
    }
    for (const fault of frameFaults(text, (id) => this.asked.get(id))) faults.push(`${this.id}: ${fault} in ${text}`);
    const frame = JSON.parse(text);
    if (frame[0] !== 2) this.waiting.get(frame[1])?.(frame);
  }

  /** Any text as a frame, whatever ocpp-rpc would say of it; the frame that answers its id. */
  says(text, id) {
    const answer = new Promise((resolve, reject) => {
      this.waiting.set(id, resolve);
      setTimeout(() => reject(new Error(`no answer to ${text.slice(0, 200)}`)), 20000).unref();
    });
    this.client.sendRaw(text);
    return answer;
  }
  /** Any text, and nothing is expected. */
  mumbles(text) { this.client.sendRaw(text); }
  /** A CALL that may break the schema. */
  tries(action, payload, id = `try-${this.asked.size}`) { return this.says(JSON.stringify([2, id, action, payload]), id); }

  async answer(action, payload) {
    this.heard.push({ action, payload, at: Date.now() });
    const given = this.answers[action];
    const answer = Array.isArray(given) ? given.shift() : given;
    if (answer === undefined) throw Object.assign(new Error(`${this.id} does not know ${action}`), { rpcErrorCode: 'NotImplemented' });
    if (answer instanceof Error) throw answer;
    return typeof answer === 'function' ? answer(payload) : answer;
  }

  /** The payload of the nth CALL of this action, as soon as it came. */
  async hears(action, nth = 1) {
    const of = () => this.heard.filter((call) => call.action === action);
    await until(`${this.id} to be asked for ${action}`, () => of().length >= nth);
    return of()[nth - 1].payload;
  }

  call(action, payload = {}) { return this.client.call(action, payload); }
  async close() { await this.client.close(); }
  /** The power goes: no close frame. */
  async dies() { await this.client.close({ force: true }).catch(() => {}); }

  /* --- the words of OCPP 1.6 §4 --- */

  boots(more = {}) { return this.call('BootNotification', { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2', ...more }); }
  beats() { return this.call('Heartbeat'); }
  reports(connectorId, status, more = {}) {
    return this.call('StatusNotification', { connectorId, errorCode: 'NoError', status, timestamp: now(), ...more });
  }
  async authorizes(idTag) { return (await this.call('Authorize', { idTag })).idTagInfo; }
  /** Half an hour ago, so that the 3 kWh until stops() are plausible. Ends with the answer: {transactionId, idTagInfo}. */
  starts(connectorId, idTag, { meterStart = 1000, timestamp = now(-1800), ...more } = {}) {
    return this.call('StartTransaction', { connectorId, idTag, meterStart, timestamp, ...more });
  }
  samples(connectorId, transactionId, value, timestamp = now()) {
    return this.call('MeterValues', { connectorId, transactionId, meterValue: [{ timestamp, sampledValue: [{ value: String(value) }] }] });
  }
  stops(transactionId, { meterStop = 4000, timestamp = now(), reason = 'Local', ...more } = {}) {
    return this.call('StopTransaction', { transactionId, meterStop, timestamp, reason, ...more });
  }

  /* --- states that cases begin with --- */

  async isAvailable(connectors = 2) {
    assert.equal((await this.boots()).status, 'Accepted');
    for (let connector = 0; connector <= connectors; connector++) await this.reports(connector, 'Available');
  }

  /** Charging, as the answer to the start says it: the transaction's id. */
  async isCharging(connector, idTag, more) {
    assert.equal((await this.authorizes(idTag)).status, 'Accepted');
    await this.reports(connector, 'Preparing');
    const { transactionId, idTagInfo } = await this.starts(connector, idTag, more);
    assert.equal(idTagInfo.status, 'Accepted');
    assert.ok(transactionId > 0);
    await this.reports(connector, 'Charging');
    return transactionId;
  }

  async endsCharging(connector, transactionId, reason, more) {
    assert.notEqual((await this.stops(transactionId, { reason, ...more })).idTagInfo?.status, 'Invalid');
    await this.reports(connector, 'Finishing');
    await this.reports(connector, 'Available');
  }
}

export class Operator {
  constructor(busbar, tenant = 'north') { Object.assign(this, { busbar, tenant }); }

  api(method, target, body, headers) { return this.busbar.api(this.tenant, method, target, body, headers); }
  async reads(target) {
    const { status, body } = await this.api('GET', target);
    assert.equal(status, 200, `${target}: ${JSON.stringify(body)}`);
    return body;
  }
  /** All items of a list, page by page. */
  async lists(target) {
    const items = [];
    for (let cursor = ''; cursor !== null;) {
      const page = await this.reads(`${target}${target.includes('?') ? '&' : '?'}limit=200${cursor && `&cursor=${cursor}`}`);
      items.push(...page.items);
      cursor = page.next_cursor ?? null;
    }
    return items;
  }
  async puts(target, body) {
    const answer = await this.api('PUT', target, body);
    assert.ok([200, 201].includes(answer.status), `${target}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
  token(uid, more = {}) { return this.puts(`/v1/tokens/${uid}`, { status: 'accepted', ...more }); }

  /** One command; its outcome as the API tells it. */
  async commands(station, action, payload = {}, query = '') {
    const { status, body } = await this.api('POST', `/v1/stations/${station.id}/commands/${action}${query}`, payload);
    assert.equal(status, 200, `${action}: ${JSON.stringify(body)}`);
    return body;
  }
  /** One command that the station heard just so, and what it said. */
  async sends(station, action, payload = {}) {
    const before = station.heard.filter((call) => call.action === action).length;
    const body = await this.commands(station, action, payload);
    assert.equal(body.outcome, 'answered', JSON.stringify(body));
    assert.deepEqual(await station.hears(action, before + 1), payload);
    return body.result;
  }
  /** What the latest command of this action came to. */
  sees(station, action, state) {
    return until(`${action} to be ${state}`, async () =>
      (await this.reads(`/v1/operations?station=${station.id}&action=${action}&limit=1`)).items[0]?.state === state);
  }

  async sessions(station) { return (await this.reads(`/v1/sessions?station=${station.id}`)).items; }
  async session(station) {
    const items = await this.sessions(station);
    assert.equal(items.length, 1, JSON.stringify(items));
    return items[0];
  }
  async connector(station, number) {
    const { connectors } = await this.reads(`/v1/stations/${station.id}`);
    return connectors.find((c) => c.connector_id === number);
  }
  /** The journal's frames, oldest first. */
  async journal(station, query = '') { return (await this.reads(`/v1/stations/${station.id}/messages?limit=200${query}`)).items.reverse(); }
}
