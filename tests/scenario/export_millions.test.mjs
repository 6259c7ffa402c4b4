// SPDX-License-Identifier: Apache-2.0
//
// Exports of many rows: further sheets where one is full, each row once, sums as in the database, three tenants who export at
// once get on alike, and a worker that is killed in the middle leaves nothing behind. LONG: five million rows.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Busbar, until } from './lib.mjs';

const ROWS = Number(process.env.ROWS ?? (process.env.LONG ? 5000000 : 100000)), SHEET = 1048575, OTHERS = Math.min(ROWS, 500000);
const here = path.dirname(fileURLToPath(import.meta.url));
const plugins = { identity: {}, charging: {}, admin: {}, export: {} };
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-millions-'));
let busbar;

before(async () => {
  busbar = await Busbar.start({ tenants: { north: { plugins }, south: { plugins }, east: { plugins } } });
  for (const tenant of ['north', 'south', 'east']) await busbar.api(tenant, 'PUT', '/v1/stations/BIG', {});
  fill('north', 1, ROWS);
  fill('south', ROWS + 1, OTHERS);
  fill('east', ROWS + OTHERS + 1, OTHERS);
  busbar.sql('analyze charging.session');
  await busbar.api('north', 'GET', '/v1/stations').catch(() => {}); // psql kept this process so long that busbard has closed the connection meanwhile
});
after(async () => {
  await busbar?.stop();
  fs.rmSync(folder, { recursive: true });
});

/** Sessions of three seconds' distance; their transactions are numbered. */
function fill(tenant, from, count) {
  for (let at = from; at < from + count; at += 500000) {
    busbar.sql(`begin; select set_config('busbar.tenant', '${tenant}', true);
      insert into charging.session (tenant_id, session_id, station_id, connector_id, transaction_id, token_uid, state, started_at, start_received_at,
        ended_at, end_received_at, meter_start_wh, meter_stop_wh, energy_wh, auth_status, stop_reason)
      select '${tenant}', gen_random_uuid(), 'BIG', 1 + g % 2, g, 'CARD' || g % 7, 1, at, at, at + g % 9000 * interval '1 second', at, g, g + g % 61000, g % 61000, 0, 'Local'
      from (select g, timestamptz '2025-01-01Z' + g * interval '3 seconds' as at from generate_series(${at}, ${Math.min(at + 500000, from + count) - 1}) g) g; commit`);
  }
}

const start = async (tenant, request) => (await busbar.api(tenant, 'POST', '/v1/exports', request)).body.id;
const look = async (tenant, id) => (await busbar.api(tenant, 'GET', `/v1/exports/${id}`)).body;
const ended = (tenant, id) => until('the export to end', async () => {
  const job = await look(tenant, id);
  return ['succeeded', 'failed', 'canceled'].includes(job.state) && job;
}, 600000);

/** The file of a job, and what openpyxl adds up of it. */
async function addUp(job, name) {
  const file = path.join(folder, name);
  const answer = await fetch(job.download_url);
  await fs.promises.writeFile(file, answer.body);
  assert.equal(fs.statSync(file).size, job.bytes);
  const { stdout } = await promisify(execFile)('/usr/bin/python3', [path.join(here, 'add_up_workbook.py'), file, 'Transaction'], { timeout: 1500000 });
  fs.rmSync(file);
  return JSON.parse(stdout);
}

test(`${ROWS} sessions as XLSX: each once, in as many sheets as it takes, sums as in the database`, async (t) => {
  const job = await ended('north', await start('north', { columns: ['id', 'transaction_id', 'started_at', 'duration', 'energy_kwh'].map((name) => ({ name })) }));
  assert.equal(job.state, 'succeeded', job.error);
  assert.equal(job.rows, ROWS);
  const sheets = Math.ceil(ROWS / SHEET);
  assert.equal(job.sheets, sheets);
  const read = await addUp(job, 'all.xlsx');
  const data = read.sheets.filter((s) => s.rows > 0);
  assert.deepEqual(data.map((s) => s.title), Array.from({ length: sheets }, (_, i) => (i === 0 ? 'Sessions' : `Sessions ${i + 1}`)));
  assert.deepEqual(data.map((s) => s.rows), Array.from({ length: sheets }, (_, i) => Math.min(SHEET, ROWS - i * SHEET)));
  for (const sheet of data) assert.deepEqual(sheet.columns, data[0].columns, 'each sheet has the titles');
  assert.deepEqual([read.different, read.twice], [ROWS, 0]);
  const [[energy, numbers]] = busbar.sql("select sum(energy_wh), sum(transaction_id) from charging.session where tenant_id = 'north'");
  assert.equal(read.thousandths['Energy (kWh)'], Number(energy));
  assert.equal(read.thousandths.Transaction / 1000, Number(numbers));
  t.diagnostic(`${job.bytes} bytes in ${Date.parse(job.ended_at) - Date.parse(job.started_at)} ms`);
});

test('three tenants that export at once get on alike', async (t) => {
  const range = (first) => ({ from: new Date(Date.parse('2025-01-01T00:00:00Z') + first * 3000).toISOString(), to: new Date(Date.parse('2025-01-01T00:00:00Z') + (first + OTHERS) * 3000).toISOString() });
  const orders = [['north', range(1)], ['south', {}], ['east', {}]];
  const jobs = await Promise.all(orders.map(async ([tenant, request]) => [tenant, await start(tenant, request)]));
  let now;
  await until('the first to end', async () => {
    now = await Promise.all(jobs.map((job) => look(...job)));
    assert.ok(now.every((job) => job.state !== 'failed'), JSON.stringify(now));
    return now.some((job) => job.state === 'succeeded');
  }, 300000);
  const rows = now.map((job) => (job.state === 'succeeded' ? job.rows : job.progress.done));
  t.diagnostic(`when the first ended: ${rows} of ${OTHERS}`);
  for (const done of rows) assert.ok(done > OTHERS / 4 && done <= OTHERS, `${rows} of ${OTHERS}`);
  for (const job of jobs) assert.equal((await ended(...job)).rows, OTHERS);
});

test('a worker that is killed in the middle of many rows leaves nothing, and the job runs again', async () => {
  const id = await start('south', {});
  const folderOfFiles = path.join(busbar.state, 'files/south/export');
  await until('rows in the file', async () => fs.readdirSync(folderOfFiles).some((name) => name.startsWith(id) && fs.statSync(path.join(folderOfFiles, name)).size > 65536), 60000);
  const { worker_pid: old } = busbar.info;
  process.kill(old, 'SIGKILL');
  const copies = () => Number(busbar.sql("select count(*) from pg_stat_activity where query ilike 'copy (%' and pid <> pg_backend_pid()")[0][0]);
  await until('a new worker', async () => busbar.info.worker_pid !== old && (await busbar.ready()), 30000);
  const job = await ended('south', id);
  assert.equal(job.state, 'succeeded', job.error);
  assert.equal(job.rows, OTHERS);
  const read = await addUp(job, 'again.xlsx');
  assert.deepEqual([read.different, read.twice], [OTHERS, 0]);
  assert.equal(fs.readdirSync(folderOfFiles).filter((name) => name.startsWith(id)).length, 1);
  await until('no backend to copy for nobody', async () => copies() === 0, 30000);
});
