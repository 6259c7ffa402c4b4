// SPDX-License-Identifier: Apache-2.0
//
// Conversations of a station, and how they are broken: as JSON, as text, as WebSocket frames, as a TCP stream. All of it
// comes from a seed.
import { made, schemas } from './schema.mjs';

export function chance(seed) {
  let state = BigInt(seed) * 2n + 1n;
  const next = () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number(state >> 33n);
  };
  const below = (n) => next() % n;
  return { below, one: (list) => list[below(list.length)], percent: (n) => below(100) < n };
}

/* --- what is said --- */

const actions = ['Authorize', 'BootNotification', 'DataTransfer', 'DiagnosticsStatusNotification', 'FirmwareStatusNotification', 'Heartbeat',
  'MeterValues', 'StartTransaction', 'StatusNotification', 'StopTransaction', 'LogStatusNotification', 'SecurityEventNotification',
  'SignCertificate', 'SignedFirmwareStatusNotification'];

/** Its id is such that a changed character does not make it another's. */
export function validCall(c, number) {
  const action = c.one(actions);
  return [2, `m${number}-${(number * 7919) % 9973}`, action, made(schemas.get(`${action}.req`), c.percent(50))];
}

export function validAnswer(c, id, action) {
  if (c.percent(20)) return [4, id, c.one(['NotSupported', 'InternalError', 'GenericError']), 'no', {}];
  return [3, id, made(schemas.get(`${action}.conf`), c.percent(50))];
}

/* --- JSON --- */

const text = (c) => c.one(['', ' ', '\u0000', '\ud83d\ude00', '\u202e', 'é', '\uffff', '\\', '"', "';drop table x;--", '../../etc', '2026-11-27T00:00:00',
  '9'.repeat(400), 'NaN', '-0', 'x'.repeat(c.one([20, 21, 36, 37, 255, 256, 5000])), '%s%n', '\r\n', '0'.repeat(17000)]);
const number = (c) => c.one([0, -1, 1, 1.5, -0.1, 255, 256, 65536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53, 1e20, 1e308, 1e-320]);
const deep = (levels, open, close) => JSON.parse(`${open.repeat(levels)}1${close.repeat(levels)}`);
const value = (c) => c.one([() => null, () => true, () => text(c), () => number(c), () => [], () => ({}), () => [text(c), number(c)],
  () => ({ [text(c)]: number(c) }), () => deep(c.one([3, 63, 64, 65, 200]), '[', ']'), () => deep(c.one([3, 70]), '{"a":', '}')])();

/** One change somewhere inside. */
function changed(v, c) {
  if (v === null || typeof v !== 'object' || c.percent(15)) return value(c);
  const copy = Array.isArray(v) ? [...v] : { ...v }, keys = Object.keys(copy);
  if (keys.length === 0 || c.percent(10)) {
    if (Array.isArray(copy)) copy.push(value(c));
    else copy[text(c)] = value(c);
    return copy;
  }
  const key = c.one(keys);
  if (Array.isArray(copy) && c.percent(20)) return [...copy, ...Array(c.one([1, 2, 100])).fill(copy[key])];
  if (c.percent(20)) {
    if (Array.isArray(copy)) copy.splice(Number(key), 1);
    else delete copy[key];
    return copy;
  }
  copy[key] = changed(copy[key], c);
  return copy;
}

