import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { matrixOf, stackRows } from '../../src/tensor/matrix.js';

describe('matrices below each other', () => {
  test('have the rows of all, in their order, and share no number with them', () => {
    const first = matrixOf(1, 2, Float32Array.of(1, 2));
    const second = matrixOf(2, 2, Float32Array.of(3, 4, 5, 6));
    const all = stackRows([first, second], 2);
    assert.deepEqual([all.rows, all.cols, [...all.data]], [3, 2, [1, 2, 3, 4, 5, 6]]);
    all.data[0] = 9;
    assert.equal(first.data[0], 1);
  });

  test('are an empty matrix of a known width where there is none', () => {
    assert.deepEqual(stackRows([], 3), matrixOf(0, 3, new Float32Array(0)));
  });

  test('must be of one width', () => {
    const wide = matrixOf(1, 3, new Float32Array(3));
    assert.throws(() => stackRows([wide], 2), /a matrix is 3 wide, the others are 2 wide/);
  });
});
