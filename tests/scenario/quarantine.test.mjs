// SPDX-License-Identifier: Apache-2.0
//
// Bad plugins. One that crashes the server costs a worker each time, and after the third time only itself: its routes are out
// of order, everybody else serves. Those that cannot even be loaded are refused with a sentence each.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Busbar, build, defaultTenants, until } from './lib.mjs';
import { addRoutes, compilePlugin, pluginFolder, routes } from './foreign.mjs';

const withPlugins = (plugins) => ({
  north: { ...defaultTenants.north, plugins: { ...defaultTenants.north.plugins, ...plugins } },
  south: defaultTenants.south,
});
const folders = (folder) => [path.join(build, '.libs'), folder];
const errors = (busbar, part) => busbar.logLines().filter((l) => l.level === 'error' && l.text?.includes(part));
const north = async (busbar) => (await (await fetch(`http://127.0.0.1:${busbar.operationPort}/readyz`)).json()).state.tenants.north;
const get = async (busbar, target, tenant = 'north') => {
  const answer = await fetch(`${busbar.base(tenant)}${target}`);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

async function stationConnects(busbar, id) {
  const station = await busbar.station('north', id);
  const boot = await station.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
  assert.equal(boot.status, 'Accepted');
  await station.close();
}

describe('a plugin that crashes', () => {
  let busbar, folder;
  before(async () => {
    folder = pluginFolder();
    compilePlugin(folder, 'crashy', {
      code: routes({ '/v1/crash': 'abort();', '/v1/fine': 'bb_response_bytes(res, "text/plain", BB_STR("fine"));' }),
      load: `${addRoutes} TRY(bb_provide("crashy/1", &ops));`,
    });
    compilePlugin(folder, 'leaner', { // leans on crashy
      code: `static const char *const needs[] = {"crashy/1", NULL};${routes({ '/v1/leaner': 'bb_response_bytes(res, "text/plain", BB_STR("leaner"));' })}`,
      load: `if (bb_require("crashy/1", 4) == NULL) return BB_E_NOT_FOUND; ${addRoutes}`,
      descriptor: '.needs = needs',
    });
    busbar = await Busbar.start({ pluginFolders: folders(folder), tenants: withPlugins({ crashy: {}, leaner: {} }) });
  });
  after(async () => {
    await busbar?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test('costs a worker each time, and is quarantined after the third', async () => {
    assert.equal((await get(busbar, '/v1/fine')).text, 'fine');
    assert.equal((await get(busbar, '/v1/leaner')).text, 'leaner');
    for (let i = 0; i < 3; i++) {
      const { worker_pid: old } = busbar.info;
      assert.equal((await get(busbar, '/v1/openapi.json')).status, 200);
      await assert.rejects(get(busbar, '/v1/crash'));
      await until('a new worker that serves', async () => busbar.info.worker_pid !== old && (await busbar.ready()), 30000)
        .catch((error) => { throw new Error(`${error.message}\n${busbar.tail()}`); });
      if (i < 2) assert.equal((await get(busbar, '/v1/fine')).text, 'fine', 'it gets another chance');
    }
    const { worker_pid: worker } = busbar.info;
    const answer = await get(busbar, '/v1/crash');
    assert.equal(answer.status, 503);
    assert.equal(busbar.info.worker_pid, worker);
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    const problem = JSON.parse(answer.text);
    assert.equal(problem.code, 'plugin-unavailable');
    assert.ok(!/crash|quarantine/i.test(answer.text), answer.text);
  });

  test('its routes and those of plugins that need it are out of order, and stay described', async () => {
    assert.equal((await get(busbar, '/v1/fine')).status, 503);
    assert.equal((await get(busbar, '/v1/leaner')).status, 503);
    assert.equal((await get(busbar, '/v1/fine', 'south')).status, 404, 'who has not enabled it learns nothing');
    assert.equal((await get(busbar, '/v1/nothing')).status, 404);
    const { paths } = JSON.parse((await get(busbar, '/v1/openapi.json')).text);
    assert.equal(paths['/v1/crash'].get.summary, 'Foreign 0');
    assert.ok(paths['/v1/leaner'].get);
  });

  test('everything else serves', async () => {
    await stationConnects(busbar, 'CS-1');
    assert.equal((await busbar.api('north', 'GET', '/v1/stations/CS-1')).status, 200);
    assert.equal((await busbar.api('south', 'GET', '/v1/stations')).status, 200);
  });

  test('operators see why', async () => {
    const [line, ...more] = errors(busbar, 'plugin crashy crashed the server three times');
    assert.ok(line, busbar.tail());
    assert.equal(more.length, 0);
    assert.match(line.text, /plugin crashy .* operation \/v1\/crash of tenant north/);
    assert.deepEqual([line.plugin, line.tenant, line.operation], ['crashy', 'north', '/v1/crash']);
    assert.deepEqual(await north(busbar), {
      state: 'degraded',
      failed: {
        crashy: 'plugin crashy is quarantined: it crashed the worker three times',
        leaner: 'plugin leaner needs crashy/1 of plugin crashy, which cannot be loaded',
      },
    });
    const reports = fs.readdirSync(path.join(busbar.state, 'crashes'));
    assert.equal(reports.length, 3);
    const report = JSON.parse(fs.readFileSync(path.join(busbar.state, 'crashes', reports[0]), 'utf8'));
    assert.equal(report.plugin, 'crashy');
  });

  test('SIGHUP tries it again', async () => {
    const { worker_pid: worker } = busbar.info;
    process.kill(busbar.info.pid, 'SIGHUP');
    await until('the plugin to serve again', async () => (await get(busbar, '/v1/fine')).text === 'fine');
    await until('the one that needs it, too', async () => (await get(busbar, '/v1/leaner')).text === 'leaner');
    assert.equal(busbar.info.worker_pid, worker);
    assert.ok(!fs.existsSync(path.join(busbar.state, 'quarantine.json')));
    await stationConnects(busbar, 'CS-1');
    // It starts from nothing: one more crash is one.
    await assert.rejects(get(busbar, '/v1/crash'));
    await until('a new worker that serves', async () => busbar.info.worker_pid !== worker && (await busbar.ready()), 30000);
    assert.equal((await get(busbar, '/v1/fine')).text, 'fine');
  });
});

describe('plugins that cannot be loaded', () => {
  let busbar, folder;
  const bad = ['loadcrash', 'nextmajor', 'lonely', 'hen', 'egg'];
  before(async () => {
    folder = pluginFolder();
    const needs = (...names) => `static const char *const needs[] = {${names.map((n) => `"${n}"`).join(', ')}, NULL};`;
    const route = (name) => routes({ [`/v1/${name}`]: 'bb_response_bytes(res, "text/plain", BB_STR("served"));' });
    compilePlugin(folder, 'loadcrash', { load: 'abort();' });
    compilePlugin(folder, 'nextmajor', {
      code: `#undef BB_ABI_MAJOR\n#define BB_ABI_MAJOR 2\n${route('nextmajor')}`, load: addRoutes,
    });
    compilePlugin(folder, 'lonely', {
      code: needs('nobody/1') + route('lonely'), descriptor: '.needs = needs',
      load: `if (bb_require("nobody/1", 4) == NULL) return BB_E_NOT_FOUND; ${addRoutes}`,
    });
    for (const [name, other] of [['hen', 'egg'], ['egg', 'hen']]) {
      compilePlugin(folder, name, {
        code: needs(`${other}/1`) + route(name), descriptor: '.needs = needs', load: `TRY(bb_provide("${name}/1", &ops)); ${addRoutes}`,
      });
    }
    compilePlugin(folder, 'good', { code: route('good'), load: addRoutes });
    busbar = await Busbar.start({ pluginFolders: folders(folder), tenants: withPlugins(Object.fromEntries([...bad, 'good'].map((n) => [n, {}]))) });
  });
  after(async () => {
    await busbar?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const sentences = {
    loadcrash: /^plugin loadcrash is quarantined: it crashed in load \(Aborted\)$/,
    nextmajor: /^plugin nextmajor needs SDK ABI 2\.\d+, this busbard has 1\.\d+: upgrade busbard$/,
    lonely: /^plugin lonely needs nobody\/1, which no enabled plugin provides$/,
    hen: /^plugin hen is part of a circle of needs: hen needs egg\/1 of egg, egg needs hen\/1 of hen$/,
    egg: /^plugin egg is part of a circle of needs: egg needs hen\/1 of hen, hen needs egg\/1 of egg$/,
  };
  for (const [name, sentence] of Object.entries(sentences)) {
    test(`${name} is refused with a sentence`, async () => {
      const lines = busbar.logLines().filter((l) => /^plugin\.(refused|quarantined)$/.test(l.event) && l.plugin === name);
      assert.equal(lines.length, 1, busbar.tail());
      assert.match(lines[0].text, sentence);
      assert.match((await north(busbar)).failed[name], sentence);
    });
  }

  test('the rest runs', async () => {
    assert.equal((await get(busbar, '/v1/good')).text, 'served');
    await stationConnects(busbar, 'CS-2');
    assert.equal((await busbar.api('north', 'GET', '/v1/stations/CS-2')).status, 200);
    assert.equal(busbar.logLines().filter((l) => l.event === 'worker.started').length, 1, 'none of them cost a worker');
  });

  test('what would be there is out of order; what nobody knows is not found', async () => {
    for (const name of ['lonely', 'hen', 'egg']) assert.equal((await get(busbar, `/v1/${name}`)).status, 503, name);
    for (const name of ['loadcrash', 'nextmajor']) assert.equal((await get(busbar, `/v1/${name}`)).status, 404, name);
  });
});
