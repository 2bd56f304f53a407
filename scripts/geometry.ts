/**
 * @file How a set of vectors fills its space: the two numbers that show a collapse.
 *
 *   mean cosine      over all pairs of different vectors; 1 where all point one way
 *   effective rank   exponential of the entropy of the singular values, taken as shares, of the unit vectors less their
 *                    mean; 1 where they differ in one direction only, at most the width
 *
 * Source: Roy & Vetterli, "The effective rank", EUSIPCO 2007. The same as `recipe/evaluation/evaluate.py` of the embedded model
 * computes; the singular values come from the Gram matrix, which is small, instead of all vectors.
 */

import { EigenvalueDecomposition, Matrix as Dense } from 'ml-matrix';
import { normalizeRows, type Matrix } from '../src/tensor/matrix.js';

export interface Geometry {
  readonly vectors: number;
  readonly width: number;
  readonly meanCosine: number;
  readonly effectiveRank: number;
}

/**
 * The geometry of the rows of a matrix.
 *
 * @throws {RangeError} Below two rows, where there is no pair.
 */
export function geometryOf(matrix: Matrix): Geometry {
  const { rows: n, cols: d, data } = normalizeRows(matrix);
  if (n < 2) throw new RangeError(`the geometry of ${n} vectors is not defined`);
  const sum = new Float64Array(d);
  for (let i = 0; i < data.length; i++) sum[i % d]! += data[i]!;
  const squared = sum.reduce((total, value) => total + value * value, 0);
  const centred = Float64Array.from(data, (value, i) => value - sum[i % d]! / n);
  // Of the smaller side: both Gram matrices have the same eigenvalues other than 0.
  const [rows, length, at] =
    d <= n
      ? ([d, n, (r: number, i: number) => centred[i * d + r]!] as const)
      : ([n, d, (r: number, i: number) => centred[r * d + i]!] as const);
  const gram = Dense.zeros(rows, rows);
  const column = new Float64Array(rows);
  for (let i = 0; i < length; i++) {
    for (let r = 0; r < rows; r++) column[r] = at(r, i);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c <= r; c++) gram.set(r, c, gram.get(r, c) + column[r]! * column[c]!);
    }
  }
  for (let r = 0; r < rows; r++) for (let c = 0; c < r; c++) gram.set(c, r, gram.get(r, c));
  const { realEigenvalues } = new EigenvalueDecomposition(gram, { assumeSymmetric: true });
  // Eigenvalues below the rounding of the largest are dust of either sign.
  const largest = Math.max(...realEigenvalues);
  const singular = realEigenvalues.map((value) => (value > largest * 1e-13 ? Math.sqrt(value) : 0));
  const total = singular.reduce((a, b) => a + b, 0);
  const entropy = singular.reduce((h, value) => {
    const share = value / total;
    return share > 0 ? h - share * Math.log(share) : h;
  }, 0);
  return {
    vectors: n,
    width: d,
    meanCosine: (squared - n) / (n * (n - 1)),
    effectiveRank: total > 0 ? Math.exp(entropy) : 0,
  };
}
