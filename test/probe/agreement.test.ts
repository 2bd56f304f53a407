import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agreementOf, COSINE_BINS } from '../../src/probe/agreement.js';
import { geometryOf } from '../../src/probe/geometry.js';
import { matrixOf, type Matrix } from '../../src/tensor/matrix.js';
import { createRng } from '../../src/tensor/rng.js';
import { alignment } from '../../src/training/losses/alignment.js';

const rowsOf = (...rows: readonly (readonly number[])[]): Matrix =>
  matrixOf(rows.length, rows[0]!.length, Float32Array.from(rows.flat()));
const near = (value: number | null, expected: number, within = 1e-6): void => {
  assert.ok(value !== null && Math.abs(value - expected) < within, `${value}, expected ${expected}`);
};
function randomRows(n: number, d: number, seed: number): Matrix {
  const rng = createRng(seed);
  return matrixOf(
    n,
    d,
    Float32Array.from({ length: n * d }, () => rng.normal()),
  );
}
/** x -> x Q by rows, Q a product of rotations: an orthogonal projector. */
function rotated({ rows, cols, data }: Matrix): Matrix {
  const turned = data.slice();
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c + 1 < cols; c++) {
      const at = r * cols + c;
      const [x, y] = [turned[at]!, turned[at + 1]!];
      [turned[at], turned[at + 1]] = [0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y];
    }
  }
  return matrixOf(rows, cols, turned);
}

describe('the agreement of pairwise cosines', () => {
  test('is the alignment loss of a training, in both scalings', () => {
    const [encoded, projected] = [randomRows(9, 5, 1), randomRows(9, 7, 2)];
    const { meanSquare, frobenius } = agreementOf(encoded, projected);
    near(meanSquare, alignment(projected, encoded, 'mean-square').loss);
    near(frobenius, alignment(projected, encoded, 'frobenius').loss);
  });

  test('by hand: one pair, in both published scalings', () => {
    // Encoder (1,0), (0,1): cosine 0. Projector (1,0), (1,1): cosine 0.70711. Two entries of four differ, by 0.70711.
    // Mean square 2 * 0.5 / 4 = 0.25; Frobenius norm sqrt(2 * 0.5) = 1, over sqrt(2) 0.70711.
    const { meanSquare, frobenius, correlation } = agreementOf(
      rowsOf([1, 0], [0, 1]),
      rowsOf([1, 0], [1, 1]),
    );
    near(meanSquare, 0.25);
    near(frobenius, Math.SQRT1_2);
    assert.equal(correlation, null, 'one pair has no correlation');
  });

  test('by hand: the correlation over three pairs', () => {
    // Before: pairs 12, 13, 23 have cosines 0, 1, 0; after: 1, 0, 0. Means 1/3; products of deviations
    // (-1/3)(2/3) + (2/3)(-1/3) + (1/3)(1/3) = -1/3; squares 2/3 each: -1/2.
    const before = rowsOf([1, 0], [0, 1], [1, 0]);
    const after = rowsOf([2, 0], [3, 0], [0, 1]);
    near(agreementOf(before, after).correlation, -0.5);
    // Two of three pairs differ by 1: 2 * 2 / 9.
    near(agreementOf(before, after).meanSquare, 4 / 9);
  });

  test('counts the pairs by cosine: 0 stands in the bin that begins at 0, 1 in the last', () => {
    const { encoded, projected } = agreementOf(rowsOf([1, 0], [0, 1]), rowsOf([1, 0], [1, 0]));
    assert.equal(encoded.length, COSINE_BINS);
    assert.deepEqual([encoded[20], projected[39]], [1, 1]);
  });

  test('an orthogonal projector keeps every cosine', () => {
    const before = randomRows(40, 12, 5);
    const { meanSquare, frobenius, correlation } = agreementOf(before, rotated(before));
    near(meanSquare, 0, 1e-12);
    near(frobenius, 0, 1e-4);
    near(correlation, 1);
    const [own, turned] = [geometryOf(before), geometryOf(rotated(before))];
    near(turned.meanCosine, own.meanCosine);
    near(turned.effectiveRank, own.effectiveRank, 1e-4);
  });

  test('a constant projector has collapsed: mean cosine 1, effective rank 1, no correlation', () => {
    const before = randomRows(30, 8, 6);
    const constant = matrixOf(
      30,
      5,
      Float32Array.from({ length: 150 }, (_, i) => [0.3, -1, 2, 0.1, 7][i % 5]!),
    );
    const { meanCosine, effectiveRank } = geometryOf(constant);
    near(meanCosine, 1);
    assert.equal(effectiveRank, 1);
    const { correlation, projected } = agreementOf(before, constant);
    assert.equal(correlation, null);
    assert.equal(projected[39], 1);
  });

  test('equal vectors with the rounding of float32 between them count as one point', () => {
    const rng = createRng(1);
    const noisy = Float32Array.from({ length: 200 }, (_, i) => (i % 4) + 1 + rng.normal() * 1e-7);
    assert.equal(geometryOf(matrixOf(50, 4, noisy)).effectiveRank, 1);
  });

  test('is refused for one row, and for other rows than the encoder has', () => {
    assert.throws(() => agreementOf(rowsOf([1]), rowsOf([1])), /agreement of 1 vectors/);
    assert.throws(() => agreementOf(rowsOf([1], [2]), rowsOf([1])), /2 encoder rows and 1/);
  });
});
