// SPDX-License-Identifier: Apache-2.0
//
// The conventions of the REST API: pages, ETags, idempotency, problems, its own description.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, root } from './lib.mjs';

const require = createRequire(path.join(process.env.NODE_FOLDER ?? path.join(root, 'build/node'), 'package.json'));
const Ajv = require('ajv/dist/2020').default;
const addFormats = require('ajv-formats').default;

let busbar;
before(async () => { busbar = await Busbar.start(); });
after(async () => { await busbar?.stop(); });
const api = (...args) => busbar.api('north', ...args);

test('lists page through everything exactly once, by cursor and by Link', async () => {
  for (let i = 0; i < 23; i++) await api('PUT', `/v1/tokens/T${String(i).padStart(3, '0')}`, { status: 'accepted' });
  const seen = [];
  let next = '/v1/tokens?limit=5&q=T0';
  while (next) {
    const page = await api('GET', next);
    assert.equal(page.status, 200);
    seen.push(...page.body.items.map((t) => t.uid));
    next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
    assert.equal(Boolean(next), Boolean(page.body.next_cursor));
    if (seen.length === 5) await api('PUT', '/v1/tokens/T0000', { status: 'accepted' }); // arrives before the cursor
  }
  assert.equal(seen.length, 23);
  assert.equal(new Set(seen).size, 23);
});

test('what is wrong with a query or a body is said by name', async () => {
  const cases = [
    ['GET', '/v1/tokens?limit=0', undefined, 400, /limit/],
    ['GET', '/v1/tokens?limit=201', undefined, 400, /limit/],
    ['GET', '/v1/tokens?limit=x', undefined, 400, /limit/],
    ['GET', '/v1/tokens?colour=red', undefined, 400, /colour/],
    ['GET', '/v1/tokens?limit=5&limit=6', undefined, 400, /limit/],
    ['GET', '/v1/tokens?cursor=%21%21', undefined, 400, /cursor/],
    ['GET', '/v1/sessions?open=perhaps', undefined, 400, /open/],
    ['GET', '/v1/sessions?from=yesterday', undefined, 400, /from/],
    ['PUT', '/v1/tokens/A', '{"status": "accepted"', 400, /line 1/],
    ['PUT', '/v1/tokens/A', '{"status": "accepted", "status": "blocked"}', 400, /./],
    ['PUT', '/v1/tokens/A', { status: 'perhaps' }, 422, /accepted/],
    ['PUT', '/v1/tokens/A', { status: 'accepted', colour: 'red' }, 422, /colour/],
    ['PUT', `/v1/tokens/${'x'.repeat(21)}`, { status: 'accepted' }, 422, /20/],
    ['PUT', '/v1/stations/S', { password: 'short' }, 422, /password/],
    ['PUT', '/v1/stations/S', { location_id: 'nowhere' }, 422, /location/],
    ['PUT', '/v1/locations/L', { name: 'L', country: 'Germany' }, 422, /country/],
    ['PUT', '/v1/locations/L', { name: 'L', latitude: 91 }, 422, /latitude/],
    ['PUT', '/v1/locations/L', { name: 'L', time_zone: 'Europe/Atlantis' }, 422, /time_zone/],
    ['GET', '/v1/sessions?station=', undefined, 400, /station/],
    ['GET', '/v1/sessions?token=', undefined, 400, /token/],
    ['GET', '/v1/sessions?location=', undefined, 400, /location/],
    ['GET', '/v1/stations?location=', undefined, 400, /location/],
    ['GET', '/v1/audit?object=', undefined, 400, /object/],
    ['GET', `/v1/sessions?cursor=${Buffer.from('00000000-0000-4000-8000-000000000000').toString('hex')}`, undefined, 400, /bad-cursor/],
    ['GET', `/v1/sessions?cursor=${Buffer.from('ST-1').toString('hex')}`, undefined, 400, /bad-cursor/],
    ['GET', `/v1/cdrs?cursor=${Buffer.from('ST-1').toString('hex')}`, undefined, 400, /bad-cursor/],
    ['GET', `/v1/reviews?cursor=${Buffer.from('ST-1').toString('hex')}`, undefined, 400, /bad-cursor/],
    ['GET', `/v1/dead-letters?cursor=${Buffer.from('ST-1').toString('hex')}`, undefined, 400, /bad-cursor/],
    ['GET', `/v1/exports?cursor=${Buffer.from('ST-1').toString('hex')}`, undefined, 400, /bad-cursor/],
    ['GET', `/v1/exports?cursor=${Buffer.from('00000000-0000-4000-8000-000000000000').toString('hex')}`, undefined, 400, /bad-cursor/],
    ['GET', '/v1/connection-attempts?limit=0', undefined, 400, /limit/],
    ['GET', '/v1/connection-attempts?limit=201', undefined, 400, /limit/],
    ['GET', '/v1/connection-attempts?limit=-1', undefined, 400, /limit/],
    ['GET', '/v1/connection-attempts?cursor=6162', undefined, 400, /cursor/],
    ['POST', '/v1/stations/S/commands/Reset?timeout_ms=-1', { type: 'Soft' }, 400, /timeout_ms/],
    ['POST', '/v1/stations/S/commands/Reset?timeout_ms=600001', { type: 'Soft' }, 400, /timeout_ms/],
    ['POST', '/v1/stations/S/commands/Reset?timeout_ms=-9223372036854775808', { type: 'Soft' }, 400, /timeout_ms/],
    ['POST', '/v1/exports', { station: '' }, 422, /station/],
    ['POST', '/v1/exports', { token: '' }, 422, /token/],
    ['POST', '/v1/exports', { location: '' }, 422, /location/],
    ['PUT', '/v1/stations/S', { admission: null }, 422, /admission/],
    ['POST', '/v1/tokens', {}, 405, /./],
    ['GET', '/v1/no-such', undefined, 404, /./],
  ];
  for (const [method, target, body, status, text] of cases) {
    const answer = await api(method, target, body);
    assert.equal(answer.status, status, `${method} ${target}: ${answer.bytes}`);
    assert.match(answer.headers.get('content-type'), /application\/problem\+json/);
    assert.match(answer.bytes.toString(), text);
    assert.equal(answer.body.status, status);
    assert.ok(answer.body.title && answer.body.code && answer.body.trace_id);
  }
  const typed = await api('PUT', '/v1/tokens/A', 'status=accepted', { 'content-type': 'application/x-www-form-urlencoded' });
  assert.equal(typed.status, 415);
  assert.equal((await api('GET', '/v1/tokens/A')).status, 404, 'nothing was half applied');
});

