// SPDX-License-Identifier: Apache-2.0
//
// What is put into cells comes out again: thousands of random texts (every plane of Unicode, quotes, line breaks, what
// looks like formulas or like XML, very long ones) and numbers, written by the exports' writers from the bytes of a binary
// COPY, and read by openpyxl and exceljs (LONG: and LibreOffice), which must agree with each other and with what was put in.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { build, readWorkbook, require } from './lib.mjs';

const ExcelJS = require('exceljs');
const SEED = Number(process.env.SEED ?? 20261127), ROWS = process.env.LONG ? 40000 : 3000, TEXTS = 3, OFFICE = Boolean(process.env.LONG);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-cells-'));
after(() => fs.rmSync(folder, { recursive: true }));

let state = BigInt(SEED);
function chance(below) {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number((state >> 33n) % BigInt(below));
}
const pick = (list) => list[chance(list.length)];

const HARD = ['', ' ', '=1+1', '+49 30', '-5', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '  =1', '＝1+1', '＠x', '\'=1', '"', '""', 'a"b', 'a,b;c', 'line\nbreak', 'line\r\nbreak',
  'line\rbreak', ' a ', 'a ', '\ta', 'a\t', 'x  y', '<b>&amp;</b>', ']]>', '<![CDATA[', '&#13;', '_x0041_', '_x000D_', '_X0041_', '_x00e4_', '_x0041', '_x_x0041_', '_x0041_x0042_', '_x005F_x0041_',
  '_x\u00010041_', '__', '_', '\u0001\u0002', 'a\u0000b', 'a\u001fb', '\u007f\u0085\u2028', '\ufffe\uffff', 'a\ufffdb', '\ud7ff\ue000', '\u{10000}\u{10ffff}', '\u{1fffe}', '😀', 'ä', '\ufeffbom',
  '12', '1e5', '00012', '2026-01-01', 'TRUE', '#REF!', '漢字', 'עברית', 'e\u0301', 'NULL', 'null', '\\', '\\N', '{"a":1}', 'x'.repeat(511), 'x'.repeat(512), 'x'.repeat(513), 'y'.repeat(1024), 'ä'.repeat(600)];
const LONG_ONES = ['z'.repeat(32767), 'z'.repeat(32768), '😀'.repeat(16383), `a${'😀'.repeat(16383)}`, `ab${'😀'.repeat(16383)}`, `=${'<'.repeat(40000)}`, '&'.repeat(32766), '_x0041_'.repeat(5000), `${' '.repeat(40000)}end`];

function character() {
  const c = pick([0x20, 0x21, 0x41, 0x61, 0x80, 0x300, 0x2000, 0xe000, 0xfff0, 0x10000 * (1 + chance(16))]) + chance(pick([8, 64, 256, 2000]));
  return c >= 0xd800 && c <= 0xdfff ? 'x' : String.fromCodePoint(Math.min(c, 0x10ffff));
}
function text() {
  if (chance(4) === 0) return pick(HARD);
  let s = '';
  for (let i = chance(30); i > 0; i--) s += chance(6) === 0 ? pick(HARD.filter((h) => h.length < 20)) : character();
  return s.replaceAll('\0', '');
}
const number = () => BigInt(pick([1, -1])) * BigInt(chance(2 ** 30)) * BigInt(10 ** chance(6)) / BigInt(10 ** chance(9));

/** A binary COPY with these rows of Buffers (null: absent). */
function copy(rows) {
  const parts = [Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')];
  for (const row of rows) {
    const count = Buffer.alloc(2);
    count.writeInt16BE(row.length);
    parts.push(count);
    for (const cell of row) {
      const len = Buffer.alloc(4);
      len.writeInt32BE(cell === null ? -1 : cell.length);
      parts.push(len, cell ?? Buffer.alloc(0));
    }
  }
  return Buffer.concat([...parts, Buffer.from([0xff, 0xff])]);
}
function int8(v) {
  const b = Buffer.alloc(8);
  b.writeBigInt64BE(BigInt(v));
  return b;
}
const PG_EPOCH_MS = Date.UTC(2000, 0, 1);
const time = (ms) => int8(BigInt(ms - PG_EPOCH_MS) * 1000n);

/** Writes the rows in this format; answers where. */
function write(format, columns, rows, ...more) {
  const file = path.join(folder, `${format}-${chance(2 ** 30)}.${format.replace('-comma', '')}`);
  execFileSync(path.join(build, 'tests/bench/bench_export'), ['stdin', format, columns, file, ...more], { input: copy(rows), env: { ...process.env, TIME_ZONE: 'Europe/Berlin' } });
  return file;
}

/* --- what must come out --- */

const FORMULA = /^ *[=+\-@\t\r\n＝＋－＠]/;
const neutral = (s) => (FORMULA.test(s) ? `'${s}` : s);
function inExcel(s) {
  if (s === '') return null;
  let out = neutral(s).replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '').slice(0, 32767);
  if (/[\ud800-\udbff]$/.test(out)) out = out.slice(0, -1);
  return out;
}
/** openpyxl and exceljs leave the codes of ECMA-376 part 1 §22.9.2.19 as they are; LibreOffice and Excel do not. */
const decoded = (s) => (typeof s === 'string' ? s.replace(/_x([0-9A-Fa-f]{4})_/g, (_, code) => String.fromCharCode(parseInt(code, 16))) : s);

