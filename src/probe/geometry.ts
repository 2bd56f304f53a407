/**
 * @file How a set of vectors fills its space: the two numbers that show a collapse.
 *
 *   mean cosine      over all pairs of different vectors; 1 where all point one way
 *   effective rank   exponential of the entropy of the singular values, taken as shares, of the unit vectors less their
 *                    mean; 1 where they differ in one direction only or not at all, at most the width
 *
 * Source: Roy & Vetterli, "The effective rank", EUSIPCO 2007. The same as `recipe/evaluation/evaluate.py` of the embedded model
 * computes; the singular values come from the Gram matrix, which is small, instead of all vectors.
 */

import { normalizeRows, type Matrix } from '../tensor/matrix.js';
import { symmetricEigenvalues } from './eigenvalues.js';

export interface Geometry {
  readonly vectors: number;
  readonly width: number;
  readonly meanCosine: number;
  readonly effectiveRank: number;
}

/**
 * Unit vectors whose mean squared distance to their mean is below this do not differ: it is what the rounding of
 * float32 leaves of equal vectors. Without it, that rounding would look like a full rank.
 */
const ROUNDING = 1e-10;

/**
 * The geometry of the rows of a matrix.
 *
 * @throws {RangeError} Below two rows, where there is no pair.
 */
export function geometryOf(matrix: Matrix): Geometry {
  const unit = normalizeRows(matrix);
  const { rows: n, cols: d, data } = unit;
  if (n < 2) throw new RangeError(`the geometry of ${n} vectors is not defined`);
  const sum = new Float64Array(d);
  for (let i = 0; i < data.length; i++) sum[i % d]! += data[i]!;
  const squared = sum.reduce((total, value) => total + value * value, 0);
  return {
    vectors: n,
    width: d,
    meanCosine: (squared - n) / (n * (n - 1)),
    effectiveRank: effectiveRank(unit, sum),
  };
}

/** @param sum Of the rows. */
function effectiveRank({ rows: n, cols: d, data }: Matrix, sum: Float64Array): number {
  const centred = Float64Array.from(data, (value, i) => value - sum[i % d]! / n);
  const spread = centred.reduce((total, value) => total + value * value, 0) / n;
  if (spread < ROUNDING) return 1;
  const eigenvalues = symmetricEigenvalues(...gramOf(centred, n, d));
  // Eigenvalues below the rounding of the largest are dust of either sign.
  const largest = eigenvalues.at(-1)!;
  const singular = eigenvalues.map((value) => (value > largest * 1e-13 ? Math.sqrt(value) : 0));
  const total = singular.reduce((a, b) => a + b, 0);
  const entropy = singular.reduce((h, value) => {
    const share = value / total;
    return share > 0 ? h - share * Math.log(share) : h;
  }, 0);
  return Math.exp(entropy);
}

/** The Gram matrix of the smaller side: both have the same eigenvalues other than 0. */
function gramOf(rows: Float64Array, n: number, d: number): [side: number, gram: Float64Array] {
  const [side, length, at] =
    d <= n
      ? ([d, n, (r: number, i: number) => rows[i * d + r]!] as const)
      : ([n, d, (r: number, i: number) => rows[r * d + i]!] as const);
  const gram = new Float64Array(side * side);
  const column = new Float64Array(side);
  for (let i = 0; i < length; i++) {
    for (let r = 0; r < side; r++) column[r] = at(r, i);
    for (let r = 0; r < side; r++) {
      const value = column[r]!;
      for (let c = 0; c <= r; c++) gram[r * side + c]! += value * column[c]!;
    }
  }
  for (let r = 0; r < side; r++) for (let c = 0; c < r; c++) gram[c * side + r] = gram[r * side + c]!;
  return [side, gram];
}