test('changes are conditional when asked, and merge', async () => {
  const created = await api('PUT', '/v1/tokens/TAG', { status: 'accepted', label: 'mine', parent_uid: 'FAMILY' }, { 'if-none-match': '*' });
  assert.equal(created.status, 201);
  assert.match(created.headers.get('location'), /\/v1\/tokens\/TAG$/);
  assert.equal((await api('PUT', '/v1/tokens/TAG', { status: 'accepted' }, { 'if-none-match': '*' })).status, 412);
  const read = await api('GET', '/v1/tokens/TAG');
  const etag = read.headers.get('etag');
  assert.equal((await api('GET', '/v1/tokens/TAG', undefined, { 'if-none-match': etag })).status, 304);
  const changed = await api('PUT', '/v1/tokens/TAG', { status: 'blocked' }, { 'if-match': etag });
  assert.equal(changed.status, 200);
  assert.equal(changed.body.label, 'mine', 'what is left out stays');
  assert.notEqual(changed.headers.get('etag'), etag);
  assert.equal((await api('PUT', '/v1/tokens/TAG', { status: 'accepted' }, { 'if-match': etag })).status, 412, 'somebody was faster');
  const cleared = await api('PUT', '/v1/tokens/TAG', { label: null });
  assert.equal(cleared.body.label, undefined);
  assert.equal(cleared.body.parent_uid, 'FAMILY');
  assert.equal((await api('DELETE', '/v1/tokens/TAG', undefined, { 'if-match': etag })).status, 412);
  assert.equal((await api('DELETE', '/v1/tokens/TAG')).status, 204);
  assert.equal((await api('GET', '/v1/tokens/TAG')).status, 404);
});