const rewritings = [
  (t, c) => t.slice(0, c.below(t.length + 1)),
  (t, c) => { const at = c.below(t.length), b = Buffer.from(t); b[at] ^= 1 << c.below(8); return b; },
  (t, c) => { const at = c.below(t.length); return t.slice(0, at) + t.slice(c.below(t.length)) + t.slice(at); },
  (t, c) => Buffer.concat([Buffer.from(t), Buffer.from([c.one([0, 0x80, 0xc0, 0xff, 0xed, 0x20])])]),
  (t, c) => t.replace(/"([^"]*)"/, (whole, inner) => `"${c.one(['\\ud800', '\\u0000', '\\x', '\\uD83D\\uDE00', '\t'])}${inner}"`),
  (t, c) => t.replace(/\d+/, () => c.one(['1e400', '-', '00', '18446744073709551616', '9223372036854775807', '0x10', '1.', '+1', '1e', `${'9'.repeat(300)}`])),
  (t) => t.replace(/\{("[^"]+":)/, (whole, member) => `{${member}1,${member}`),
  (t, c) => t.replace(/([,:[{])/g, (mark) => mark + c.one(['', ' ', '\n', '\t'])),
  (t, c) => c.one(['', '[', '[]', 'null', '[2]', '[3,""]', '[[[[', '{}', '[2,"a","b"]', '﻿[2,"a","Heartbeat",{}]', '[5,"a","b",{}]', '[2,"","Heartbeat",{}]']),
  (t, c) => 'x'.repeat(c.one([1, 4096, 70000, 300000])),
];

/** The text, or the bytes, of a frame that was fine before. */
export function broken(frame, c) {
  let f = frame;
  for (let times = c.below(3); times >= 0; times--) f = Array.isArray(f) && c.percent(75) ? [...f.slice(0, 3), ...f.slice(3).map((p) => changed(p, c))] : changed(f, c);
  const written = JSON.stringify(f) ?? 'undefined';
  return c.percent(25) && written.length > 0 ? c.one(rewritings)(written, c) : written;
}

/* --- WebSocket frames (RFC 6455 §5.2) --- */

export function wsFrame(c, opcode, payload, { fin = true, rsv = 0, masked = true, lie } = {}) {
  const body = Buffer.from(payload), length = lie ?? body.length, head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const wide = c.percent(3) ? c.one([126, 127]) : length < 126 ? 0 : length < 65536 ? 126 : 127; // sometimes wider than needed
  const size = Buffer.alloc(wide === 127 ? 8 : wide === 126 ? 2 : 0);
  if (wide === 127) size.writeBigUInt64BE(BigInt(length));
  else if (wide === 126) size.writeUInt16BE(length & 0xffff);
  head.push((masked ? 0x80 : 0) | (wide || length));
  if (!masked) return Buffer.concat([Buffer.from(head), size, body]);
  const mask = Buffer.from([c.below(256), c.below(256), c.below(256), c.below(256)]);
  return Buffer.concat([Buffer.from(head), size, mask, body.map((b, i) => b ^ mask[i % 4])]);
}

function fragments(c, payload) {
  const parts = [], body = Buffer.from(payload);
  for (let at = 0; at < body.length || parts.length === 0;) {
    const end = Math.min(body.length, at + 1 + c.below(Math.max(1, Math.ceil(body.length / 3))));
    parts.push(wsFrame(c, parts.length === 0 ? 1 : 0, body.subarray(at, end), { fin: end >= body.length }));
    if (c.percent(20)) parts.push(wsFrame(c, c.one([9, 10]), 'x'.repeat(c.below(126)))); // control frames may come between
    at = end;
    if (body.length === 0) break;
  }
  return parts;
}

const violations = [
  (c, body) => wsFrame(c, 1, body, { masked: false }),
  (c, body) => wsFrame(c, 1, body, { rsv: 1 + c.below(7) }),
  (c, body) => wsFrame(c, c.one([3, 4, 5, 6, 7, 11, 15]), body),
  (c, body) => wsFrame(c, 0, body),
  (c) => wsFrame(c, 9, 'x'.repeat(126 + c.below(200))),
  (c) => wsFrame(c, 9, 'x', { fin: false }),
  (c) => wsFrame(c, 8, Buffer.from([c.below(256)])),
  (c) => wsFrame(c, 8, Buffer.concat([Buffer.from([c.below(256), c.below(256)]), Buffer.from([0xff, 0xfe])])),
  (c, body) => wsFrame(c, 1, body, { lie: c.one([2 ** 40, 2 ** 53 - 1, 300000]) }),
  (c, body) => wsFrame(c, 2, body),
  (c, body) => Buffer.concat([wsFrame(c, 1, body, { fin: false }), wsFrame(c, 1, body)]),
  (c) => Buffer.from(Array.from({ length: 1 + c.below(64) }, () => c.below(256))),
];

/** The bytes of a message, in parts that are written one by one; now and then the frames themselves are wrong. */
export function onTheWire(c, payload) {
  if (c.percent(4)) return [c.one(violations)(c, payload)];
  const frames = c.percent(25) ? fragments(c, payload) : [wsFrame(c, 1, payload)];
  if (!c.percent(15)) return frames;
  const bytes = Buffer.concat(frames), cut = c.below(bytes.length);
  return [bytes.subarray(0, cut), bytes.subarray(cut)];
}
