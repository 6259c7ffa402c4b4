// SPDX-License-Identifier: Apache-2.0
//
// Exports beyond the 10,000 rows at which the old system failed: every row once, sums as in the database, from one
// snapshot; cancelled ones stop; one whose worker is killed runs again; links are signed and belong to their tenant.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, exportFile, readWorkbook, until } from './lib.mjs';

const ROWS = 15000;
let busbar;
before(async () => {
  busbar = await Busbar.start({ tenants: {
    north: { plugins: { identity: {}, charging: {}, admin: {}, export: {} } },
    south: { plugins: { identity: {}, charging: {}, admin: {}, export: {} } },
    east: { time_zone: 'Europe/Berlin', plugins: { identity: {}, charging: {}, admin: {}, export: {} } },
  } });
  for (const tenant of ['north', 'south']) await busbar.api(tenant, 'PUT', '/v1/stations/BIG', {});
  fill('north', 1, ROWS);
  fill('south', ROWS + 1, 3);
});
after(async () => { await busbar?.stop(); });

function fill(tenant, from, count) {
  busbar.sql(`begin; select set_config('busbar.tenant', '${tenant}', true);
    insert into charging.session (tenant_id, session_id, station_id, connector_id, transaction_id, token_uid, state, started_at, start_received_at,
      ended_at, end_received_at, meter_start_wh, meter_stop_wh, energy_wh, auth_status, stop_reason)
    select '${tenant}', gen_random_uuid(), 'BIG', 1 + g % 2, g, 'CARD' || g % 7, 1, timestamptz '2026-01-01 00:00Z' + g * interval '1 minute', now(),
      timestamptz '2026-01-01 00:40Z' + g * interval '1 minute', now(), 0, g, g, 0, 'Local' from generate_series(${from}, ${from + count - 1}) g; commit`);
}

test(`${ROWS} sessions as XLSX: each once, sums as in the database`, async () => {
  const { job, bytes } = await exportFile(busbar, 'north', {});
  assert.equal(job.rows, ROWS);
  assert.equal(job.bytes, bytes.length);
  const [titles, ...rows] = readWorkbook(bytes).sheets.Sessions;
  const column = (name) => titles.findIndex((cell) => cell.v === name);
  assert.equal(rows.length, ROWS);
  assert.equal(new Set(rows.map((row) => row[column('Session')].v)).size, ROWS);
  const kwh = rows.reduce((sum, row) => sum + Math.round(row[column('Energy (kWh)')].v * 1000), 0);
  const [[stored]] = busbar.sql("select sum(energy_wh) from charging.session where tenant_id = 'north'");
  assert.equal(kwh, Number(stored));
});

test('filters choose the rows; CSV has the same ones', async () => {
  const filter = { format: 'csv', token: 'CARD3', from: '2026-01-02T00:00:00Z', to: '2026-01-03T00:00:00Z' };
  const { job, bytes } = await exportFile(busbar, 'north', filter);
  const [[stored]] = busbar.sql("select count(*) from charging.session where tenant_id = 'north' and token_uid = 'CARD3' and started_at >= '2026-01-02Z' and started_at < '2026-01-03Z'");
  assert.equal(job.rows, Number(stored));
  assert.equal(bytes.toString().split('\r\n').length, Number(stored) + 2);
  assert.equal((await busbar.api('north', 'POST', '/v1/exports', { from: '2026-01-03T00:00:00Z', to: '2026-01-02T00:00:00Z' })).body.errors[0].pointer, '/to');
  assert.equal((await busbar.api('north', 'POST', '/v1/exports', { format: 'pdf' })).body.errors[0].pointer, '/format');
});

