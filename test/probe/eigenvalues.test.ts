import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EigenvalueDecomposition, Matrix as Dense } from 'ml-matrix';
import { symmetricEigenvalues } from '../../src/probe/eigenvalues.js';
import { createRng } from '../../src/tensor/rng.js';

function near(actual: ArrayLike<number>, expected: readonly number[], within = 1e-12): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(actual[i]! - value) <= within, `${i}: ${actual[i]}, expected ${value}`);
  }
}

describe('the eigenvalues of a symmetric matrix', () => {
  test('by hand: two by two, 2 ± 1', () => {
    near(symmetricEigenvalues(2, Float64Array.of(2, 1, 1, 2)), [1, 3]);
  });

  test('by hand: the chain of three, 2 - sqrt 2, 2 and 2 + sqrt 2', () => {
    // prettier-ignore
    const chain = Float64Array.of(2, -1, 0, -1, 2, -1, 0, -1, 2);
    near(symmetricEigenvalues(3, chain), [2 - Math.SQRT2, 2, 2 + Math.SQRT2]);
  });

  test('by hand: a full matrix of ones has one eigenvalue of its size and zeros', () => {
    near(symmetricEigenvalues(5, new Float64Array(25).fill(1)), [0, 0, 0, 0, 5]);
  });

  test('of nothing, of one number, of a diagonal and of zeros', () => {
    near(symmetricEigenvalues(0, new Float64Array(0)), []);
    near(symmetricEigenvalues(1, Float64Array.of(-4)), [-4]);
    near(symmetricEigenvalues(3, Float64Array.of(3, 0, 0, 0, -1, 0, 0, 0, 2)), [-1, 2, 3]);
    near(symmetricEigenvalues(2, new Float64Array(4)), [0, 0]);
  });

  test('are those of ml-matrix on random matrices, and their sum is the trace', () => {
    const rng = createRng(3);
    for (const n of [2, 3, 7, 40, 90]) {
      const matrix = new Float64Array(n * n);
      for (let r = 0; r < n; r++) {
        for (let c = 0; c <= r; c++) matrix[r * n + c] = matrix[c * n + r] = rng.normal();
      }
      const rows = Array.from({ length: n }, (_, r) => Array.from(matrix.subarray(r * n, (r + 1) * n)));
      const expected = new EigenvalueDecomposition(new Dense(rows), { assumeSymmetric: true });
      const trace = rows.reduce((sum, of, r) => sum + of[r]!, 0);
      const found = symmetricEigenvalues(n, matrix);
      near(
        found,
        [...expected.realEigenvalues].sort((a, b) => a - b),
        1e-10,
      );
      assert.ok(Math.abs(found.reduce((a, b) => a + b, 0) - trace) < 1e-10);
    }
  });

  test('are refused for a matrix of another size, or with a number that is not finite', () => {
    assert.throws(() => symmetricEigenvalues(2, new Float64Array(3)), /needs 4 numbers, got 3/);
    assert.throws(() => symmetricEigenvalues(1, Float64Array.of(NaN)), /not finite/);
  });
});