test('null removes members of a station, and what a read gave can be written back', async () => {
  await api('PUT', '/v1/locations/yard', { name: 'Yard', city: 'Kiel', country: 'DEU', latitude: 54.3 });
  const full = (await api('PUT', '/v1/stations/NULLED', { name: 'One', location_id: 'yard', password: 'long enough' })).body;
  assert.deepEqual([full.name, full.location_id, full.has_password], ['One', 'yard', true]);
  await api('PUT', '/v1/tokens/BACK', { status: 'accepted', label: 'mine', expires_at: '2030-01-01T00:00:00Z', max_open_sessions: 2 });
  busbar.sql("insert into charging.connector (tenant_id, station_id, connector_id) values ('north', 'NULLED', 1)");
  const writable = (object) => ({ ...object, updated_at: undefined, connectors: undefined });
  for (const target of ['/v1/stations/NULLED', '/v1/tokens/BACK', '/v1/locations/yard']) {
    const read = await api('GET', target);
    const written = await api('PUT', target, read.body, { 'if-match': read.headers.get('etag') });
    assert.equal(written.status, 200, written.bytes.toString());
    assert.deepEqual(writable(written.body), writable(read.body));
  }
  const [connector] = (await api('GET', '/v1/stations/NULLED/connectors')).body.items;
  busbar.sql("insert into charging.connector (tenant_id, station_id, connector_id) values ('north', 'NULLED', 2)");
  const first = (await api('GET', '/v1/stations/NULLED/connectors?limit=1')).body;
  assert.deepEqual(first.items.map((c) => c.connector_id), [1]);
  const second = (await api('GET', `/v1/stations/NULLED/connectors?limit=2&cursor=${first.next_cursor}`)).body;
  assert.deepEqual([second.items.map((c) => c.connector_id), second.next_cursor], [[2], undefined]);
  assert.equal((await api('GET', '/v1/stations/NULLED/connectors?cursor=39')).body.code, 'bad-cursor');
  const labelled = await api('PUT', '/v1/stations/NULLED/connectors/1', { ...connector, label: 'left', connector_id: 7 });
  assert.equal(labelled.status, 200, labelled.bytes.toString());
  assert.deepEqual(labelled.body, { ...connector, label: 'left' });
  const one = (await api('PUT', '/v1/stations/NULLED', { name: null })).body;
  assert.deepEqual([one.name, one.location_id, one.has_password], [undefined, 'yard', true]);
  const none = (await api('PUT', '/v1/stations/NULLED', { location_id: null, password: null, model: 'made up' })).body;
  assert.deepEqual([none.location_id, none.has_password, none.model], [undefined, false, undefined]);
});

test('a token without a status is accepted', async () => {
  assert.equal((await api('PUT', '/v1/tokens/PLAIN', {})).body.status, 'accepted');
});

test('a POST with an Idempotency-Key happens once', async () => {
  const post = (body, key) => api('POST', '/v1/exports', body, { 'idempotency-key': key });
  const first = await post({ format: 'csv' }, 'key-1');
  const again = await post({ format: 'csv' }, 'key-1');
  assert.equal(first.status, 202);
  assert.equal(again.status, 202);
  assert.equal(again.body.id, first.body.id);
  assert.equal(again.headers.get('location'), first.headers.get('location'));
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.equal((await post({ format: 'xlsx' }, 'key-1')).status, 422);
  assert.notEqual((await post({ format: 'csv' }, 'key-2')).body.id, first.body.id);
  const newest = (await api('GET', '/v1/exports?limit=1')).body;
  assert.equal((await api('GET', `/v1/exports?limit=1&cursor=${newest.next_cursor}`)).body.items[0].id, first.body.id);
  assert.equal((await post({ format: 'csv' }, '')).status, 400);
});

test('API keys are shown once, scoped, and revoked at once', async () => {
  const made = await api('POST', '/v1/api-keys', { name: 'reader', scopes: ['stations:read', 'tokens:*'] });
  assert.equal(made.status, 201);
  assert.match(made.body.key, /^bb_live_[0-9a-f]{12}_[0-9a-f]{40}$/);
  const as = (method, target, body) => api(method, target, body, { authorization: `Bearer ${made.body.key}` });
  assert.equal((await as('GET', '/v1/stations')).status, 200);
  assert.equal((await as('PUT', '/v1/tokens/BYKEY', { status: 'accepted' })).status, 201);
  assert.equal((await as('GET', '/v1/sessions')).status, 403);
  assert.equal((await as('POST', '/v1/api-keys', { name: 'x', scopes: ['*'] })).status, 403);
  assert.equal((await api('POST', '/v1/api-keys', { name: 'x', scopes: ['Not A Scope'] })).body.errors[0].pointer, '/scopes/0');
  const listed = (await api('GET', '/v1/api-keys')).body.items.find((k) => k.id === made.body.id);
  assert.equal(listed.key, undefined);
  assert.equal((await api('DELETE', `/v1/api-keys/${made.body.id}`)).status, 204);
  assert.equal((await as('GET', '/v1/stations')).status, 401);
  assert.deepEqual(busbar.sql(`select action, object from core.audit where object = '${made.body.id}' order by 1`),
    [['api_key.create', made.body.id], ['api_key.revoke', made.body.id]]);
});

