// SPDX-License-Identifier: Apache-2.0
//
// No tenant sees another's data, by any table and any route; generated from the catalog and from openapi.json, so that a
// table or a route that comes later is covered without anybody thinking of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar } from './lib.mjs';

let busbar;
before(async () => {
  busbar = await Busbar.start();
  await busbar.api('north', 'PUT', '/v1/locations/harbour', { name: 'Harbour' });
  await busbar.api('north', 'PUT', '/v1/stations/ST-1', { name: 'One', location_id: 'harbour' });
  await busbar.api('north', 'PUT', '/v1/tokens/CARD1', { status: 'accepted' });
});
after(async () => { await busbar?.stop(); });

test('row-level security is enabled and forced on every table with a tenant column', () => {
  const rows = busbar.sql(`select n.nspname || '.' || c.relname, c.relrowsecurity, c.relforcerowsecurity,
      (select count(*) from pg_policy p where p.polrelid = c.oid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    where c.relkind in ('r', 'p') and a.attname = 'tenant_id' and not a.attisdropped and n.nspname not like 'pg_%' order by 1`);
  assert.ok(rows.length >= 10, `${rows.length} tables`);
  for (const [table, enabled, forced, policies] of rows) {
    assert.deepEqual([table, enabled, forced, Number(policies) > 0], [table, 't', 't', true]);
  }
});

test('every table has a tenant column but the few that belong to the house', () => {
  const rows = busbar.sql(`select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname not like 'pg_%' and n.nspname <> 'information_schema'
    and not exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') order by 1`).flat();
  assert.deepEqual(rows.filter((table) => !/^core\.(migration|node|schema_.*)$/.test(table)), []);
});

test('the runtime role can neither bypass the policies nor own anything', () => {
  const roles = busbar.sql(`select r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole,
      (select count(*) from pg_class c where c.relowner = r.oid) from pg_roles r
    where r.rolcanlogin and r.rolname <> current_user and not r.rolsuper and exists (select 1 from pg_stat_activity s where s.usename = r.rolname)`);
  assert.ok(roles.length >= 1, 'the pool\'s role is connected');
  for (const [, superuser, bypass, createrole, owned] of roles) assert.deepEqual([superuser, bypass, createrole, owned], ['f', 'f', 'f', '0']);
});

test('the policy raises when no tenant is set, and shows nothing of another', () => {
  const role = busbar.sql("select usename from pg_stat_activity where usename <> current_user and usename is not null and backend_type = 'client backend' limit 1")[0][0];
  const as = (set, query) => busbar.sql(`begin; set local role ${role}; ${set} ${query}; rollback`);
  assert.throws(() => as('', 'select count(*) from charging.station'), /tenant/);
  assert.throws(() => as("select set_config('busbar.tenant', '', true);", 'select count(*) from charging.station'), /tenant/);
  assert.deepEqual(as("select set_config('busbar.tenant', 'south', true);", 'select count(*) from charging.station').at(-1), ['0']);
  assert.deepEqual(as("select set_config('busbar.tenant', 'north', true);", 'select count(*) from charging.station').at(-1), ['1']);
  assert.throws(() => as("select set_config('busbar.tenant', 'south', true);", "insert into charging.location (tenant_id, location_id, name) values ('north', 'x', 'x')"), /row-level security/);
});

test('every route refuses without a key, with another tenant\'s key, and with a key that lacks the scope', async () => {
  const described = (await busbar.api('north', 'GET', '/v1/openapi.json')).body;
  const weak = (await busbar.api('north', 'POST', '/v1/api-keys', { name: 'weak', scopes: ['nothing:read'] })).body.key;
  let routes = 0;
  for (const [template, methods] of Object.entries(described.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const scope = operation['x-required-scope'];
      if (!scope) continue;
      routes++;
      const target = template.replace(/\{[^}]+\}/g, 'x');
      const send = (headers) => busbar.api('north', method.toUpperCase(), target, ['post', 'put', 'patch'].includes(method) ? {} : undefined, headers);
      assert.equal((await send({ authorization: null })).status, 401, `${method} ${template} without a key`);
      assert.equal((await send({ authorization: `Bearer ${busbar.keys.south}` })).status, 401, `${method} ${template} with a foreign key`);
      assert.equal((await send({ authorization: `Bearer ${weak}` })).status, 403, `${method} ${template} without ${scope}`);
    }
  }
  assert.ok(routes >= 25, `${routes} routes`);
});

test('another tenant\'s objects are 404, exactly like objects that never were', async () => {
  for (const target of ['/v1/stations/ST-1', '/v1/locations/harbour', '/v1/tokens/CARD1', '/v1/stations/ST-1/connectors']) {
    assert.equal((await busbar.api('north', 'GET', target)).status, 200, target);
    const there = await busbar.api('south', 'GET', target);
    const nowhere = await busbar.api('south', 'GET', target.replace('ST-1', 'ST-9').replace('harbour', 'desert').replace('CARD1', 'CARD9'));
    assert.equal(there.status, 404, target);
    const same = ({ status, body: { trace_id, instance, ...body } }) => ({ status, body });
    assert.deepEqual(same(there), same(nowhere));
  }
  assert.equal((await busbar.api('south', 'POST', '/v1/stations/ST-1/commands/Reset', { type: 'Soft' })).status, 404);
  assert.equal((await busbar.api('south', 'DELETE', '/v1/tokens/CARD1')).status, 404);
  assert.equal((await busbar.api('north', 'GET', '/v1/tokens/CARD1')).status, 200);
});

test('tenants are found by host name and by prefix; an unknown one is 404', async () => {
  const { default: http } = await import('node:http');
  const get = (host, path) => new Promise((resolve) => http.get({ port: busbar.port, host: '127.0.0.1', path, headers: { host } }, (res) => {
    let text = '';
    res.on('data', (d) => { text += d; }).on('end', () => resolve({ status: res.statusCode, text }));
  }));
  assert.equal(JSON.parse((await get('north.test', '/v1/openapi.json')).text).info.title.includes('north'), true);
  assert.equal(JSON.parse((await get('SOUTH.test:8080', '/v1/openapi.json')).text).info.title.includes('south'), true);
  assert.equal((await get('nobody.test', '/v1/openapi.json')).status, 404);
  assert.equal((await get('north.test', '/t/nobody/v1/openapi.json')).status, 404);
});
