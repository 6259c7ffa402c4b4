// SPDX-License-Identifier: Apache-2.0
//
// A yardstick of tests/bench/export: npm exceljs's streaming writer, fed with the binary COPY on standard input.
//   node export_exceljs.mjs NODE_FOLDER COLUMNS FILE
import { createRequire } from 'node:module';
import path from 'node:path';

const [folder, columns, file] = process.argv.slice(2);
const ExcelJS = createRequire(path.join(folder, 'package.json'))('exceljs');
const begin = performance.now();
const kinds = columns.split(',').map((c) => c.split(':'));
const FORMATS = { int: '0', time: 'yyyy-mm-dd hh:mm:ss', duration: '[h]:mm:ss', kwh: '0.000', money: '#,##0.00' };
const ENUM = ['open', 'ended', 'review', 'closed'];
const PG_EPOCH_MS = Date.UTC(2000, 0, 1);

const integer = (b, at, len) => (len === 8 ? Number(b.readBigInt64BE(at)) : len === 4 ? b.readInt32BE(at) : b.readInt16BE(at));
const READ = {
  text: (b, at, len) => b.toString('utf8', at, at + len),
  uuid: (b, at) => b.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  int: integer,
  time: (b, at, len) => new Date(PG_EPOCH_MS + integer(b, at, len) / 1000),
  duration: (b, at, len) => integer(b, at, len) / 86400000,
  kwh: (b, at, len) => integer(b, at, len) / 1000,
  money: (b, at, len) => integer(b, at, len) / 10000,
  bool: (b, at) => b[at] === 1,
  enum: (b, at, len) => ENUM[integer(b, at, len)],
};
const read = kinds.map(([, kind]) => READ[kind]);

/** The row at `at`, or null when it is not all there; [cells, where it ended]. */
function parse(b, at) {
  const cells = [];
  at += 2;
  for (const convert of read) {
    if (at + 4 > b.length) return null;
    const len = b.readInt32BE(at);
    at += 4;
    if (len > 0 && at + len > b.length) return null;
    cells.push(len < 0 ? null : convert(b, at, len));
    at += Math.max(len, 0);
  }
  return [cells, at];
}

const book = new ExcelJS.stream.xlsx.WorkbookWriter({ filename: file, useStyles: true, useSharedStrings: false });
const sheet = book.addWorksheet('Sessions', { views: [{ state: 'frozen', ySplit: 1 }] });
sheet.columns = kinds.map(([name, kind]) => ({ header: name, width: 16, style: FORMATS[kind] ? { numFmt: FORMATS[kind] } : {} }));
let rest = Buffer.alloc(0), rows = 0, begun = false;
for await (const piece of process.stdin) {
  const b = Buffer.concat([rest, piece]);
  let at = begun ? 0 : 19;
  if (b.length < 19) { rest = b; continue; }
  begun = true;
  while (at + 2 <= b.length && b.readInt16BE(at) >= 0) {
    const parsed = parse(b, at);
    if (parsed === null) break;
    sheet.addRow(parsed[0]).commit();
    at = parsed[1];
    rows++;
  }
  rest = b.subarray(at);
  await new Promise((resolve) => setImmediate(resolve));
}
sheet.commit();
await book.commit();
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
console.log(`rows=${rows} wall_s=${((performance.now() - begin) / 1000).toFixed(3)} cpu_us_row=${((userCPUTime + systemCPUTime) / rows).toFixed(3)} rss_kib=${maxRSS}`);
