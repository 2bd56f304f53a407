/**
 * @file Records whose bytes are not UTF-8.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openDataset } from '../../../src/datasets/open/open-dataset.js';
import { readPredictions } from '../../../src/datasets/records/predictions.js';
import { DataError } from '../../../src/domain/errors.js';
import { SAMPLES } from '../samples.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-utf8-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

const line = (n: number): Buffer => Buffer.from(`${JSON.stringify(SAMPLES[0]!.record(n))}\n`);

/** A record with "é" as Latin-1 writes it, and where that byte stands in the line. */
function latin1Line(n: number): { readonly bytes: Buffer; readonly at: number } {
  const bytes = Buffer.from(line(n).toString('utf8').replace('area', '\u00e9rea'), 'latin1');
  return { bytes, at: bytes.indexOf(0xe9) };
}

describe('a record that is not UTF-8', () => {
  test('is refused with its line and the offset of the byte in the file', async () => {
    const file = join(folder, 'latin1.jsonl');
    const { bytes, at } = latin1Line(1);
    await writeFile(file, Buffer.concat([line(0), bytes]));
    await assert.rejects(openDataset(file), (error) => {
      assert.ok(error instanceof DataError);
      assert.equal(error.message, `${file}:2: not UTF-8 at byte ${line(0).length + at} of the file`);
      assert.match(error.render(), /iconv/);
      return true;
    });
  });

  test('is left out and counted with skipInvalid', async () => {
    const file = join(folder, 'skipped.jsonl');
    await writeFile(file, Buffer.concat([latin1Line(0).bytes, line(1)]));
    const dataset = await openDataset(file, { skipInvalid: true });
    assert.deepEqual([dataset.tasks.length, dataset.skipped], [1, 1]);
  });

  test('is told from one that holds the replacement character itself', async () => {
    const file = join(folder, 'replacement.jsonl');
    await writeFile(file, line(0).toString('utf8').replace('area', '\ufffdrea'));
    assert.equal((await openDataset(file)).tasks.length, 1);
  });

  test('is refused among predictions as well', async () => {
    const file = join(folder, 'predictions.jsonl');
    await writeFile(file, Buffer.from('{"task_id":"a","pred":"\u00e9"}\n', 'latin1'));
    await assert.rejects(readPredictions(file, null).next(), /predictions\.jsonl:1: not UTF-8 at byte 23/);
  });
});
