// SPDX-License-Identifier: Apache-2.0
//
// Which tenant a TLS connection may ask for. Each name has its certificate and its rules for client certificates; a
// connection that was opened by the rules of one tenant is no way into another (RFC 9110 §15.5.20), and what one
// tenant's authority says of a client counts nowhere else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Busbar, freePort, sleep, until } from './lib.mjs';
import { addRoutes, compilePlugin, pluginFolder, routes } from './foreign.mjs';

let busbar, folder, port;
const file = (name) => path.join(folder, name);
const read = (name) => fs.readFileSync(file(name));
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: folder });

function authority(name) {
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-keyout', `${name}.key`, '-out', `${name}.crt`);
}
function certificate(name, by, commonName, names) {
  fs.writeFileSync(file(`${name}.ext`), names ? `subjectAltName=${names.map((n) => `DNS:${n}`).join(',')}\n` : 'basicConstraints=CA:FALSE\n');
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${commonName}`,
    '-keyout', `${name}.key`, '-out', `${name}.csr`);
  openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', '2',
    '-extfile', `${name}.ext`, '-out', `${name}.crt`);
}
const tenantTls = (name, policy, ca) => ({
  certificate: file(`${name}.crt`), key: file(`${name}.key`), ...(policy ? { client_policy: policy, client_ca: file(`${ca}.crt`) } : {}),
});

before(async () => {
  folder = pluginFolder();
  for (const ca of ['web', 'alpha-ca', 'beta-ca']) authority(ca);
  certificate('shared', 'web', 'shared', ['shared.test', 'plain.test', 'other.test']);
  for (const name of ['alpha', 'beta', 'gamma', 'open']) certificate(name, 'web', name, [`${name}.test`]);
  certificate('station-alpha', 'alpha-ca', 'CS-1');
  certificate('station-beta', 'beta-ca', 'CS-1');
  compilePlugin(folder, 'whoami', {
    code: routes({ '/v1/whoami': 'bb_response_bytes(res, "text/plain", bb_print("[%.*s]", BB_FMT(bb_request_client_certificate_name(req))));',
      '/v1/chain': 'bb_response_bytes(res, "text/plain", bb_print("%.*s", BB_FMT(bb_request_client_certificate(req))));' }),
    load: addRoutes,
  });
  port = await freePort();
  const plugins = { whoami: {} };
  busbar = await Busbar.start({
    pluginFolders: [folder],
    http: { tls: { listen: [`127.0.0.1:${port}`], certificate: file('shared.crt'), key: file('shared.key') } },
    tenants: {
      plain: { plugins }, // the listener's certificate, no client certificates
      other: { plugins },
      open: { tls: tenantTls('open'), plugins },
      alpha: { tls: tenantTls('alpha', 'optional', 'alpha-ca'), plugins },
      beta: { tls: tenantTls('beta', 'required', 'beta-ca'), plugins },
      gamma: { tls: { certificate: file('gamma.crt'), key: file('gamma.key'), client_policy: 'any' }, plugins },
    },
  });
});
after(async () => {
  await busbar?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** One request on a connection of its own, or on `agent`'s. */
function ask({ sni, host = sni ?? 'shared.test', prefix = '', client, headers, agent = false, what = 'whoami' }) {
  return new Promise((resolve, reject) => {
    const request = https.request({
      host: '127.0.0.1', port, servername: sni ?? '', path: `${prefix}/v1/${what}`, headers: { host, ...headers }, agent, ca: read('web.crt'),
      checkServerIdentity: () => undefined, ...(client ? { cert: read(`${client}.crt`), key: read(`${client}.key`) } : {}),
    }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }));
    });
    request.on('error', reject).end();
  });
}
const misdirected = (answer) => {
  assert.equal(answer.status, 421, answer.text);
  assert.equal(JSON.parse(answer.text).code, 'misdirected-request');
};

test('by its own name each tenant serves by its own rules', async () => {
  assert.deepEqual(await ask({ sni: 'plain.test' }), { status: 200, text: '[]' });
  assert.deepEqual(await ask({ sni: 'open.test' }), { status: 200, text: '[]' });
  assert.deepEqual(await ask({ sni: 'alpha.test' }), { status: 200, text: '[]' });
  assert.deepEqual(await ask({ sni: 'alpha.test', client: 'station-alpha' }), { status: 200, text: '[CS-1]' });
  assert.deepEqual(await ask({ sni: 'ALPHA.test', client: 'station-alpha' }), { status: 200, text: '[CS-1]' });
  assert.deepEqual(await ask({ sni: 'beta.test', client: 'station-beta' }), { status: 200, text: '[CS-1]' });
  await assert.rejects(ask({ sni: 'beta.test' }));
  await assert.rejects(ask({ sni: 'beta.test', client: 'station-alpha' }));
});

test('a tenant that requires a certificate cannot be reached without it, whatever the name', async () => {
  for (const sni of [undefined, 'shared.test', 'nobody.test', 'plain.test', 'open.test', 'alpha.test']) {
    misdirected(await ask({ sni, host: 'beta.test' }));
    misdirected(await ask({ sni, prefix: '/t/beta' }));
    if (sni !== 'alpha.test') misdirected(await ask({ sni, host: 'beta.test', client: 'station-beta' })); // nobody asked for it
  }
  const unencrypted = await fetch(`${busbar.base('beta')}/v1/whoami`);
  assert.equal(unencrypted.status, 421);
  await unencrypted.arrayBuffer();
});

test('with "any" a certificate is taken, but its name means nothing until a plugin has verified it', async () => {
  for (const client of ['station-alpha', 'station-beta']) {
    assert.deepEqual(await ask({ sni: 'gamma.test', client }), { status: 200, text: '[]' });
    assert.equal((await ask({ sni: 'gamma.test', client, what: 'chain' })).text, read(`${client}.crt`).toString());
  }
  assert.deepEqual(await ask({ sni: 'gamma.test' }), { status: 200, text: '[]' });
  assert.equal((await ask({ sni: 'gamma.test', what: 'chain' })).text, '');
});

test('the certificate of one tenant opens no other', async () => {
  misdirected(await ask({ sni: 'alpha.test', host: 'beta.test', client: 'station-alpha' }));
  misdirected(await ask({ sni: 'beta.test', host: 'alpha.test', client: 'station-beta' }));
  misdirected(await ask({ sni: 'beta.test', prefix: '/t/alpha', client: 'station-beta' }));
  misdirected(await ask({ sni: 'alpha.test', prefix: '/t/plain', client: 'station-alpha' }));
  misdirected(await ask({ sni: 'alpha.test', prefix: '/t/open', client: 'station-alpha' }));
});

test('a shared name serves all who do not require certificates', async () => {
  for (const sni of [undefined, 'shared.test', 'nobody.test']) {
    for (const tenant of ['plain', 'other', 'open', 'alpha']) {
      assert.deepEqual(await ask({ sni, prefix: `/t/${tenant}` }), { status: 200, text: '[]' });
    }
  }
  // Names may be mixed where it makes no difference.
  assert.deepEqual(await ask({ sni: 'plain.test', host: 'other.test' }), { status: 200, text: '[]' });
  assert.deepEqual(await ask({ sni: 'plain.test', prefix: '/t/open' }), { status: 200, text: '[]' });
  assert.deepEqual(await ask({ sni: 'shared.test', host: 'alpha.test', client: 'station-alpha' }), { status: 200, text: '[]' });
  assert.equal((await ask({ sni: 'plain.test', prefix: '/t/nobody' })).status, 404);
});

test('an open connection does not outlive the rules that it was opened by; a trusted proxy may mix names', async () => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    assert.equal((await ask({ sni: 'alpha.test', client: 'station-alpha', agent })).text, '[CS-1]');
    const reloads = () => busbar.logLines().filter((l) => l.event === 'reload.done').length;
    const before = reloads();
    busbar.tenants.alpha.tls.client_ca = file('beta-ca.crt');
    busbar.tenants.alpha.tls.client_policy = 'required';
    busbar.writeTenant('alpha');
    process.kill(busbar.info.pid, 'SIGHUP');
    await until('the reload', () => reloads() > before);
    misdirected(await ask({ sni: 'alpha.test', client: 'station-alpha', agent }));
    await assert.rejects(ask({ sni: 'alpha.test', client: 'station-alpha' }));
    assert.equal((await ask({ sni: 'alpha.test', client: 'station-beta' })).text, '[CS-1]');

    busbar.options.server = { trusted_proxies: ['127.0.0.1'] };
    busbar.writeConfig();
    process.kill(busbar.info.pid, 'SIGHUP');
    await until('the second reload', () => reloads() > before + 1);
    await sleep(100);
    assert.deepEqual(await ask({ sni: 'shared.test', host: 'beta.test', client: 'station-beta' }), { status: 200, text: '[]' });
    assert.equal((await fetch(`${busbar.base('beta')}/v1/whoami`)).status, 200);
    const proxied = { sni: 'beta.test', client: 'station-beta', headers: { 'x-forwarded-for': '192.0.2.7' } };
    assert.deepEqual(await ask(proxied), { status: 200, text: '[]' }, "a proxy's certificate is not its clients'");
  } finally {
    agent.destroy();
  }
});