test('keys are given and taken only by those who hold as much, and one with all scopes stays', async () => {
  const make = (body, headers) => api('POST', '/v1/api-keys', { name: 'x', ...body }, headers);
  const refused = async (answer, status, code) => {
    assert.equal(answer.status, status, answer.bytes.toString());
    if (code) assert.equal(answer.body.code, code);
    return answer.body;
  };
  await refused(await make({ scopes: ['a:b'] }, { 'idempotency-key': 'k' }), 400, 'idempotency-not-supported');
  assert.equal((await refused(await make({ scopes: ['a:b'], expires_at: '2020-01-01T00:00:00Z' }), 422)).errors[0].pointer, '/expires_at');
  assert.match((await refused(await make({ scopes: ['charge-points:read'] }), 422)).errors[0].detail, /lower-case letters, digits and underscores/);
  const keeper = (await make({ scopes: ['api_keys:*', 'tokens:read'] })).body;
  const equal = (await make({ scopes: ['tokens:read'] })).body;
  const more = (await make({ scopes: ['tokens:read', 'tokens:write'] })).body;
  const revoke = (key, id) => api('DELETE', `/v1/api-keys/${id}`, undefined, { authorization: `Bearer ${key}` });
  await refused(await revoke(keeper.key, more.id), 403, 'scope-beyond-own');
  assert.equal((await revoke(keeper.key, equal.id)).status, 204);
  const full = (await api('GET', '/v1/api-keys')).body.items.filter((k) => k.scopes.includes('*') && !k.revoked_at);
  assert.equal(full.length, 1);
  await refused(await revoke(keeper.key, full[0].id), 403, 'scope-beyond-own');
  await refused(await api('DELETE', `/v1/api-keys/${full[0].id}`), 409, 'last-full-key');
  const second = (await make({ scopes: ['*'] })).body;
  const both = await Promise.all([revoke(second.key, full[0].id), api('DELETE', `/v1/api-keys/${second.id}`)]);
  assert.equal(both.filter((a) => a.status === 204).length, 1, both.map((a) => a.status).join());
  busbar.sql(`update identity.api_key set revoked_at = null where tenant_id = 'north' and id = '${full[0].id}'`);
  await refused(await api('DELETE', '/v1/api-keys/nobody'), 404);
  await refused(await api('GET', '/v1/api-keys?cursor=6162'), 400, 'bad-cursor');
});

test('the audit log tells who changed what, newest first, page by page', async () => {
  for (let i = 0; i < 5; i++) await api('PUT', '/v1/tokens/AUDITED', { status: 'accepted', label: `n${i}` });
  const seen = [];
  let next = '/v1/audit?limit=2&object=AUDITED';
  while (next) {
    const page = await api('GET', next);
    assert.equal(page.status, 200, page.bytes.toString());
    seen.push(...page.body.items);
    next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
  }
  assert.equal(seen.length, 5);
  assert.ok(seen.every((e) => e.object === 'AUDITED' && /^token\./.test(e.action) && /^key:/.test(e.actor)));
  assert.ok(seen.every((e, i) => i === 0 || e.at <= seen[i - 1].at));
  assert.equal((await api('GET', '/v1/audit?cursor=bm9uc2Vuc2U=')).status, 400);
  assert.throws(() => busbar.sql("delete from core.audit"), /append only/);
});

test('an event that a plugin cannot handle becomes a dead letter that can be replayed', async () => {
  busbar.sql(`insert into core.dead_letter (tenant_id, id, event_id, plugin, topic, key, payload, error, attempts, created_at)
    values ('north', gen_random_uuid(), gen_random_uuid(), 'export', 'session.ended', 'x', '{}', 'a test', 10, now())`);
  const { items } = (await api('GET', '/v1/dead-letters')).body;
  assert.equal(items.length, 1);
  assert.equal(items[0].error, 'a test');
  assert.equal((await busbar.api('south', 'GET', '/v1/dead-letters')).body.items.length, 0);
  assert.equal((await busbar.api('south', 'POST', `/v1/dead-letters/${items[0].id}/replay`)).status, 404);
  assert.equal((await api('POST', `/v1/dead-letters/${items[0].id}/replay`)).status, 202);
  assert.equal((await api('POST', '/v1/dead-letters/nonsense/replay')).status, 404);
});

