// SPDX-License-Identifier: Apache-2.0
//
// What a frame of a central system must be: valid by the JSON schemas of OCPP 1.6 and of the Security Whitepaper (npm
// ocpp-rpc), its keys in the schema's order and no blanks between them, since some testers compare raw text.
import { require } from './lib.mjs';

const Ajv = require('ajv');
const addFormats = require('ajv-formats');
const list = require('ocpp-rpc/lib/schemas/ocpp1_6.json');

export const schemas = new Map(list.map((schema) => [schema.$id.replace('urn:', ''), schema]));

const ajv = new Ajv({ strictSchema: false, allErrors: true });
addFormats(ajv);
ajv.removeKeyword('multipleOf'); // 0.1 has no exact binary form
ajv.addKeyword({ keyword: 'multipleOf', type: 'number', compile: (step) => (n) => Math.abs(Math.round(n / step) - n / step) < 1e-6 });
const validators = new Map(list.map(({ $id, ...schema }) => [$id.replace('urn:', ''), ajv.compile(schema)]));

export const resolve = (schema, top) => (schema?.$ref ? top.definitions[schema.$ref.replace('#/definitions/', '')] : schema);

function orderFaults(value, schema, top, at = '') {
  schema = resolve(schema, top);
  if (Array.isArray(value)) return value.flatMap((item, i) => orderFaults(item, schema?.items, top, `${at}/${i}`));
  if (value === null || typeof value !== 'object' || !schema?.properties) return [];
  const wanted = Object.keys(schema.properties).filter((key) => key in value), found = Object.keys(value);
  return [
    ...(wanted.join() === found.filter((key) => key in schema.properties).join() ? [] : [`${at}: ${found} instead of ${wanted}`]),
    ...found.flatMap((key) => orderFaults(value[key], schema.properties[key], top, `${at}/${key}`)),
  ];
}

const texts = { 'date-time': () => new Date().toISOString(), uri: () => 'https://files.test/a' };

/** A payload with all members (most) or with the required ones alone. */
export function made(schema, most, top = schema, name = '') {
  schema = resolve(schema, top);
  if (schema.type === 'object') {
    const names = most ? Object.keys(schema.properties ?? {}) : (schema.required ?? []);
    return Object.fromEntries(Object.keys(schema.properties ?? {}).filter((n) => names.includes(n)).map((n) => [n, made(schema.properties[n], most, top, n)]));
  }
  if (schema.type === 'array') return Array.from({ length: most ? 2 : 1 }, () => made(schema.items, most, top, name));
  if (schema.enum) return schema.enum[most ? schema.enum.length - 1 : 0];
  if (schema.type === 'string') return texts[/location$/i.test(name) ? 'uri' : schema.format]?.() ?? '7'.repeat(most ? Math.min(schema.maxLength ?? 20, 200) : 1);
  return { integer: most ? 3 : 1, number: 16.5, boolean: true }[schema.type];
}

/** What is wrong with a payload: name is Action.req or Action.conf. */
export function payloadFaults(name, payload) {
  const schema = schemas.get(name);
  if (!schema) return [`no such message: ${name}`];
  const validate = validators.get(name);
  return validate(payload) ? orderFaults(payload, schema, schema) : validate.errors.map((e) => `${e.instancePath} ${e.message}`);
}

const errorCodes = new Set(['NotImplemented', 'NotSupported', 'InternalError', 'ProtocolError', 'SecurityError', 'FormationViolation',
  'PropertyConstraintViolation', 'OccurenceConstraintViolation', 'TypeConstraintViolation', 'GenericError']);

function errorFaults([, , code, description, details, ...more]) {
  return [
    ...(errorCodes.has(code) ? [] : [`the error code ${code}`]),
    ...(typeof description === 'string' && [...description].length <= 255 ? [] : ['the description of the error']),
    ...(details && typeof details === 'object' && !Array.isArray(details) && more.length === 0 ? [] : ['the details of the error']),
  ];
}

/** What is wrong with a raw frame of the central system. actionOf(id) names the CALL that it answers. */
export function frameFaults(text, actionOf) {
  if (/\s/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'))) return ['blanks between its tokens'];
  const frame = JSON.parse(text);
  const [type, id] = frame;
  if (!Array.isArray(frame) || typeof id !== 'string') return ['no type and id'];
  if (type === 4) return errorFaults(frame);
  if (type === 2 && (id.length === 0 || id.length > 36)) return ['a message id has 1 to 36 characters']; // an answer echoes any
  if (type === 2) return frame.length === 4 ? payloadFaults(`${frame[2]}.req`, frame[3]) : ['a CALL has four elements'];
  if (type !== 3 || frame.length !== 3) return ['neither CALL nor CALLRESULT nor CALLERROR'];
  const action = actionOf(id);
  return action ? payloadFaults(`${action}.conf`, frame[2]) : ['it answers nothing that was asked'];
}
