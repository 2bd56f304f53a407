/**
 * @file Text of strangers: reading ends at a limit, whatever a file says of its size.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readLines } from '../../src/datasets/rows/jsonl.js';
import { readForeignText, readForeignTextSync } from '../../src/files/foreign-text-file.js';
import { readWholeLines } from '../../src/files/line-file.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-text-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('a text file', () => {
  test('is read whole up to the limit, and refused by its size above', async () => {
    const path = write('config.json', '{"é": 1}'); // 9 bytes: é has two
    assert.equal(readForeignTextSync(path, 9), '{"é": 1}');
    assert.equal(await readForeignText(path, 9), '{"é": 1}');
    assert.throws(() => readForeignTextSync(path, 8), {
      name: 'DataError',
      message: /has 9 bytes.* up to 8$/,
    });
    await assert.rejects(readForeignText(path, 8), { name: 'DataError' });
  });

  test('that is empty is an empty text', () => {
    assert.equal(readForeignTextSync(write('empty.json', '')), '');
  });

  test('of 300 MiB is refused before it is read', () => {
    const path = write('large.json', '');
    truncateSync(path, 300 * 2 ** 20);
    assert.throws(() => readForeignTextSync(path), { name: 'DataError' });
  });

  test(
    'that links to a device without end is refused at the limit',
    { skip: process.platform === 'win32' },
    () => {
      const path = join(folder, 'tokenizer.json');
      symlinkSync('/dev/zero', path);
      assert.throws(() => readForeignTextSync(path, 100_000), { message: /has more than 100000 bytes/ });
    },
  );

  test('that is missing keeps the error of the system', () => {
    assert.throws(() => readForeignTextSync(join(folder, 'none')), { code: 'ENOENT' });
  });
});

describe('a line', () => {
  /** Three pieces of a MiB without a line end, after a first line. */
  const long = write('long.jsonl', `{"a":1}\n${'x'.repeat(3 * 2 ** 20)}`);

  test('of records that is longer than the limit is refused by its number, and lines before it are read', async () => {
    const read: number[] = [];
    await assert.rejects(
      async () => {
        for await (const { line } of readLines(long, 2 ** 20)) read.push(line);
      },
      { name: 'DataError', message: `${long}:2: the line is longer than 1048576 bytes` },
    );
    assert.deepEqual(read, [1]);
  });

  test('of a journal too', async () => {
    await assert.rejects(
      readWholeLines(long, 'restore it', () => undefined, 2 ** 20),
      {
        name: 'JournalError',
        message: `${long}:2: the line is longer than 1048576 bytes`,
      },
    );
  });
});
