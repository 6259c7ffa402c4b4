// SPDX-License-Identifier: Apache-2.0
//
// Plugins of other firms, for scenarios: made on the spot with cc against sdk/include, as a stranger would.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from './lib.mjs';

export function pluginFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-foreign-'));
  fs.chmodSync(folder, 0o755);
  return folder;
}

/**
 * <folder>/<name>.so. `load`: C statements of load(); `descriptor`: more of BB_PLUGIN's members ('.needs = needs');
 * `code`: what comes before; `tenantStart`: statements of tenant_start; `defines`: what the compiler is told.
 */
export function compilePlugin(folder, name, { code = '', load = '', tenantStart = '', descriptor = '', defines = [] } = {}) {
  const source = path.join(folder, `${name}.c`);
  fs.writeFileSync(source, `
#include <busbar/http.h>
#include <busbar/plugin.h>
#include <stdlib.h>
static struct { uint32_t size; } ops = {sizeof(ops)};
${code}
static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        *ret_self = &ops;
        ${load}
        return BB_OK;
}
static bb_err start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        (void)self, (void)tenant, (void)config;
        *ret_state = &ops;
        ${tenantStart}
        return BB_OK;
}
static void stop(void *self, void *state)
{
        (void)self, (void)state;
}
BB_PLUGIN(load, .name = "${name}", .version = "1.0", .vendor = "Stranger", .license = "MIT", .tenant_start = start,
          .tenant_stop = stop${descriptor ? `, ${descriptor}` : ''});
`);
  execFileSync('cc', ['-std=gnu17', '-O1', '-shared', '-fPIC', '-fvisibility=hidden', ...defines.map((d) => `-D${d}`),
    `-I${path.join(root, 'sdk/include')}`, '-o', path.join(folder, `${name}.so`), source], { stdio: 'pipe' });
  fs.rmSync(source);
}

/** The code of routes: {'/v1/x': 'C statements that may use req and res'}; goes with load: addRoutes. */
export function routes(table) {
  const entries = Object.entries(table);
  return `${entries.map(([, body], i) => `
static bb_err handle${i}(bb_request *req, bb_response *res)
{
        (void)req, (void)res;
        ${body}
        return BB_OK;
}`).join('')}
static const struct bb_route routes[] = {
${entries.map(([target], i) => `        {.method = "GET", .path = "${target}", .handle = handle${i}, .summary = "Foreign ${i}"},`).join('\n')}
};`;
}
export const addRoutes = 'TRY(bb_http_routes(routes, BB_COUNT(routes)));';
