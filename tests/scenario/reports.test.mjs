// SPDX-License-Identifier: Apache-2.0
//
// Reports: any data set with the columns, names and filters that somebody chose; files that are followed, fetched while
// they are made, resumed and handed on by links that work once; reports that are made by themselves.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, exportFile, readWorkbook, sleep, until } from './lib.mjs';

const ROWS = 40000;
let busbar;
before(async () => {
  busbar = await Busbar.start({ tenants: {
    north: { time_zone: 'Europe/Berlin', language: 'de', plugins: { identity: {}, charging: {}, admin: {}, billing: {}, export: { max_waiting: 3 } } },
    south: { plugins: { identity: {}, charging: {}, admin: {}, export: {} } },
  } });
  for (const tenant of ['north', 'south']) await busbar.api(tenant, 'PUT', '/v1/stations/BIG', {});
  await busbar.api('north', 'PUT', '/v1/locations/YARD', { name: 'Hof', city: 'Kiel' });
  await busbar.api('north', 'PUT', '/v1/tokens/CARD0', { label: 'Ünal & Söhne' });
  fill('north', 1, ROWS);
  fill('south', ROWS + 1, 3);
});
after(() => busbar?.stop());

const asTenant = (tenant, sql) => busbar.sql(`begin; select set_config('busbar.tenant', '${tenant}', true); ${sql}; commit`);

function fill(tenant, from, count) {
  asTenant(tenant, `insert into charging.session (tenant_id, session_id, station_id, connector_id, transaction_id, token_uid, state, started_at, start_received_at,
      ended_at, end_received_at, meter_start_wh, meter_stop_wh, energy_wh, auth_status, stop_reason)
    select '${tenant}', gen_random_uuid(), 'BIG', 1 + g % 2, g, 'CARD' || g % 7, 1, timestamptz '2026-01-01 00:00Z' + g * interval '1 minute', now(),
      timestamptz '2026-01-01 00:40Z' + g * interval '1 minute', now(), 0, 1500 + g, 1500 + g, 0, 'Local' from generate_series(${from}, ${from + count - 1}) g`);
}

const ndjson = (bytes) => bytes.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line));
const pointers = (answer) => (answer.body.errors ?? []).map((error) => error.pointer);
const files = (tenant) => fs.readdirSync(path.join(busbar.state, 'files', tenant, 'export'));
const ended = (tenant, id) => until('the export to end', async () => {
  const { body } = await busbar.api(tenant, 'GET', `/v1/exports/${id}`);
  return ['succeeded', 'failed', 'canceled'].includes(body.state) && body;
}, 60000);

test('what can be exported depends on the plugins of the tenant', async () => {
  const sets = async (tenant) => Object.fromEntries((await busbar.api(tenant, 'GET', '/v1/datasets')).body.items.map((set) => [set.name, set]));
  const north = await sets('north');
  const south = await sets('south');
  for (const name of ['sessions', 'cdrs', 'tokens', 'stations', 'samples', 'audit']) assert.ok(north[name] && south[name], name);
  assert.ok(north.cdr_lines && !south.cdr_lines);
  assert.ok(north.sessions.columns.some((column) => column.name === 'gross'));
  assert.ok(!south.sessions.columns.some((column) => column.name === 'gross'));
  assert.equal((await busbar.api('south', 'POST', '/v1/exports', { dataset: 'cdr_lines' })).body.errors[0].pointer, '/dataset');
});

test('every column and every filter of every set can be used', async () => {
  const values = { text: 'BIG', integer: 1, boolean: true, time: '2026-01-02T00:00:00Z', id: '01a21db9-a632-7160-8164-87602302f96b' };
  for (const set of (await busbar.api('north', 'GET', '/v1/datasets')).body.items) {
    const columns = set.columns.map(({ name }) => ({ name }));
    const filters = Object.fromEntries(set.filters.map((f) => [f.name, f.type === 'enum' ? f.values[0] : f.name.endsWith('to') ? '2026-01-03T00:00:00Z' : values[f.type]]));
    const { job } = await exportFile(busbar, 'north', { dataset: set.name, columns, filters, format: 'ndjson' });
    assert.equal(job.rows, 0, set.name);
    const { bytes } = await exportFile(busbar, 'north', { dataset: set.name, columns, format: 'ndjson', filters: set.name === 'sessions' ? { to: '2026-01-01T00:02:00Z' } : {} });
    for (const row of ndjson(bytes).slice(0, 3)) assert.deepEqual(Object.keys(row), columns.map(({ name }) => name), set.name);
  }
});

