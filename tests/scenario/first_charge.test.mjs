// SPDX-License-Identifier: Apache-2.0
//
// The main path, with an independent client at each end: stations of two tenants boot, authorize, charge and stop over
// OCPP 1.6 (npm ocpp-rpc, strict), and the operator of one tenant reads the sessions back from a workbook (openpyxl).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Busbar, exportFile, readWorkbook, until } from './lib.mjs';

let busbar;
before(async () => { busbar = await Busbar.start(); });
after(async () => { await busbar?.stop(); });

const minute = 60000;
const at = (minutes) => new Date(Date.UTC(2026, 9, 1, 8, 0) + minutes * minute).toISOString();

async function charge(tenant, station, tag, { start, stop }) {
  const client = await busbar.station(tenant, station);
  const boot = await client.call('BootNotification', { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2', firmwareVersion: '1.0' });
  assert.equal(boot.status, 'Accepted');
  assert.ok(boot.interval > 0);
  await client.call('StatusNotification', { connectorId: 0, errorCode: 'NoError', status: 'Available' });
  await client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Preparing' });
  const authorized = await client.call('Authorize', { idTag: tag });
  const started = await client.call('StartTransaction', { connectorId: 1, idTag: tag, meterStart: start, timestamp: at(0) });
  assert.ok(started.transactionId > 0);
  for (let i = 1; i <= 3; i++) {
    await client.call('MeterValues', {
      connectorId: 1,
      transactionId: started.transactionId,
      meterValue: [{ timestamp: at(i * 10), sampledValue: [
        { value: String(start + (stop - start) * i / 4), measurand: 'Energy.Active.Import.Register', unit: 'Wh' },
        { value: '11000', measurand: 'Power.Active.Import', unit: 'W' },
      ] }],
    });
  }
  const open = await busbar.api(tenant, 'GET', `/v1/sessions?station=${station}&open=true`);
  assert.equal(open.body.items.length, 1);
  assert.equal(open.body.items[0].energy_wh, (stop - start) * 3 / 4);
  assert.equal(open.body.items[0].power_w, 11000);
  const stopped = await client.call('StopTransaction', {
    transactionId: started.transactionId, idTag: tag, meterStop: stop, timestamp: at(40), reason: 'EVDisconnected',
  });
  await client.close();
  return { authorized, started, stopped };
}

test('a station of each tenant charges from boot to stop', async () => {
  for (const tenant of ['north', 'south']) {
    assert.equal((await busbar.api(tenant, 'PUT', `/v1/tokens/${tenant.toUpperCase()}1`, { status: 'accepted' })).status, 201);
    const { authorized, started, stopped } = await charge(tenant, 'CP-1', `${tenant.toUpperCase()}1`, { start: 1000, stop: 8500 });
    assert.equal(authorized.idTagInfo.status, 'Accepted');
    assert.equal(started.idTagInfo.status, 'Accepted');
    assert.equal(stopped.idTagInfo.status, 'Accepted');
  }
});

test('the session and its CDR hold what the station reported', async () => {
  const { body } = await busbar.api('north', 'GET', '/v1/sessions?station=CP-1&open=false');
  assert.equal(body.items.length, 1);
  const [session] = body.items;
  assert.equal(session.state, 'ended');
  assert.equal(session.energy_wh, 7500);
  assert.equal(session.started_at, at(0));
  assert.equal(session.ended_at, at(40));
  assert.equal(session.stop_reason, 'EVDisconnected');
  assert.equal(session.sample_count, 6);
  const samples = (await busbar.api('north', 'GET', `/v1/sessions/${session.id}/samples`)).body.items;
  assert.equal(samples.length, 6);
  assert.equal(samples[0].at, at(10));
  const cdrs = (await busbar.api('north', 'GET', '/v1/cdrs')).body.items;
  assert.equal(cdrs.length, 1);
  assert.equal(cdrs[0].session_id, session.id);
  assert.equal(cdrs[0].energy_wh, 7500);
  assert.equal(cdrs[0].duration_s, 2400);
});

test('the downloaded workbook has that tenant\'s rows and no others', async () => {
  const { job, status, bytes, headers } = await exportFile(busbar, 'north', { format: 'xlsx' });
  assert.equal(status, 200);
  assert.match(headers.get('content-disposition'), /attachment; filename="sessions-\d{4}-\d\d-\d\d\.xlsx"/);
  assert.equal(job.rows, 1);
  assert.deepEqual(job.progress, { done: 1, total: 1 });
  const rows = readWorkbook(bytes).sheets.Sessions;
  assert.equal(rows.length, 2);
  const row = Object.fromEntries(rows[0].map((title, i) => [title.v, rows[1][i]]));
  assert.equal(row.Station.v, 'CP-1');
  assert.equal(row.Token.v, 'NORTH1');
  assert.equal(row['Energy (kWh)'].v, 7.5);
  assert.equal(row['Energy (kWh)'].t, 'n');
  assert.equal(row['Started (Europe/Berlin)'].v, '2026-10-01T10:00:00');
  assert.equal(row['Started (Europe/Berlin)'].t, 'd');
});

test('the CSV file has the same row, and formulas are neutralised', async () => {
  await busbar.api('north', 'PUT', '/v1/tokens/%3D1%2B1', { status: 'accepted' });
  await charge('north', 'CP-2', '=1+1', { start: 0, stop: 100 });
  const { bytes } = await exportFile(busbar, 'north', { format: 'csv', station: 'CP-2' });
  const lines = bytes.toString('utf8').split('\r\n');
  assert.ok(lines[0].startsWith('\uFEFF"Session","Station"'));
  assert.equal(lines.length, 3); // header, one row, the end
  assert.match(lines[1], /,"'=1\+1",/);
  assert.match(lines[1], /,0\.100,0,100,/);
  const book = readWorkbook((await exportFile(busbar, 'north', { station: 'CP-2' })).bytes).sheets.Sessions;
  const token = book[1][book[0].findIndex((cell) => cell.v === 'Token')];
  assert.deepEqual(token, { v: "'=1+1", t: 's' });
});

test('a tenant without the export plugin has no such route', async () => {
  const missing = await busbar.api('south', 'POST', '/v1/exports', { format: 'xlsx' });
  const nonsense = await busbar.api('south', 'POST', '/v1/no-such-thing', {});
  assert.equal(missing.status, 404);
  assert.equal(nonsense.status, 404);
  delete missing.body.trace_id;
  delete nonsense.body.trace_id;
  assert.deepEqual(missing.body, { ...nonsense.body, ...(missing.body.instance ? { instance: missing.body.instance } : {}) });
  const described = (await busbar.api('south', 'GET', '/v1/openapi.json')).body;
  assert.ok(!Object.keys(described.paths).some((p) => p.includes('export')));
  const north = (await busbar.api('north', 'GET', '/v1/openapi.json')).body;
  assert.ok(Object.keys(north.paths).includes('/v1/exports'));
});

test('neither tenant sees the other\'s sessions, stations, tokens or exports', async () => {
  const [session] = (await busbar.api('north', 'GET', '/v1/sessions?station=CP-1')).body.items;
  for (const target of [`/v1/sessions/${session.id}`, `/v1/sessions/${session.id}/samples`, '/v1/stations/CP-2', '/v1/tokens/NORTH1']) {
    assert.equal((await busbar.api('south', 'GET', target)).status, 404, target);
  }
  assert.equal((await busbar.api('south', 'GET', '/v1/sessions')).body.items.length, 1);
  // A key of the other tenant is nobody here.
  const foreign = await busbar.api('south', 'GET', '/v1/sessions', undefined, { authorization: `Bearer ${busbar.keys.north}` });
  assert.equal(foreign.status, 401);
});

test('the remote start reaches the station and its answer comes back', async () => {
  const seen = [];
  const client = await busbar.station('north', 'CP-3', {
    handlers: { RemoteStartTransaction: ({ params }) => { seen.push(params); return { status: 'Accepted' }; } },
  });
  await client.call('BootNotification', { chargePointVendor: 'Elbe', chargePointModel: 'Wallbox 2' });
  const answer = await busbar.api('north', 'POST', '/v1/stations/CP-3/commands/RemoteStartTransaction', { idTag: 'NORTH1', connectorId: 1 });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.outcome, 'answered');
  assert.deepEqual(answer.body.result, { status: 'Accepted' });
  assert.deepEqual(seen, [{ connectorId: 1, idTag: 'NORTH1' }]);
  const bad = await busbar.api('north', 'POST', '/v1/stations/CP-3/commands/RemoteStartTransaction', { connectorId: 1 });
  assert.equal(bad.status, 422);
  assert.equal(bad.body.errors[0].pointer, '/idTag');
  await client.close();
  await until('the station to be offline', async () => !(await busbar.api('north', 'GET', '/v1/stations/CP-3')).body.online);
  const offline = await busbar.api('north', 'POST', '/v1/stations/CP-3/commands/Reset', { type: 'Soft' });
  assert.equal(offline.status, 409);
  assert.equal(offline.body.code, 'station-offline');
});
