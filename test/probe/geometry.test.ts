import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { geometryOf } from '../../src/probe/geometry.js';
import { matrixOf } from '../../src/tensor/matrix.js';
import { createRng } from '../../src/tensor/rng.js';

const rowsOf = (...rows: readonly (readonly number[])[]) =>
  matrixOf(rows.length, rows[0]!.length, Float32Array.from(rows.flat()));
const near = (value: number, expected: number, within = 1e-6): void => {
  assert.ok(Math.abs(value - expected) < within, `${value}, expected ${expected}`);
};

describe('the geometry of vectors', () => {
  test('by hand: the four unit vectors of a plane', () => {
    // Pairs of e1, e2, -e1, -e2: two of cosine -1, four of 0: mean -2 / 6. Mean 0; singular values sqrt 2, sqrt 2.
    const { meanCosine, effectiveRank } = geometryOf(rowsOf([3, 0], [0, 5], [-1, 0], [0, -2]));
    near(meanCosine, -1 / 3);
    near(effectiveRank, 2);
  });

  test('by hand: unequal singular values', () => {
    // e1, -e1, e1, -e1, e2, -e2: singular values sqrt 4 and sqrt 2, shares 2 / (2 + sqrt 2) = 0.585786 and 0.414214;
    // entropy 0.313279 + 0.365077 = 0.678356, exponential 1.970634. Pairs: sum 0, so (0 - 6) / 30 = -0.2.
    const six = [[1, 0], [-1, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]; // prettier-ignore
    const { meanCosine, effectiveRank } = geometryOf(rowsOf(...six));
    near(meanCosine, -0.2);
    near(effectiveRank, 1.970634, 1e-6);
  });

  test('shows a collapse: one direction with a little noise in one other', () => {
    const { meanCosine, effectiveRank } = geometryOf(rowsOf([1, 0.01, 0], [1, -0.01, 0], [1, 0.02, 0]));
    assert.ok(meanCosine > 0.999);
    near(effectiveRank, 1, 0.03);
  });

  test('of random directions is near 0 and near the width, whichever side of the matrix is longer', () => {
    const rng = createRng(2);
    const random = (n: number, d: number) =>
      matrixOf(
        n,
        d,
        Float32Array.from({ length: n * d }, () => rng.normal()),
      );
    const many = geometryOf(random(2000, 16));
    near(many.meanCosine, 0, 0.002);
    near(many.effectiveRank, 16, 0.05);
    // Twelve directions less their mean leave eleven.
    const few = geometryOf(random(12, 64));
    assert.ok(few.effectiveRank > 10 && few.effectiveRank <= 11, String(few.effectiveRank));
  });

  test('of one vector is refused', () => {
    assert.throws(() => geometryOf(rowsOf([1, 2])), /geometry of 1 vectors/);
  });
});
