import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { writeGguf } from '../../bench/peers/gguf.js';
import { FORMULAS, naiveBest, naiveScan } from '../../bench/peers/naive-bm25.js';
import { medianEstimate, ratio } from '../../bench/paired.js';

describe('paired ratios', () => {
  test('nine values: the second and the eighth hold the median with 96.1 %', () => {
    // Outside lie the cases with at most one value below (or above): 2 (1 + 9) / 2^9 = 3.9 %.
    assert.deepEqual(medianEstimate([5, 1, 2, 4, 3, 6, 9, 8, 7]), { median: 5, low: 2, high: 8 });
  });

  test('six values need both ends, and fewer have nothing better', () => {
    // 2 / 2^6 = 3.1 %; one further in is 2 (1 + 6) / 2^6 = 21.9 %.
    assert.deepEqual(medianEstimate([6, 5, 4, 3, 2, 1]), { median: 3.5, low: 1, high: 6 });
    assert.deepEqual(medianEstimate([3, 1, 2]), { median: 2, low: 1, high: 3 });
  });

  test('ratios are taken round by round', () => {
    // 10/20, 30/20, 8/4: the ratio of the medians would be 10/20.
    assert.equal(ratio([10, 30, 8], [20, 20, 4]).median, 1.5);
  });
});

describe('the plain scan', () => {
  const documents = ['a b', 'a a c d', 'e f', 'e g'];

  test('computes rank_bm25 by hand', () => {
    // N = 4, mean length 2.5; c is in one chunk: idf = ln 3.5 - ln 1.5.
    // f = 1, |d| = 4: 2.5 / (1 + 1.5 (0.25 + 0.75 * 4 / 2.5)) = 2.5 / 3.175.
    const [[chunk, score] = [-1, NaN]] = naiveBest(naiveScan(documents, FORMULAS.ours), 'c');
    assert.equal(chunk, 1);
    assert.ok(Math.abs(score - ((Math.log(3.5) - Math.log(1.5)) * 2.5) / 3.175) < 1e-12);
  });

  test('puts the earlier of equal chunks first', () => {
    assert.deepEqual(
      naiveBest(naiveScan(['x y', 'p q', 'x z', 'r s', 't u'], FORMULAS.ours), 'x').map(([chunk]) => chunk),
      [0, 2],
    );
  });

  test('finds terms inside words where a package does', () => {
    assert.equal(naiveBest(naiveScan(['abc', 'd'], FORMULAS.okapibm25), 'b').length, 1);
    assert.equal(naiveBest(naiveScan(['abc', 'd'], FORMULAS.minisearch), 'b').length, 0);
  });
});

test('a GGUF file begins with magic, version and counts, and its data is aligned', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llava-eval-gguf-'));
  try {
    const path = join(folder, 'nano.gguf');
    writeGguf(fileURLToPath(new URL('../../models/llavacode-nano/decoder', import.meta.url)), 'F16', path);
    const bytes = readFileSync(path);
    assert.equal(bytes.subarray(0, 4).toString(), 'GGUF');
    assert.equal(bytes.readUInt32LE(4), 3);
    // 4 layers of 12 tensors, the embedding table and the last norm; 20 values.
    assert.equal(bytes.readBigUInt64LE(8), 50n);
    assert.equal(bytes.readBigUInt64LE(16), 20n);
    assert.equal(bytes.length % 32, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
