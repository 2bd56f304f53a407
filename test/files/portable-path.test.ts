/**
 * @file What run folders say of the paths of a machine.
 */

import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { portablePath, withoutHome, withPortablePaths } from '../../src/files/portable-path.js';

const places = { working: '/home/ada/work', home: '/home/ada' };

describe('a path in a record', () => {
  const cases: readonly (readonly [given: string, recorded: string])[] = [
    ['/home/ada/work/tasks.jsonl', 'tasks.jsonl'],
    ['/home/ada/work', '.'],
    ['/home/ada/models/decoder', '~/models/decoder'],
    ['/home/ada', '~'],
    // A name that begins alike is another folder.
    ['/home/ada2/models', '/home/ada2/models'],
    ['/home/ada/work/../keys', '~/keys'],
    ['/home/ada/..extra/x', '~/..extra/x'],
    ['/data/models/decoder', '/data/models/decoder'],
    ['../shop', '../shop'],
    ['owner/name@main', 'owner/name@main'],
    ['tiny', 'tiny'],
  ];
  for (const [given, recorded] of cases) {
    test(`${given} is recorded as ${recorded}`, () => {
      assert.equal(portablePath(given, places), recorded);
    });
  }

  test('stays where the home folder is the root, as for some services', () => {
    assert.equal(portablePath('/data/x', { working: '/srv', home: '/' }), '/data/x');
  });

  test('is made portable with the folders of this process unless told', () => {
    assert.equal(portablePath(join(process.cwd(), 'a', 'b')), 'a/b');
    assert.ok(!portablePath(join(homedir(), 'a')).includes(homedir()) || homedir() === '/');
  });

  test('is found however deep it stands, and nothing else changes', () => {
    const record = { model: '/home/ada/m', limit: 3, sweep: { topK: [1, 2] }, tasks: ['a/1'], none: null };
    assert.deepEqual(withPortablePaths(record, places), { ...record, model: '~/m' });
  });

  test('stands in a message in its short form', () => {
    const message = 'ENOENT: no such file, open /home/ada/models/x and /home/ada2/y';
    assert.equal(withoutHome(message, '/home/ada'), 'ENOENT: no such file, open ~/models/x and /home/ada2/y');
    assert.equal(withoutHome('/data/x', '/'), '/data/x');
  });
});
