// SPDX-License-Identifier: Apache-2.0
//
// What two HTTP parsers could read differently is refused (RFC 9112 §2.2, §5, §6; RFC 9110 §5.5), on a raw socket.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Busbar, sleep } from './lib.mjs';

let busbar;
before(async () => { busbar = await Busbar.start({ server: { limits: { header_ms: 1500 } } }); });
after(async () => { await busbar?.stop(); });

/** Sends the bytes, returns everything that comes back until the server closes (or `ms` passed). */
function raw(bytes, ms = 4000) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(busbar.port, '127.0.0.1');
    let got = '';
    const end = () => { socket.destroy(); resolve(got); };
    const timer = setTimeout(end, ms);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (data) => { got += data.toString('latin1'); });
    socket.on('close', () => { clearTimeout(timer); resolve(got); });
    socket.on('error', (error) => (error.code === 'ECONNRESET' ? resolve(got) : reject(error)));
  });
}
const status = (answer) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
const path = '/t/north/v1/openapi.json';
const post = (headers, body = '') => `POST /t/north/v1/exports HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;

const refused = {
  'duplicate Content-Length': post('Content-Length: 2\r\nContent-Length: 2\r\n', '{}'),
  'two different Content-Lengths': post('Content-Length: 2\r\nContent-Length: 3\r\n', '{} '),
  'a list as Content-Length': post('Content-Length: 2, 2\r\n', '{}'),
  'Content-Length with Transfer-Encoding': post('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '2\r\n{}\r\n0\r\n\r\n'),
  'Transfer-Encoding with Content-Length': post('Transfer-Encoding: chunked\r\nContent-Length: 2\r\n', '2\r\n{}\r\n0\r\n\r\n'),
  'Content-Length +5': post('Content-Length: +5\r\n', '{   }'),
  'Content-Length 0x5': post('Content-Length: 0x5\r\n', '{   }'),
  'Content-Length -1': post('Content-Length: -1\r\n'),
  'an empty Content-Length': post('Content-Length: \r\n'),
  'a Content-Length beyond 2^64': post('Content-Length: 18446744073709551617\r\n', '{'),
  'a bare LF after the request line': `GET ${path} HTTP/1.1\nHost: a\r\n\r\n`,
  'a bare LF after a header': `GET ${path} HTTP/1.1\r\nHost: a\nX: y\r\n\r\n`,
  'a bare LF as the end of headers': `GET ${path} HTTP/1.1\r\nHost: a\r\n\n`,
  'a bare CR in a header': `GET ${path} HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n`,
  'a NUL in a header': `GET ${path} HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n`,
  'a space before the colon': `GET ${path} HTTP/1.1\r\nHost : a\r\n\r\n`,
  'a space before the colon of another header': `GET ${path} HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n`,
  'obs-fold': `GET ${path} HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n`,
  'a folded first line': `GET ${path} HTTP/1.1\r\n Host: a\r\n\r\n`,
  'no Host': `GET ${path} HTTP/1.1\r\nX: y\r\n\r\n`,
  'two Hosts': `GET ${path} HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n`,
  'a Host with a space': `GET ${path} HTTP/1.1\r\nHost: a b\r\n\r\n`,
  'garbage after a chunk': post('Transfer-Encoding: chunked\r\n', '2\r\n{}XX\r\n0\r\n\r\n'),
  'a chunk size with +': post('Transfer-Encoding: chunked\r\n', '+2\r\n{}\r\n0\r\n\r\n'),
  'a chunk size with 0x': post('Transfer-Encoding: chunked\r\n', '0x2\r\n{}\r\n0\r\n\r\n'),
  'a chunk size ended by LF': post('Transfer-Encoding: chunked\r\n', '2\n{}\r\n0\r\n\r\n'),
  'a chunk size of 17 digits': post('Transfer-Encoding: chunked\r\n', '00000000000000002\r\n{}\r\n0\r\n\r\n'),
  'chunked, but not last': post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'),
  'chunked twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  'two spaces in the request line': `GET  ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'a tab in the request line': `GET\t${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'no version': `GET ${path}\r\nHost: a\r\n\r\n`,
  'an empty header name': `GET ${path} HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n`,
  'a header without colon': `GET ${path} HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n`,
};
for (const [name, bytes] of Object.entries(refused)) {
  test(`${name} is 400`, async () => {
    const answer = await raw(bytes);
    assert.equal(status(answer), 400, answer.slice(0, 200));
    assert.match(answer, /\r\nconnection: close\r\n/i);
    assert.equal(answer.match(/HTTP\/1\.1 /g).length, 1, 'one answer, then the end');
    assert.match(answer, /application\/problem\+json/i);
  });
}

const other = {
  'an unknown transfer coding': [post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 501],
  'HTTP/2.0 in the request line': [`GET ${path} HTTP/2.0\r\nHost: a\r\n\r\n`, 505],
  'a header block over 16 KiB': [`GET ${path} HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(17000)}\r\n\r\n`, 431],
  'more than 100 headers': [`GET ${path} HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(120)}\r\n`, 431],
  'an announced body beyond the limit': [post('Content-Length: 1048577\r\n'), 413],
};
for (const [name, [bytes, want]] of Object.entries(other)) {
  test(`${name} is ${want}`, async () => { assert.equal(status(await raw(bytes)), want); });
}

test('what is good is served: pipelined, chunked, HEAD, 100-continue, and keeps alive', async () => {
  const get = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const three = await raw(get + get + get.replace('GET', 'HEAD').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  assert.equal(three.match(/HTTP\/1\.1 200 /g).length, 3);
  const auth = `Authorization: Bearer ${busbar.keys.north}\r\nConnection: close\r\n`;
  const chunked = await raw(post(`Transfer-Encoding: chunked\r\n${auth}`, '1\r\n{\r\n1;ext=1\r\n}\r\n0\r\nTrailer: x\r\n\r\n'));
  assert.equal(status(chunked), 202, chunked.slice(0, 300));
  const socket = net.connect(busbar.port, '127.0.0.1');
  let got = '';
  socket.on('data', (data) => { got += data; });
  socket.write(post(`Content-Length: 2\r\nExpect: 100-continue\r\n${auth}`));
  for (let i = 0; i < 100 && !got; i++) await sleep(20);
  assert.match(got, /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  socket.write('{}');
  for (let i = 0; i < 150 && !/ 202 /.test(got); i++) await sleep(20);
  assert.match(got, /HTTP\/1\.1 202 /);
  socket.destroy();
});

test('headers that drip are cut off at their total deadline', async () => {
  const socket = net.connect(busbar.port, '127.0.0.1');
  let closed = false, got = '';
  socket.on('data', (data) => { got += data; });
  socket.on('close', () => { closed = true; });
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n`);
  const started = Date.now();
  while (!closed && Date.now() - started < 15000) {
    socket.write('X: y\r\n');
    await sleep(100); // never idle
  }
  assert.ok(closed, 'the server closed the connection although bytes kept coming');
  assert.ok(got === '' || status(got) === 408, got);
});
