// SPDX-License-Identifier: Apache-2.0
//
// The folder EXAMPLES holds an echo.so of a newer minor than busbard: refused with a sentence, and the rest runs.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, build } from '../scenario/lib.mjs';

let busbar;
before(async () => {
  busbar = await Busbar.start({
    pluginFolders: [path.join(build, '.libs'), process.env.EXAMPLES],
    tenants: { north: { plugins: { identity: {}, charging: {}, admin: {}, echo: {} } } },
  });
});
after(async () => { await busbar?.stop(); });

test('the log says what to upgrade, and the other plugins serve', async () => {
  const line = busbar.logLines().find((l) => /echo/.test(JSON.stringify(l)) && /1\.99/.test(JSON.stringify(l)));
  assert.ok(line, busbar.tail());
  assert.match(JSON.stringify(line), /upgrade busbard/i);
  assert.equal((await busbar.api('north', 'GET', '/v1/stations')).status, 200);
  assert.equal((await fetch(`${busbar.base('north')}/echo`)).status, 404);
});
