import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { FrozenPrefix } from '../../../src/inference/differentiable.js';
import { inBatches, pack, pastOf } from '../../../src/model/ort/training/packed-batch.js';
import { matrixOf } from '../../../src/tensor/matrix.js';

const SHAPE = { heads: 2, kvHeads: 1, headWidth: 2, width: 1 } as const;

/** Inputs one number wide. */
const inputs = (...numbers: number[]) => matrixOf(numbers.length, 1, Float32Array.from(numbers));
/** One layer of one head, two numbers a position. */
const prefix = (...keys: number[]): FrozenPrefix => ({
  positions: keys.length / 2,
  layers: [{ keys: Uint16Array.from(keys), values: Uint16Array.from(keys, (key) => key + 100) }],
});

describe('a packed batch', () => {
  // Two sequences: two new positions behind one past one, and one new position behind two. So T = 2 and S = 2.
  const batch = pack(
    [
      { prefix: prefix(1, 2), inputs: inputs(10, 11) },
      { prefix: prefix(3, 4, 5, 6), inputs: inputs(20) },
    ],
    SHAPE,
  );

  test('has rows below each other, and counts positions from the start of each sequence', () => {
    assert.deepEqual([batch.rows, batch.fresh, batch.past], [3, 2, 2]);
    assert.deepEqual([...batch.inputs.data], [10, 11, 20]);
    assert.deepEqual([...batch.positions], [1, 2, 2]);
    assert.deepEqual(batch.starts, [0, 2]);
  });

  test('says which row stands at each padded place, and where each row stands', () => {
    // Places 0 and 1 are of the first sequence, place 2 of the second; place 3 is padding and names any row.
    assert.deepEqual([...batch.slots], [0n, 1n, 2n, 0n]);
    assert.deepEqual([...batch.places], [0n, 1n, 2n]);
  });

  test('lets a position see its own past and itself, for both heads that share keys', () => {
    // Keys: two past places, two new ones. The first sequence has one past position, so its second place is hidden.
    const visible = Array.from(batch.mask, (number) => (number === 0 ? 1 : 0));
    const rows = Array.from({ length: 8 }, (_, i) => visible.slice(4 * i, 4 * i + 4).join(''));
    assert.deepEqual(rows.slice(0, 4), ['1010', '1011', '1010', '1011']);
    // The second sequence has no second new position: its row sees nothing, and nobody reads what it gives.
    assert.deepEqual(rows.slice(4), ['1110', '0000', '1110', '0000']);
  });

  test('pads keys and values of the past behind what is there', () => {
    assert.deepEqual([...pastOf(batch, 0, 'keys', SHAPE)], [1, 2, 0, 0, 3, 4, 5, 6]);
    assert.deepEqual([...pastOf(batch, 0, 'values', SHAPE)], [101, 102, 0, 0, 103, 104, 105, 106]);
  });
});

describe('batches', () => {
  const sequence = (rows: number) => ({ prefix: null, inputs: matrixOf(rows, 1, new Float32Array(rows)) });
  const lengths = (rows: readonly number[], heads = 1): number[][] =>
    inBatches(rows.map(sequence), heads).map((batch) => batch.map((one) => one.inputs.rows));

  test('have 512 rows at most, or one sequence that is longer', () => {
    assert.deepEqual(lengths([200, 300, 12, 1]), [[200, 300, 12], [1]]);
    assert.deepEqual(lengths([10, 600, 10]), [[10], [600], [10]]);
    assert.deepEqual(lengths([]), []);
  });

  test('have 16,777,216 scores at most: with 64 heads, 256 positions have 4,194,304 a sequence', () => {
    // Each sequence is padded to 256: four fill 4 x 4,194,304, and a fifth is one too many.
    assert.deepEqual(lengths([256, 1, 1, 1, 1], 64), [[256, 1, 1, 1], [1]]);
  });
});
