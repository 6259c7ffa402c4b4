// SPDX-License-Identifier: Apache-2.0
//
// The OCA's list is complete: each of its cases is there, once, with its number at the start of a line's code.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from './lib.mjs';
import { titles } from './oca.mjs';

test('each of the 77 cases is tested once', () => {
  const folder = path.join(root, 'tests/scenario');
  const found = fs.readdirSync(folder).filter((name) => /^oca_(?!list).*\.test\.mjs$/.test(name))
    .flatMap((name) => fs.readFileSync(path.join(folder, name), 'utf8').match(/(?<=')TC_\d+(_\d)?_CSMS(?=')/g) ?? []);
  assert.equal(Object.keys(titles).length, 77);
  assert.deepEqual(found.sort(), Object.keys(titles).sort());
});