async function readWithExcelJS(file) {
  const book = new ExcelJS.Workbook();
  await book.xlsx.readFile(file);
  return book;
}
/** Every sheet's rows as LibreOffice has them, as text. */
function readWithLibreOffice(file) {
  execFileSync('soffice', [`-env:UserInstallation=file://${folder}/office`, '--headless', '--convert-to', 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,false,false,false,false,1', '--outdir', folder, file], { stdio: 'pipe', timeout: 240000 });
  const converted = fs.readdirSync(folder).find((name) => name.startsWith(path.basename(file, '.xlsx')) && name.endsWith('.csv'));
  return readCsv(path.join(folder, converted));
}
function readCsv(file, separator = ',') {
  const script = 'import csv, json, sys\ncsv.field_size_limit(1 << 30)\njson.dump(list(csv.reader(open(sys.argv[1], encoding="utf-8-sig", newline=""), delimiter=sys.argv[2])), sys.stdout)';
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', script, file, separator], { encoding: 'utf8', maxBuffer: 1 << 28 }));
}

const texts = [...HARD, ...LONG_ONES].map((s) => s.replaceAll('\0', ''));
const rows = Array.from({ length: ROWS }, (_, i) => Array.from({ length: TEXTS }, (__, k) => (k === 0 && i < texts.length ? texts[i] : text())));
const bytes = rows.map((row, i) => [int8(i), ...row.map((s) => Buffer.from(s))]);
const COLUMNS = 'n:int,a:text,b:text,c:text';

test(`${ROWS * TEXTS} texts as XLSX (seed ${SEED}): openpyxl, exceljs${OFFICE ? ' and LibreOffice' : ''} read what was put in`, async () => {
  const file = write('xlsx', COLUMNS, bytes);
  const [, ...python] = readWorkbook(fs.readFileSync(file)).sheets.Sessions;
  const sheet = (await readWithExcelJS(file)).getWorksheet('Sessions');
  const [, ...office] = OFFICE ? readWithLibreOffice(file) : [];
  assert.equal(python.length, ROWS);
  if (OFFICE) assert.equal(office.length, ROWS);
  assert.equal(sheet.rowCount, ROWS + 1);
  rows.forEach((row, i) => row.forEach((put, k) => {
    const expected = inExcel(put), where = `row ${i} of ${JSON.stringify(put.slice(0, 80))}`;
    assert.equal(decoded(python[i][k + 1]?.v ?? null) || null, expected || null, `openpyxl, ${where}`);
    assert.equal(decoded(sheet.getCell(i + 2, k + 2).value) || null, expected || null, `exceljs, ${where}`);
    if (OFFICE) assert.equal(office[i][k + 1], expected ?? '', `LibreOffice, ${where}`);
  }));
});

test('the same as CSV and as NDJSON', () => {
  const [, ...csv] = readCsv(write('csv', COLUMNS, bytes));
  const json = fs.readFileSync(write('ndjson', COLUMNS, bytes), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(csv.length, ROWS);
  assert.equal(json.length, ROWS);
  rows.forEach((row, i) => {
    assert.deepEqual(csv[i], [String(i), ...row.map(neutral)]);
    assert.deepEqual(json[i], { n: i, a: row[0], b: row[1], c: row[2] });
  });
});

test('numbers, durations and times: exact in every format, in every sheet, across the change of the clocks', async () => {
  const last = Date.UTC(2026, 9, 25, 1);
  const list = Array.from({ length: 2500 }, (_, i) => {
    const at = i < 500 ? last + (i - 250) * 60000 : Date.UTC(1900, 2, 2) + chance(2958000) * 86400000 + chance(86400000);
    return { i, at, ms: chance(200000) * 1000, wh: number(), money: number(), flag: chance(2) };
  });
  const columns = 'n:int,at:time,took:duration,energy:kwh,amount:money,flag:bool,state:enum';
  const put = list.map((r) => [int8(r.i), time(r.at), int8(r.ms), int8(r.wh), int8(r.money), Buffer.from([r.flag]), int8(r.i % 4)]);
  const file = write('xlsx', columns, put, '1001');
  const { sheets } = readWorkbook(fs.readFileSync(file));
  assert.deepEqual(Object.keys(sheets), ['Sessions', 'Sessions 2', 'Sessions 3', 'Summary']);
  const python = ['Sessions', 'Sessions 2', 'Sessions 3'].flatMap((name) => sheets[name].slice(1));
  const csv = readCsv(write('csv-comma', columns, put), ';').slice(1);
  const json = fs.readFileSync(write('ndjson', columns, put), 'utf8').trimEnd().split('\n');
  const book = await readWithExcelJS(file);
  assert.equal(python.length, list.length);
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin', dateStyle: 'short', timeStyle: 'medium' });
  const decimal = (v, digits) => `${v < 0n ? '-' : ''}${String(v < 0n ? -v : v).padStart(digits + 1, '0').replace(new RegExp(`(\\d{${digits}})$`), '.$1')}`;
  list.forEach((r, i) => {
    const [n, at, took, energy, amount, flag, word] = python[i].map((cell) => cell.v);
    const local = clock.format(Math.floor(r.at / 1000) * 1000);
    const cell = book.worksheets[Math.floor(i / 1000)].getCell((i % 1000) + 2, 2).value;
    assert.equal(n, i);
    assert.equal(at.replace('T', ' '), local);
    assert.equal(new Date(Math.round(cell / 1000) * 1000).toISOString().slice(0, 19).replace('T', ' '), local);
    assert.equal(energy, Number(decimal(r.wh, 3)));
    assert.equal(amount, Number(decimal(r.money, 4)));
    assert.equal(flag, r.flag === 1);
    assert.equal(word, ['open', 'ended', 'review', 'closed'][i % 4]);
    assert.deepEqual(csv[i].slice(0, 6), [String(i), local, `${Math.floor(r.ms / 3600000)}:${String(Math.floor(r.ms / 60000) % 60).padStart(2, '0')}:${String(Math.floor(r.ms / 1000) % 60).padStart(2, '0')}`,
      decimal(r.wh, 3).replace('.', ','), decimal(r.money, 4).replace('.', ','), r.flag ? 'TRUE' : 'FALSE']);
    assert.ok(json[i].includes(`"energy":${decimal(r.wh, 3)},"amount":${decimal(r.money, 4)},`), json[i]);
    assert.equal(Date.parse(JSON.parse(json[i]).at), r.at);
    assert.ok(typeof took === 'string' || typeof took === 'number');
  });
  const sum = (cells) => cells.reduce((total, v) => total + v, 0n);
  const total = sheets.Summary.find((row) => row[0].v === 'Total');
  assert.equal(total[1].v, list.length);
  assert.ok(Math.abs(total[3].v - Number(sum(list.map((r) => r.wh))) / 1000) < 1e-3);
});

test('the summary adds up by month, and each currency on its own', () => {
  const put = (month, wh, money, currency) => [time(Date.UTC(2026, month - 1, 31, 23, 30)), int8(wh), int8(money), currency && Buffer.from(currency)];
  const rowsPut = [put(1, 1000, 12345, 'EUR'), put(1, 2000, 20000, 'CHF'), put(3, 500, 5, 'EUR'), put(1, 1, 10000, 'EUR'), put(1, 7, 0, null), put(1, 9, 9, '\u0001<')];
  const { Summary } = readWorkbook(fs.readFileSync(write('xlsx', 'at:time,energy:kwh,gross:money,currency:text', rowsPut))).sheets;
  assert.deepEqual(Summary.slice(5).map((row) => row.slice(0, 5).map((cell) => cell.v)), [
    ['Month of at', 'Rows', 'energy', 'gross', 'currency'],
    // Half past midnight in Berlin: the next month.
    ['2026-02-01T00:00:00', 2, 1.001, 2.2345, 'EUR'],
    ['2026-02-01T00:00:00', 1, 2, 2, 'CHF'],
    ['2026-02-01T00:00:00', 1, 0.007, 0, null],
    ['2026-02-01T00:00:00', 1, null, null, 'others'],
    ['2026-04-01T00:00:00', 1, 0.5, 0.0005, 'EUR'],
    ['Total', 3, 1.501, 2.235, 'EUR'],
    ['Total', 1, 2, 2, 'CHF'],
    ['Total', 1, 0.007, 0, null],
    ['Total', 1, null, null, 'others'],
  ]);
});

test('what Excel has no date, duration or number for is text', () => {
  const odd = [
    [time(Date.UTC(1900, 1, 27)), int8(-7199000), int8(10n ** 15n), int8(10n ** 18n)],
    [time(Date.UTC(9999, 11, 31, 23, 30)), int8(-1800000), int8(-(10n ** 15n)), int8(123456789012)],
    [int8(2n ** 63n - 1n), int8(0), int8(999999999999999n), int8(99999999999)],
    [int8(-(2n ** 63n)), int8(86400000 * 3), int8(0), int8(0)],
  ];
  const rowsRead = readWorkbook(fs.readFileSync(write('xlsx', 'at:time,took:duration,energy:kwh,n:int', odd))).sheets.Sessions.slice(1);
  assert.deepEqual(rowsRead.map((row) => row[0]), ['1900-02-27 01:00:00', '10000-01-01 00:30:00', 'infinity', '-infinity'].map((v) => ({ v, t: 's' })));
  assert.deepEqual(rowsRead.slice(0, 2).map((row) => row[1]), ['-1:59:59', '-0:30:00'].map((v) => ({ v, t: 's' })));
  assert.deepEqual(rowsRead.map((row) => row[2].v), ['1000000000000.000', '-1000000000000.000', 999999999999.999, 0]);
  assert.deepEqual(rowsRead.map((row) => row[3].v), ['1000000000000000000', 123456789012, 99999999999, 0]);
});
