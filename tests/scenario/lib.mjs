// SPDX-License-Identifier: Apache-2.0
//
// What the scenarios share: a busbard of their own with its own private PostgreSQL, its REST API, its database, and
// independent clients. Programs come from the build folder (BUILDDIR), npm packages from NODE_FOLDER.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = process.env.SRCDIR ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const build = process.env.BUILDDIR ?? path.join(root, 'build/check');
export const require = createRequire(path.join(process.env.NODE_FOLDER ?? path.join(root, 'build/node'), 'package.json'));
export const { RPCClient } = require('ocpp-rpc');
export const WebSocket = require('ws');

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `probe` returns something true; its last value. Throws with `what` after `ms`. */
export async function until(what, probe, ms = 20000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`timed out after ${ms} ms waiting for: ${what}`);
    await sleep(50);
  }
}

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export const newKey = () => `bb_live_${randomBytes(6).toString('hex')}_${randomBytes(20).toString('hex')}`;

export const defaultTenants = {
  north: { time_zone: 'Europe/Berlin', plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {}, billing: {}, export: {} } },
  south: { plugins: { identity: {}, charging: {}, ocpp16: { onboarding: 'accept' }, admin: {}, billing: {} } },
};

// JSON is YAML 1.2's flow style, but for tags; those are written as {"!file": path}.
function yaml(value) {
  if (Array.isArray(value)) return `[${value.map(yaml).join(', ')}]`;
  if (value && typeof value === 'object') {
    return `{${Object.entries(value).map(([k, v]) => `${k}: ${yaml(v)}`).join(', ')}}`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

export class Busbar {
  /** options: tenants (see defaultTenants), server (more of busbar.yaml), args, env, pluginFolders */
  static async start(options = {}) {
    const busbar = new Busbar();
    busbar.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-'));
    fs.chmodSync(busbar.folder, 0o755); // the private PostgreSQL runs as another user when we are root
    busbar.options = options;
    busbar.tenants = options.tenants ?? defaultTenants;
    busbar.keys = Object.fromEntries(Object.keys(busbar.tenants).map((id) => [id, newKey()]));
    busbar.port = await freePort();
    busbar.operationPort = await freePort();
    busbar.log = path.join(busbar.folder, 'busbard.log');
    busbar.writeConfig();
    await busbar.launch();
    return busbar;
  }

  get config() { return path.join(this.folder, 'busbar.yaml'); }
  get state() { return path.join(this.folder, 'state'); }

  writeConfig() {
    const tenants = path.join(this.folder, 'tenants');
    fs.mkdirSync(tenants, { recursive: true });
    fs.writeFileSync(this.config, yaml({
      state_folder: this.state,
      plugin_folders: this.options.pluginFolders ?? [path.join(build, '.libs')],
      tenants_folder: tenants,
      http: { listen: [`127.0.0.1:${this.port}`], ...this.options.http },
      operation: { listen: `127.0.0.1:${this.operationPort}` },
      database: { url: 'embedded', ...this.options.database },
      ...this.options.server,
    }));
    for (const id of Object.keys(this.tenants)) this.writeTenant(id);
  }

  writeTenant(id) {
    const { plugins, ...rest } = this.tenants[id];
    const own = { ...plugins };
    if (own.identity) own.identity = { bootstrap_key: this.keys[id], ...own.identity };
    fs.writeFileSync(path.join(this.folder, 'tenants', `${id}.yaml`),
      yaml({ id, name: `Tenant ${id}`, hosts: [`${id}.test`], ...rest, plugins: own }));
  }

  async launch() {
    const out = fs.openSync(this.log, 'a');
    const program = this.options.program ?? path.join(build, 'busbard');
    this.process = spawn(program, ['-c', this.config, ...(this.options.args ?? [])],
      { stdio: ['ignore', out, out], env: { ...process.env, ...this.options.env } });
    fs.closeSync(out);
    this.exit = undefined;
    this.exited = new Promise((resolve) => {
      const end = (exit) => { this.exit = exit; resolve(exit); };
      this.process.once('exit', (code, signal) => end({ code, signal }));
      this.process.once('error', (error) => end({ code: -1, error: error.message }));
    });
    await until('busbard to be ready', async () => {
      if (this.exit) throw new Error(`busbard ended: ${JSON.stringify(this.exit)}\n${this.tail()}`);
      return fs.existsSync(path.join(this.state, 'busbard.json')) && (await this.ready());
    }, 60000).catch(async (error) => {
      const tail = this.tail();
      this.process.kill('SIGTERM');
      await Promise.race([this.exited, sleep(10000)]);
      this.process.kill('SIGKILL');
      throw new Error(`${error.message}\n${tail}`);
    });
  }

  async ready() {
    try {
      return (await fetch(`http://127.0.0.1:${this.operationPort}/readyz`)).status === 200;
    } catch {
      return false;
    }
  }

  get info() { return JSON.parse(fs.readFileSync(path.join(this.state, 'busbard.json'), 'utf8')); }

  tail(lines = 60) { return fs.readFileSync(this.log, 'utf8').split('\n').slice(-lines).join('\n'); }

  logLines() {
    return fs.readFileSync(this.log, 'utf8').split('\n').flatMap((line) => {
      try { return [JSON.parse(line)]; } catch { return []; }
    });
  }

  base(tenant) { return `http://127.0.0.1:${this.port}/t/${tenant}`; }
  ocpp(tenant) { return `ws://127.0.0.1:${this.port}/t/${tenant}/ocpp`; }

  /** One REST call. Returns {status, headers, body} with the body parsed when it is JSON. */
  async api(tenant, method, target, body, headers = {}) {
    const url = target.startsWith('http') ? target : this.base(tenant) + target;
    const response = await fetch(url, {
      method,
      headers: {
        ...(headers.authorization === null ? {} : { authorization: `Bearer ${this.keys[tenant]}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...Object.fromEntries(Object.entries(headers).filter(([, v]) => v !== null)),
      },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const type = response.headers.get('content-type') ?? '';
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      body: /[/+]json/.test(type) && bytes.length ? JSON.parse(bytes.toString()) : undefined,
    };
  }

  /** Rows of a query with full rights, as arrays of text. */
  sql(text) {
    const out = execFileSync('psql', ['-X', '-q', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-d', this.info.database, '-c', text],
      { encoding: 'utf8', maxBuffer: 1 << 28 });
    return out.split('\n').filter((line) => line !== '').map((line) => line.split('\t'));
  }

  /** A strict, independent OCPP 1.6 client (npm ocpp-rpc), connected. */
  async station(tenant, id, { password, handlers = {} } = {}) {
    const client = new RPCClient({
      endpoint: this.ocpp(tenant), identity: id, protocols: ['ocpp1.6'], strictMode: true, password, reconnect: false,
    });
    for (const [action, handle] of Object.entries(handlers)) client.handle(action, handle);
    await client.connect();
    return client;
  }

  async stop() {
    if (!this.exit) {
      this.process.kill('SIGTERM');
      const late = setTimeout(() => this.process.kill('SIGKILL'), 60000);
      await this.exited;
      clearTimeout(late);
    }
    const report = this.sanitizerReport();
    if (report) throw new Error(`a sanitizer reported:\n${report}`);
    fs.rmSync(this.folder, { recursive: true, force: true });
    return this.exit;
  }

  sanitizerReport() {
    const text = fs.existsSync(this.log) ? fs.readFileSync(this.log, 'utf8') : '';
    const at = text.search(/==\d+==ERROR: |runtime error: /);
    return at < 0 ? '' : text.slice(at, at + 6000);
  }
}

const parentOf = (pid) => {
  try {
    return Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) \S /s, '').split(' ')[0]);
  } catch {
    return 0; // ended meanwhile
  }
};

/** Every process of the private PostgreSQL. */
export function postgresPids(busbar) {
  const postmaster = Number(busbar.sql("select pg_read_file('postmaster.pid')")[0][0]);
  return [postmaster, ...fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === postmaster).map(Number)];
}

/** Signals processes; one that has ended meanwhile (the database's workers come and go) is passed over. */
export function signalAll(pids, signal) {
  for (const pid of pids) {
    try { process.kill(pid, signal); } catch (error) { if (error.code !== 'ESRCH') throw error; }
  }
}

/** The rows of the first sheet of a workbook, read by openpyxl: an array of arrays; dates as ISO text. */
export function readWorkbook(bytes) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-xlsx-'));
  const file = path.join(folder, 'book.xlsx');
  fs.writeFileSync(file, bytes);
  try {
    const out = execFileSync('/usr/bin/python3', [path.join(root, 'tests/scenario/read_workbook.py'), file],
      { encoding: 'utf8', maxBuffer: 1 << 28 });
    return JSON.parse(out);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Starts an export, follows it to its end, downloads the file. */
export async function exportFile(busbar, tenant, request) {
  const created = await busbar.api(tenant, 'POST', '/v1/exports', request);
  if (created.status !== 202) throw new Error(`export: ${created.status} ${created.bytes}`);
  const job = await until('the export to end', async () => {
    const { body } = await busbar.api(tenant, 'GET', created.headers.get('location'));
    return ['succeeded', 'failed', 'canceled'].includes(body.state) && body;
  }, 60000);
  if (job.state !== 'succeeded') throw new Error(`export ${job.state}: ${job.error}`);
  const file = await fetch(job.download_url);
  return { job, status: file.status, headers: file.headers, bytes: Buffer.from(await file.arrayBuffer()) };
}