test('openapi.json describes the answers as they are', async () => {
  const described = (await api('GET', '/v1/openapi.json')).body;
  assert.equal(described.openapi, '3.1.0');
  const ajv = new Ajv({ strict: false });
  addFormats(ajv);
  ajv.addSchema({ $id: 'api', components: described.components });
  await api('PUT', '/v1/locations/harbour', { name: 'Harbour', latitude: 54.3157, longitude: 10.1386 });
  await api('PUT', '/v1/stations/ST-1', { name: 'One', location_id: 'harbour' });
  await api('PUT', '/v1/tokens/DESCRIBED', { status: 'accepted', expires_at: '2030-01-01T00:00:00Z' });
  const ids = new Set();
  let checked = 0;
  for (const [template, methods] of Object.entries(described.paths)) {
    for (const operation of Object.values(methods)) {
      assert.ok(operation.operationId && !ids.has(operation.operationId), operation.operationId);
      ids.add(operation.operationId);
    }
    const schema = methods.get?.responses?.['200']?.content?.['application/json']?.schema;
    if (!schema) continue;
    // What a query must have is told, too.
    const required = (methods.get.parameters ?? []).filter((p) => p.in === 'query' && p.required).map((p) => `${p.name}=${{ station: 'ST-1' }[p.name]}`);
    const target = (required.length ? `${template}?${required.join('&')}` : template).replace('/v1/locations/{id}', '/v1/locations/harbour').replace('/v1/stations/{id}', '/v1/stations/ST-1').replace('{uid}', 'DESCRIBED');
    if (target.includes('{')) continue;
    const answer = await api('GET', target);
    if (answer.status === 409) continue; // of a station that would have to be connected
    assert.equal(answer.status, 200, target);
    const text = JSON.stringify(schema).replaceAll('"#/components', '"api#/components');
    const validate = ajv.compile(JSON.parse(text));
    assert.ok(validate(answer.body), `${target}: ${ajv.errorsText(validate.errors)}`);
    checked++;
  }
  assert.ok(checked >= 25, `${checked} checked`);
});

test('answers are compressed when the client can take it', async () => {
  const { default: http } = await import('node:http');
  const get = (encoding) => new Promise((resolve) => http.get(`${busbar.base('north')}/v1/openapi.json`, { headers: { 'accept-encoding': encoding } }, (res) => {
    let bytes = 0;
    res.on('data', (d) => { bytes += d.length; }).on('end', () => resolve({ headers: res.headers, bytes }));
  }));
  const [plain, gzip, no] = [await get('identity'), await get('gzip, br;q=0.1'), await get('gzip;q=0')];
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.equal(no.headers['content-encoding'], undefined);
  assert.equal(gzip.headers['content-encoding'], 'gzip');
  assert.match(gzip.headers.vary, /accept-encoding/i);
  assert.ok(gzip.bytes * 3 < plain.bytes);
});

test('a bootstrap key that was revoked stays so, and the start says it', async () => {
  const { key } = (await busbar.api('south', 'POST', '/v1/api-keys', { name: 'heir', scopes: ['*'] })).body;
  const id = busbar.keys.south.slice('bb_live_'.length).split('_')[0];
  assert.equal((await busbar.api('south', 'DELETE', `/v1/api-keys/${id}`)).status, 204);
  const warnings = () => busbar.logLines().filter((line) => JSON.stringify(line).includes('identity.bootstrap_key'));
  assert.equal(warnings().length, 0);
  busbar.process.kill('SIGTERM');
  await busbar.exited;
  await busbar.launch();
  assert.equal(warnings().length, 1);
  assert.match(JSON.stringify(warnings()[0]), new RegExp(`was revoked.*${id}`));
  assert.equal((await busbar.api('south', 'GET', '/v1/stations')).status, 401);
  assert.equal((await busbar.api('south', 'GET', '/v1/stations', undefined, { authorization: `Bearer ${key}` })).status, 200);
});