test('a report has the columns that were chosen, in their order and by their names', async () => {
  const report = {
    title: 'Monat', dataset: 'sessions', format: 'csv', filters: { token: 'card0', to: '2026-01-01T01:00:00Z' },
    columns: [{ name: 'user', title: 'Nutzer' }, { name: 'energy_kwh' }, { name: 'started_at', title: 'Beginn' }, { name: 'station_id' }],
  };
  const saved = await busbar.api('north', 'PUT', '/v1/reports/monthly', report);
  assert.equal(saved.status, 201, saved.bytes);
  const { bytes, headers } = await exportFile(busbar, 'north', { report: 'monthly' });
  const [head, first] = bytes.toString().replace(/^\ufeff/, '').split('\r\n');
  assert.equal(head, '"Nutzer";"Energy (kWh)";"Beginn (Europe/Berlin)";"Station"');
  assert.equal(first, '"Ünal & Söhne";1,507;2026-01-01 01:07:00;"BIG"');
  assert.match(headers.get('content-disposition'), /filename="monthly-2\d{3}-\d\d-\d\d\.csv"/);
  const english = await exportFile(busbar, 'north', { report: 'monthly', language: 'en', time_zone: 'UTC', filters: { from: '2026-01-01T00:10:00Z' } });
  assert.match(english.bytes.toString(), /\r\n"Ünal & Söhne",1\.514,2026-01-01 00:14:00,"BIG"\r\n/);

  const long = '\u{20000}'.repeat(100); // as long as it may be, in the most bytes
  const titled = { ...report, format: 'xlsx', title: long, columns: [{ name: 'started_at', title: long }] };
  const { sheets } = readWorkbook((await exportFile(busbar, 'north', titled)).bytes);
  assert.equal(sheets.Sessions[0][0].v, `${long} (Europe/Berlin)`);

  const { body, headers: got } = await busbar.api('north', 'GET', '/v1/reports/monthly');
  assert.deepEqual({ title: body.title, columns: body.columns, filters: body.filters }, { title: report.title, columns: report.columns, filters: report.filters });
  assert.equal((await busbar.api('north', 'PUT', '/v1/reports/monthly', report, { 'if-match': '"v7"' })).status, 412);
  assert.equal((await busbar.api('north', 'PUT', '/v1/reports/monthly', { ...report, title: 'X' }, { 'if-match': got.get('etag') })).status, 200);
  assert.deepEqual((await busbar.api('north', 'GET', '/v1/reports')).body.items.map((item) => item.id), ['monthly']);
  assert.equal((await busbar.api('south', 'GET', '/v1/reports/monthly')).status, 404);
  assert.equal((await busbar.api('north', 'DELETE', '/v1/reports/monthly')).status, 204);
  assert.deepEqual(pointers(await busbar.api('north', 'POST', '/v1/exports', { report: 'monthly' })), ['/report']);
});

