import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { DataError } from '../../src/domain/errors.js';
import { LineWriter, readWholeLines } from '../../src/files/line-file.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-lines-'));
after(() => {
  rmSync(folder, { recursive: true });
});

describe('a file of lines', () => {
  // Windows removes no file that is open.
  test(
    'that is removed while it is written takes no further line',
    { skip: process.platform === 'win32' },
    async () => {
      const path = join(folder, 'removed.jsonl');
      const lines = await LineWriter.create(path);
      await lines.append({ n: 1 });
      rmSync(path);
      await assert.rejects(
        lines.append({ n: 2 }),
        (error: unknown) => error instanceof DataError && /removed\.jsonl: .*was removed/.test(error.message),
      );
      await lines.close();
    },
  );

  test(
    'on a full disk is a failure that names it, and the lines before it can be read',
    { skip: process.platform === 'linux' ? false : 'needs /dev/full' },
    async () => {
      const lines = await LineWriter.replace('/dev/full');
      await assert.rejects(
        lines.append({ n: 1 }),
        (error: unknown) =>
          error instanceof DataError &&
          /\/dev\/full: cannot be written: ENOSPC/.test(error.message) &&
          /--resume/.test(error.render()),
      );
    },
  );

  test('is read one line after the other: each is waited for', async () => {
    const path = join(folder, 'order.jsonl');
    const lines = await LineWriter.create(path);
    for (let n = 0; n < 5; n++) await lines.append({ n });
    await lines.close();
    const order: string[] = [];
    await readWholeLines(path, '', async (_, line) => {
      order.push(`begin ${line}`);
      await new Promise((resolve) => setTimeout(resolve, 5 - line));
      order.push(`end ${line}`);
    });
    assert.deepEqual(
      order,
      [1, 2, 3, 4, 5].flatMap((line) => [`begin ${line}`, `end ${line}`]),
    );
    assert.equal(readFileSync(path, 'utf8').split('\n').length, 6);
  });
});
