// SPDX-License-Identifier: Apache-2.0
//
// What busbard is measured against: npm ocpp-rpc's server in strict mode (each message is checked against the official
// schemas), which answers at once and stores nothing. Prints its port, then serves until it is ended.
//   node tests/bench/yardstick.mjs FOLDER_WITH_NODE_MODULES
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.join(path.resolve(process.argv[2]), 'package.json'));
const { RPCServer } = require('ocpp-rpc');

let transactions = 0;
const accepted = { status: 'Accepted' };
const answers = {
  BootNotification: () => ({ status: 'Accepted', interval: 300, currentTime: new Date().toISOString() }),
  Heartbeat: () => ({ currentTime: new Date().toISOString() }),
  StatusNotification: () => ({}),
  MeterValues: () => ({}),
  Authorize: () => ({ idTagInfo: accepted }),
  StartTransaction: () => ({ transactionId: ++transactions, idTagInfo: accepted }),
  StopTransaction: () => ({ idTagInfo: accepted }),
};

const server = new RPCServer({ protocols: ['ocpp1.6'], strictMode: ['ocpp1.6'] });
server.auth((accept) => accept());
server.on('client', (client) => {
  for (const [action, answer] of Object.entries(answers)) client.handle(action, answer);
});
const http = await server.listen(0, '127.0.0.1');
console.log(http.address().port);
process.on('SIGTERM', () => process.exit(0));