test('what is wrong is said where it is', async () => {
  const post = async (body) => pointers(await busbar.api('north', 'POST', '/v1/exports', body));
  assert.deepEqual(await post({ dataset: 'nothing' }), ['/dataset']);
  assert.deepEqual(await post({ columns: [{ name: 'id' }, { name: 'secret' }, { name: 'id' }] }), ['/columns/1/name', '/columns/2/name']);
  assert.deepEqual(await post({ filters: { 'col~o/ur': 'red', open: 'yes', state: 'odd', from: 'today', station: '' } }),
    ['/filters/col~0o~1ur', '/filters/open', '/filters/state', '/filters/from', '/filters/station']);
  assert.deepEqual(await post({ filters: { from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' } }), ['/filters/to']);
  assert.deepEqual(await post({ station: "x' or '1'='1\u0001" }), ['/station']);
  assert.deepEqual(await post({ filters: [] }), ['/filters']);
  assert.deepEqual(await post({ columns: [{ name: 'id', title: 'b\uffff' }] }), ['/columns/0/title']);
  assert.deepEqual(await post({ title: 'a\u0001' }), ['/title']);
  assert.deepEqual(await post({ time_zone: 'Europe/Atlantis' }), ['/time_zone']);
  assert.deepEqual(await post({ dataset: 'samples', filters: { session: 'x' } }), ['/filters/session']);
  const put = async (body) => pointers(await busbar.api('north', 'PUT', '/v1/reports/r', { dataset: 'sessions', ...body }));
  assert.deepEqual(await put({ schedule: { every: 'week', at: '24:00', day: 8 } }), ['/schedule/at', '/schedule/day']);
  assert.deepEqual(await put({ schedule: { every: 'year' } }), ['/schedule/every']);
  const { job } = await exportFile(busbar, 'north', { station: "x' or '1'='1", format: 'csv' });
  assert.equal(job.rows, 0);
});

test('data needs the permission that its list has', async () => {
  const key = async (scopes) => (await busbar.api('north', 'POST', '/v1/api-keys', { name: 'test', scopes })).body.key;
  const as = async (scopes, ...call) => busbar.api('north', ...call, { authorization: `Bearer ${await key(scopes)}` });
  const may = ['exports:read', 'exports:write', 'sessions:read'];
  const small = { format: 'csv', to: '2026-01-01T00:02:00Z' };
  const refused = await as(may, 'POST', '/v1/exports', { dataset: 'tokens' });
  assert.equal(refused.status, 403);
  assert.match(refused.body.detail, /tokens:read/);
  assert.equal((await as(may, 'POST', '/v1/exports', { ...small, columns: [{ name: 'gross' }] })).status, 403);
  assert.equal((await as(may, 'PUT', '/v1/reports/tokens', { dataset: 'tokens' })).status, 403);
  const { body } = await as(may, 'POST', '/v1/exports', small);
  await ended('north', body.id);
  assert.ok((await as(may, 'GET', `/v1/exports/${body.id}`, undefined)).body.download_url);
  assert.equal((await as(['exports:read'], 'GET', `/v1/exports/${body.id}`, undefined)).body.download_url, undefined);
  assert.equal((await as(['exports:read', 'exports:write'], 'POST', `/v1/exports/${body.id}/links`, {})).status, 403);
});

test('who may see prices gets them without asking, who may not gets the rest', async () => {
  const { body: { key } } = await busbar.api('north', 'POST', '/v1/api-keys', { name: 'no prices', scopes: ['exports:read', 'exports:write', 'sessions:read'] });
  const without = { authorization: `Bearer ${key}` };
  const small = { format: 'csv', language: 'en', to: '2026-01-01T00:02:00Z' };
  const head = (bytes) => bytes.toString().replace(/^\ufeff/, '').split('\r\n')[0].replaceAll('"', '').split(',');
  const prices = ['Net', 'VAT', 'Gross', 'Currency', 'Tariff', 'Contract'];
  const { job, bytes } = await exportFile(busbar, 'north', small);
  assert.deepEqual(head(bytes).slice(-6), prices);
  const shown = async (id, headers) => (await busbar.api('north', 'GET', `/v1/exports/${id}`, undefined, headers)).body.download_url;
  assert.ok(await shown(job.id));
  assert.equal(await shown(job.id, without), undefined, 'a file with prices is not shown to who may not see them');
  assert.equal((await busbar.api('north', 'POST', `/v1/exports/${job.id}/links`, {}, without)).status, 403);
  const made = await busbar.api('north', 'POST', '/v1/exports', small, without);
  assert.equal(made.status, 202, made.bytes);
  assert.equal((await ended('north', made.body.id)).state, 'succeeded');
  const titles = head(Buffer.from(await (await fetch(await shown(made.body.id, without))).arrayBuffer()));
  assert.deepEqual(titles.filter((title) => prices.includes(title)), []);
  assert.deepEqual(titles, head(bytes).slice(0, -6));

  // A report keeps the columns that were usual for who saved it.
  const report = { dataset: 'sessions', format: 'csv', language: 'en', filters: { to: small.to } };
  const names = (answer) => answer.body.columns.map((column) => column.name);
  assert.ok(!names(await busbar.api('north', 'PUT', '/v1/reports/plain', report, without)).includes('gross'));
  assert.deepEqual(head((await exportFile(busbar, 'north', { report: 'plain' })).bytes), titles);
  assert.ok(names(await busbar.api('north', 'PUT', '/v1/reports/priced', report)).includes('gross'));
  assert.equal((await busbar.api('north', 'POST', '/v1/exports', { report: 'priced' }, without)).status, 403);
});

test('prices are those of all CDRs of a session together', async () => {
  const [[session]] = busbar.sql("select session_id from charging.session where tenant_id = 'north' and transaction_id = 1");
  const cdr = (kind, net, credit) => `insert into billing.cdr (tenant_id, cdr_id, session_id, tariff_id, tariff_version, currency, payable_minor, account, kind, credit_of,
      token_uid, station_id, connector_id, started_at, ended_at, energy_mwh, time_ms, parking_ms, reservation_ms, net_e4, vat_e4, gross_e4, document)
    values ('north', gen_random_uuid(), '${session}', 'T', 1, 'EUR', 1, '{"account":{"lines":[{"kind":"energy","energy_kwh":1.5,"price":0.39,"amount":{"excl_vat":${net / 10000},"vat":0.1,"incl_vat":1.1}}]}}',
      ${kind}, ${credit ? "(select cdr_id from billing.cdr where kind = 0 limit 1)" : 'null'}, 'CARD1', 'BIG', 1, now(), now(), 1500000, 60000, 0, 0, ${net}, ${net / 10}, ${net * 1.1}, '{}')`;
  asTenant('north', [cdr(0, 20000), cdr(1, -20000, true), cdr(2, 12340, true)].join(';'));
  // One that has no CDR yet has its terms all the same.
  asTenant('north', `set local session_replication_role = replica; insert into billing.session (tenant_id, session_id, tariff_id, tariff_version, time_zone, contract_id, contract_version)
    select tenant_id, session_id, 'U', 2, 'UTC', 'C', 1 from charging.session where transaction_id = 2`);
  const columns = ['transaction_id', 'net', 'vat', 'gross', 'currency', 'tariff_id', 'tariff_version', 'contract_id'].map((name) => ({ name }));
  const { bytes } = await exportFile(busbar, 'north', { columns, to: '2026-01-01T00:03:00Z' });
  const [, first, second] = readWorkbook(bytes).sheets.Sessions;
  assert.deepEqual(first.map((cell) => cell.v), [1, 1.234, 0.1234, 1.3574, 'EUR', 'T', 1, null]);
  assert.deepEqual(second.map((cell) => cell.v), [2, null, null, null, null, 'U', 2, 'C']);
  const chosen = await exportFile(busbar, 'north', { columns, format: 'ndjson', filters: { tariff: 'U', contract: 'C' } });
  assert.deepEqual(ndjson(chosen.bytes).map((row) => row.transaction_id), [2]);
  const lines = ndjson((await exportFile(busbar, 'north', { dataset: 'cdr_lines', format: 'ndjson', columns: ['kind', 'line', 'energy_kwh', 'price', 'net'].map((name) => ({ name })) })).bytes);
  assert.deepEqual(lines.map((line) => [line.kind, Number(line.net)]).sort(), [['credit', -2], ['replacement', 1.234], ['session', 2]]);
  assert.deepEqual([Number(lines[0].energy_kwh), Number(lines[0].price)], [1.5, 0.39]);
});

// Some hundred megabytes: long enough for the database's process to be stopped in the middle of them.
async function stopHalfway(body) {
  const part = await until('the file to grow', async () => {
    const name = files('north').find((file) => file.startsWith(body.id) && file.endsWith('.part'));
    return name && fs.statSync(path.join(busbar.state, 'files/north/export', name)).size > 0;
  });
  const [pid] = busbar.sql("select pid from pg_stat_activity where state = 'active' and query like 'copy %core.audit%'").flat();
  assert.ok(part && pid, 'it is under way');
  process.kill(Number(pid), 'SIGSTOP');
  return () => process.kill(Number(pid), 'SIGCONT');
}
const bulky = { dataset: 'audit', format: 'csv', filters: { action: 'bulky' } };

test('a file can be fetched while it is made, and resumed when it is', async () => {
  asTenant('north', `insert into core.audit (tenant_id, actor, action, object, details) select 'north', 'test', 'bulky', 'x' || g, to_jsonb(repeat(md5(g::text), 4000)) from generate_series(1, 2000) g`);
  const { body } = await busbar.api('north', 'POST', '/v1/exports', bulky);
  const goOn = await stopHalfway(body);
  let early, reader, pending;
  const chunks = [];
  try {
    const running = (await busbar.api('north', 'GET', `/v1/exports/${body.id}`)).body;
    assert.equal(running.state, 'running');
    early = await until('the file to begin', async () => {
      const answer = await fetch(running.download_url);
      return answer.status === 200 && answer;
    });
    reader = early.body.getReader();
    do { // all that is there
      if (pending && (await pending).value) chunks.push((await pending).value);
      pending = reader.read();
    } while (await Promise.race([pending.then(() => true), sleep(1000).then(() => false)]) && !(await pending).done);
    assert.ok(chunks.length > 0);
    assert.equal((await busbar.api('north', 'GET', `/v1/exports/${body.id}`)).body.state, 'running');
  } finally {
    goOn();
  }
  for (let piece; !(piece = await pending).done; pending = reader.read()) chunks.push(piece.value);
  const whole = Buffer.concat(chunks);
  const job = await ended('north', body.id);
  assert.equal(job.state, 'succeeded', job.error);
  assert.equal(job.rows, 2000);
  assert.equal(whole.length, job.bytes);
  const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
  assert.equal(sha256(whole), job.sha256);
  const tag = early.headers.get('etag');
  const rest = (ifRange) => fetch(job.download_url, { headers: { range: 'bytes=1000-', 'if-range': ifRange } });
  const resumed = await rest(tag);
  assert.equal(resumed.status, 206);
  assert.equal(resumed.headers.get('repr-digest'), `sha-256=:${Buffer.from(job.sha256, 'hex').toString('base64')}:`);
  assert.equal(sha256(Buffer.concat([whole.subarray(0, 1000), Buffer.from(await resumed.arrayBuffer())])), job.sha256);
  const other = await rest(tag.replace(/-1"$/, '-2"'));
  assert.equal(other.status, 200, 'another attempt is sent as a whole');
  await other.body.cancel();
});

test('who reads a file whose making fails does not take it for whole', async () => {
  const { body } = await busbar.api('north', 'POST', '/v1/exports', bulky);
  const goOn = await stopHalfway(body);
  const running = (await busbar.api('north', 'GET', `/v1/exports/${body.id}`)).body;
  try {
    const early = await fetch(running.download_url);
    assert.equal(early.status, 200);
    assert.equal((await busbar.api('north', 'DELETE', `/v1/exports/${body.id}`)).status, 204);
    await assert.rejects(early.arrayBuffer());
  } finally {
    goOn();
  }
  assert.equal((await ended('north', body.id)).state, 'canceled');
});

test('a disk that is full is said to be', { skip: process.getuid() !== 0 && 'needs root' }, async (t) => {
  const folder = path.join(busbar.state, 'files/south/export');
  await exportFile(busbar, 'south', { format: 'csv' });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return t.skip('no file system can be mounted here');
  }
  try {
    fill('south', 2 * ROWS, 20000);
    const { body } = await busbar.api('south', 'POST', '/v1/exports', { format: 'csv' });
    const job = await ended('south', body.id);
    assert.equal(job.state, 'failed');
    assert.match(job.error, /disk is full/);
    assert.deepEqual(files('south'), []);
    assert.deepEqual(busbar.sql(`select payload->>'dataset', payload->>'error' from core.event where topic = 'export.failed' and key = '${body.id}'`), [['sessions', job.error]]);
  } finally {
    busbar.sql(`delete from charging.session where tenant_id = 'south' and transaction_id >= ${2 * ROWS}`);
    execFileSync('umount', [folder]);
  }
});

// As when a process ends after the file was told of and before the end of its job was written.
const runAgain = (id, more = '') => asTenant('north', `update core.job set state = 1, owner = 'gone/1', lease_until = '-infinity', result = null, ended_at = null${more} where id = '${id}'`);

test('event, job and file say the same, also when the job runs again', async () => {
  const { job, bytes } = await exportFile(busbar, 'north', { format: 'csv', to: '2026-01-01T05:00:00Z' });
  const told = () => busbar.sql(`select payload->>'sha256', payload->>'attempt' from core.event where topic = 'export.finished' and key = '${job.id}' order by 2`);
  const fetched = async ({ download_url }) => {
    const answer = await fetch(download_url);
    return { etag: answer.headers.get('etag'), bytes: Buffer.from(await answer.arrayBuffer()) };
  };
  const before = await fetched(job);
  fill('north', 3 * ROWS, 1); // a new file would have one more row
  asTenant('north', `update charging.session set started_at = '2026-01-01T00:30:00Z' where transaction_id = ${3 * ROWS}`);
  try {
    runAgain(job.id);
    const again = await ended('north', job.id);
    assert.deepEqual([again.rows, again.sha256], [job.rows, job.sha256]);
    assert.deepEqual((await fetched(again)).bytes, bytes);
    assert.deepEqual(told(), [[job.sha256, '1']]);

    for (const name of files('north').filter((file) => file.startsWith(job.id))) fs.unlinkSync(path.join(busbar.state, 'files/north/export', name));
    runAgain(job.id, ', attempts = 0');
    const anew = await ended('north', job.id);
    assert.equal(anew.rows, job.rows + 1);
    const now = await fetched(anew);
    assert.equal(createHash('sha256').update(now.bytes).digest('hex'), anew.sha256);
    assert.notEqual(now.etag, before.etag, 'nobody resumes the one with the other');
    assert.deepEqual(told().map(([sha256]) => sha256).sort(), [job.sha256, anew.sha256].sort());
  } finally {
    asTenant('north', `delete from charging.session where transaction_id = ${3 * ROWS}`);
  }
});

test('how many rows there will be is counted beside, without the tables of columns alone', async () => {
  const lock = spawn('psql', ['-X', '-q', '-d', busbar.info.database], { stdio: ['pipe', 'ignore', 'inherit'] });
  const closed = once(lock, 'close');
  lock.stdin.write('begin; lock table charging.location in access exclusive mode;\n');
  try {
    await until('the lock', () => busbar.sql("select 1 from pg_locks where relation = 'charging.location'::regclass and mode = 'AccessExclusiveLock' and granted").length === 1);
    const { body } = await busbar.api('north', 'POST', '/v1/exports', { columns: [{ name: 'id' }, { name: 'location_city' }] });
    const progress = await until('the count', async () => {
      const answer = (await busbar.api('north', 'GET', `/v1/exports/${body.id}`)).body;
      assert.ok(['queued', 'running'].includes(answer.state), answer.error);
      return answer.progress.total > 0 && answer.progress;
    });
    assert.deepEqual([progress.done, progress.total, progress.seconds_left], [0, ROWS, undefined]);
    lock.stdin.end('rollback;\n');
    await closed;
    assert.equal((await ended('north', body.id)).rows, ROWS);
  } finally {
    lock.stdin.end();
    await closed;
  }
});

test('progress is told as it is made', async () => {
  const { body } = await busbar.api('north', 'POST', '/v1/exports', {});
  const answer = await fetch(`${busbar.base('north')}/v1/exports/${body.id}/live`, { headers: { authorization: `Bearer ${busbar.keys.north}` } });
  assert.match(answer.headers.get('content-type'), /^text\/event-stream/);
  const events = (await answer.text()).split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)));
  assert.equal(events.at(-1).state, 'succeeded');
  assert.equal(events.at(-1).rows, ROWS);
  assert.ok(['queued', 'running'].includes(events[0].state), 'from the beginning');
  assert.equal(new Set(events.map((event) => JSON.stringify(event))).size, events.length, 'only what is new');
  assert.deepEqual(events.at(-1).progress, { done: ROWS, total: ROWS });
});

test('a link works for one complete download', async () => {
  const { job, bytes } = await exportFile(busbar, 'north', { format: 'csv', to: '2026-01-01T05:00:00Z' });
  const made = await busbar.api('north', 'POST', `/v1/exports/${job.id}/links`, { note: 'Buchhaltung' });
  assert.equal(made.status, 201, made.bytes);
  assert.ok(!busbar.sql('select link::text from export.link').flat().join().includes(made.body.url.split('/').at(-1)), 'kept as a hash');
  const first = await fetch(made.body.url, { headers: { range: 'bytes=0-999' } });
  assert.equal(first.status, 206);
  const beginning = Buffer.from(await first.arrayBuffer());
  const second = await fetch(made.body.url, { headers: { range: 'bytes=1000-', 'if-range': first.headers.get('etag') } });
  assert.equal(second.status, 206);
  assert.deepEqual(Buffer.concat([beginning, Buffer.from(await second.arrayBuffer())]), bytes);
  await until('it to be used up', async () => (await busbar.api('north', 'GET', `/v1/exports/${job.id}/links`)).body.items[0].state === 'used');
  const again = await fetch(made.body.url);
  assert.equal(again.status, 410);
  await again.arrayBuffer();
  const { body: other } = await busbar.api('north', 'POST', `/v1/exports/${job.id}/links`, {});
  assert.equal((await fetch(other.url.replace('/t/north/', '/t/south/'))).status, 404);
  assert.equal((await busbar.api('north', 'DELETE', `/v1/exports/${job.id}/links/${other.id}`)).status, 204);
  assert.equal((await fetch(other.url)).status, 410);
  assert.equal((await busbar.api('north', 'DELETE', `/v1/exports/${job.id}/links/nonsense`)).status, 404);
  const actions = (await busbar.api('north', 'GET', `/v1/audit?object=${job.id}`)).body.items.map((entry) => entry.action);
  assert.deepEqual(actions, ['export.link.revoke', 'export.link', 'export.fetched', 'export.link', 'export.create']);
  assert.ok(!busbar.logLines().some((line) => line.event === 'http.request' && JSON.stringify(line).includes(made.body.url.split('/').at(-1))), 'not in the log');
});

test('one that is cancelled leaves no file', async () => {
  const { body } = await busbar.api('north', 'POST', '/v1/exports', {});
  await until('it to run', async () => (await busbar.api('north', 'GET', `/v1/exports/${body.id}`)).body.state !== 'queued');
  assert.equal((await busbar.api('north', 'DELETE', `/v1/exports/${body.id}`)).status, 204);
  await ended('north', body.id);
  await until('its file to go', () => !files('north').some((name) => name.startsWith(body.id)));
});

test('a report is made by itself, each period once', async () => {
  const put = await busbar.api('north', 'PUT', '/v1/reports/last-month', { dataset: 'sessions', format: 'csv', schedule: { every: 'month', at: '06:00', day: 1 } });
  assert.match(put.body.next_run_at, /-01T0[45]:00:00/);
  const due = (at) => asTenant('north', `update export.report set next_at = '${at}' where report_id = 'last-month'`);
  const made = async () => (await busbar.api('north', 'GET', '/v1/exports?limit=50')).body.items.filter((item) => item.report === 'last-month' && item.state === 'succeeded');
  const [[months]] = busbar.sql("select (extract(year from age(date_trunc('month', now()), '2026-03-01')) * 12 + extract(month from age(date_trunc('month', now()), '2026-03-01')))::int + 1");
  due('2026-03-01T05:00:00Z'); // as after months in which nobody was there
  const all = await until('what was missed', async () => {
    const items = await made();
    return items.length >= Number(months) && items;
  }, 60000);
  const february = all.find((item) => item.from === '2026-01-31T23:00:00.000Z');
  assert.equal(february.to, '2026-02-28T23:00:00.000Z');
  const [[rows]] = busbar.sql("select count(*) from charging.session where tenant_id = 'north' and started_at >= '2026-01-31 23:00Z' and started_at < '2026-02-28 23:00Z'");
  assert.equal(february.rows, Number(rows));
  assert.ok(all.some((item) => item.from === '2026-02-28T23:00:00.000Z' && item.to === '2026-03-31T22:00:00.000Z'), 'over the change of clocks');
  due('2026-03-01T05:00:00Z');
  await until('the schedule to have caught up', () => busbar.sql("select next_at > now() from export.report where report_id = 'last-month'")[0][0] === 't', 30000);
  await sleep(1000);
  assert.equal((await made()).length, all.length);
  const events = busbar.sql(`select payload->>'report_id', payload->'period'->>'from', (payload->>'rows')::int from core.event where topic = 'export.finished' and key = '${february.id}'`);
  assert.deepEqual(events, [['last-month', '2026-01-31T23:00:00.000Z', String(rows)]]);
});

test('too many at once are refused, and another tenant is not kept waiting', async () => {
  const answers = [];
  for (let i = 0; i < 9; i++) answers.push(await busbar.api('north', 'POST', '/v1/exports', {}));
  const refused = answers.filter((answer) => answer.status === 429);
  assert.ok(refused.length > 0);
  assert.ok(refused[0].headers.get('retry-after'));
  const { job } = await exportFile(busbar, 'south', { format: 'csv' });
  assert.equal(job.rows, 3);
  for (const answer of answers) if (answer.status === 202) await busbar.api('north', 'DELETE', `/v1/exports/${answer.body.id}`);
});

test('a scheduled report that does not fit any more says so', async () => {
  await busbar.api('north', 'PUT', '/v1/reports/unfit', { dataset: 'sessions', format: 'csv', columns: [{ name: 'id' }, { name: 'gross' }], schedule: { every: 'day' } });
  asTenant('north', "update export.report set document = replace(document, 'gross', 'brutto'), next_at = date_trunc('day', now()) where report_id = 'unfit'");
  const made = await until('the export', async () => (await busbar.api('north', 'GET', '/v1/exports?limit=50')).body.items.find((item) => item.report === 'unfit'), 30000);
  const job = await ended('north', made.id);
  assert.deepEqual([job.state, job.error], ['failed', '/columns/1/name: "sessions" has no such column']);
  assert.equal(busbar.sql(`select payload->>'report_id' from core.event where topic = 'export.failed' and key = '${job.id}'`)[0][0], 'unfit');
  assert.ok(job.from && job.to);
  assert.equal((await busbar.api('north', 'DELETE', '/v1/reports/unfit')).status, 204);
});

test('what is due by a schedule keeps nobody from exporting', async () => {
  await busbar.api('north', 'PUT', '/v1/reports/later', { dataset: 'stations', format: 'csv', schedule: { every: 'day' } });
  asTenant('north', `insert into core.job (tenant_id, id, type, params, not_before) select 'north', gen_random_uuid(), 'export.file',
    '{"dataset":"sessions","format":"csv","time_zone":"UTC","language":"en","scheduled":true}', now() + interval '1 day' from generate_series(1, 150)`);
  try {
    const { job } = await exportFile(busbar, 'north', { format: 'csv', to: '2026-01-01T00:02:00Z' });
    assert.equal(job.state, 'succeeded');
    // Of reports that are due, few wait at a time.
    asTenant('north', "update export.report set next_at = date_trunc('day', now()) where report_id = 'later'");
    await sleep(11000);
    assert.deepEqual(busbar.sql("select 1 from core.job where params->>'report' = 'later'"), []);
    assert.deepEqual(busbar.sql("select distinct params->>'scheduled' from core.job where tenant_id = 'north' and params->>'report' = 'last-month'"), [['true']]);
  } finally {
    asTenant('north', "delete from core.job where not_before > now() + interval '1 hour'");
  }
  await until('it to be made', async () => (await busbar.api('north', 'GET', '/v1/exports?limit=50')).body.items.some((item) => item.report === 'later'), 30000);
});

test('two nodes make a report that is due once', async () => {
  const secrets = Object.fromEntries(fs.readFileSync(path.join(busbar.state, 'postgres/secrets'), 'utf8').trim().split('\n').map((line) => line.split(' ')));
  const url = (role, password) => busbar.info.database.replace(/\/\/[^@]*@/, `//${role}:${password}@`);
  const other = await Busbar.start({
    tenants: { south: { plugins: { ...busbar.tenants.south.plugins, identity: { bootstrap_key: busbar.keys.south } } } },
    server: { master_key_file: path.join(busbar.state, 'master.key') },
    database: { url: url('busbar', secrets.runtime), owner_url: url('busbar_owner', secrets.owner) },
  });
  try {
    await busbar.api('south', 'PUT', '/v1/reports/daily', { dataset: 'stations', format: 'csv', schedule: { every: 'day' } });
    asTenant('south', "update export.report set next_at = date_trunc('day', now() - interval '60 days') + interval '6 hours' where report_id = 'daily'");
    await until('all to be made', () => busbar.sql("select 1 from export.report where report_id = 'daily' and next_at > now()").length === 1, 60000);
    const [[jobs, periods]] = busbar.sql("select count(*), count(distinct params->>'from') from core.job where tenant_id = 'south' and params->>'report' = 'daily'");
    assert.ok(Number(periods) >= 60, periods);
    assert.equal(jobs, periods);
  } finally {
    await other.stop();
  }
});