test('times and durations that Excel does not know are text', async () => {
  await busbar.api('east', 'PUT', '/v1/stations/ODD', {});
  const spans = [
    ['1850-01-01 12:00:00Z', '2026-01-01 12:00:00Z'],
    ['2026-01-01 12:00:00Z', '2026-01-01 10:00:01Z'],
    ['9999-12-31 22:00:00Z', '9999-12-31 23:30:00Z'],
    ['2026-01-01 14:00:00Z', '2026-01-01 13:30:00Z'],
  ];
  busbar.sql(`begin; select set_config('busbar.tenant', 'east', true); ${spans.map(([started, ended], i) => `
    insert into charging.session (tenant_id, session_id, station_id, connector_id, transaction_id, token_uid, state, started_at, start_received_at,
      ended_at, end_received_at, meter_start_wh, meter_stop_wh, energy_wh, auth_status, stop_reason)
    values ('east', gen_random_uuid(), 'ODD', 1, ${900001 + i}, 'CARD', 1, '${started}', now(), '${ended}', now(), 0, 1, 1, 0, 'Local');`).join('')} commit`);
  const [titles, ...rows] = readWorkbook((await exportFile(busbar, 'east', {})).bytes).sheets.Sessions;
  const cells = (transaction) => {
    const row = rows.find((r) => r[titles.findIndex((t) => t.v === 'Transaction')].v === transaction);
    return ['Started (Europe/Berlin)', 'Ended (Europe/Berlin)', 'Duration'].map((name) => row[titles.findIndex((t) => t.v === name)]);
  };
  const [old, backwards, last, half] = [1, 2, 3, 4].map((i) => cells(900000 + i));
  assert.equal(old[0].t, 's');
  assert.match(old[0].v, /^1850-01-01 1[23]:\d\d:\d\d$/);
  assert.deepEqual(old[1], { v: '2026-01-01T13:00:00', t: 'd' });
  assert.deepEqual(backwards[2], { v: '-1:59:59', t: 's' });
  assert.deepEqual(half[2], { v: '-0:30:00', t: 's' });
  assert.deepEqual(last[0], { v: '9999-12-31T23:00:00', t: 'd' });
  assert.deepEqual(last[1], { v: '10000-01-01 00:30:00', t: 's' });
  const csv = (await exportFile(busbar, 'east', { format: 'csv' })).bytes.toString();
  for (const text of ['-1:59:59', '-0:30:00', '10000-01-01 00:30:00']) assert.ok(csv.includes(`,${text},`), text);
});

test('a link works without a key, for its tenant and file alone, also in pieces', async () => {
  const { job } = await exportFile(busbar, 'north', { format: 'csv', to: '2026-01-01T01:00:00Z' });
  const whole = Buffer.from(await (await fetch(job.download_url)).arrayBuffer());
  const piece = await fetch(job.download_url, { headers: { range: 'bytes=10-19' } });
  assert.equal(piece.status, 206);
  assert.deepEqual(Buffer.from(await piece.arrayBuffer()), whole.subarray(10, 20));
  assert.equal((await fetch(job.download_url.replace('/t/north/', '/t/south/'))).status, 404);
  assert.equal((await fetch(job.download_url.replace(/signature=./, (s) => s.slice(0, -1) + (s.endsWith('0') ? '1' : '0')))).status, 404);
  assert.equal((await fetch(job.download_url.replace(/expires=\d+/, 'expires=99999999999999'))).status, 404);
  assert.ok([400, 404, 422].includes((await fetch(job.download_url.replace(/expires=\d+/, `expires=${'%ff'.repeat(18)}`))).status));
  assert.equal((await busbar.api('south', 'GET', `/v1/exports/${job.id}`)).status, 404);
  assert.equal((await busbar.api('south', 'DELETE', `/v1/exports/${job.id}`)).status, 404);
  assert.equal((await busbar.api('north', 'DELETE', `/v1/exports/${job.id}`)).status, 204);
  assert.equal((await fetch(job.download_url)).status, 410);
});

test('an export whose worker is killed runs again, and ends once', async () => {
  const { body, headers } = await busbar.api('north', 'POST', '/v1/exports', { format: 'xlsx' });
  await until('it to run', async () => (await busbar.api('north', 'GET', headers.get('location'))).body.progress.done > 0);
  const { worker_pid: old } = busbar.info;
  process.kill(old, 'SIGKILL');
  await until('a new worker', async () => busbar.info.worker_pid !== old && (await busbar.ready()), 30000);
  const job = await until('the export', async () => {
    const answer = (await busbar.api('north', 'GET', `/v1/exports/${body.id}`)).body;
    return ['succeeded', 'failed'].includes(answer.state) && answer;
  }, 90000);
  assert.equal(job.state, 'succeeded', job.error);
  assert.equal(job.rows, ROWS);
  const rows = readWorkbook(Buffer.from(await (await fetch(job.download_url)).arrayBuffer())).sheets.Sessions;
  assert.equal(rows.length, ROWS + 1);
  const files = fs.readdirSync(path.join(busbar.state, 'files/north/export')).filter((name) => name.startsWith(body.id));
  assert.deepEqual(files.map((name) => name.replace(/-\d+\./, '.')), [`${body.id}.xlsx`], 'nothing of the first attempt is left');
});

test('each tenant gets its own rows while both export at once', async () => {
  const [north, south] = await Promise.all([exportFile(busbar, 'north', {}), exportFile(busbar, 'south', {})]);
  assert.equal(north.job.rows, ROWS);
  assert.equal(south.job.rows, 3);
});
