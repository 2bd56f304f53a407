/**
 * @file What is done to the soft tokens of a prompt, and what each soft token becomes.
 *
 *   interpolated   (1 - alpha) s + alpha o     o: a soft token of another chunk
 *   noise          s + r m u                   u: a random direction, m: the mean norm of a soft token
 *   random         |s| u                       nothing of the chunk is left but its norm
 *
 * Directions are drawn once for each soft token, so that more noise is more of the same noise.
 *
 * Shape letters: K soft tokens of a prompt, C decoder width.
 */

import { matrixOf, norm, row, type Matrix } from '../tensor/matrix.js';

export type Perturbation =
  | { readonly kind: 'interpolated'; readonly alpha: number }
  | { readonly kind: 'noise'; readonly ratio: number }
  | { readonly kind: 'random' };

/** All that is measured, in this order. Interpolation at 0 changes nothing: it is what the others are compared with. */
export const PERTURBATIONS: readonly Perturbation[] = [
  ...[0.25, 0.5, 0.75, 1].map((alpha) => ({ kind: 'interpolated', alpha }) as const),
  ...[0.1, 0.2, 0.5, 1, 2].map((ratio) => ({ kind: 'noise', ratio }) as const),
  { kind: 'random' },
];

/** What soft tokens are perturbed with. */
export interface Disturbance {
  /** Soft tokens of other chunks, one for each own, [K, C]. */
  readonly other: Matrix;
  /** Directions of length 1, one for each own, [K, C]. */
  readonly directions: Matrix;
  /** m: the mean norm of a soft token. */
  readonly meanNorm: number;
}

/** A new matrix of perturbed soft tokens, [K, C]. */
export function perturbed(
  soft: Matrix,
  by: Perturbation,
  { other, directions, meanNorm }: Disturbance,
): Matrix {
  switch (by.kind) {
    case 'interpolated':
      return mixed(soft, 1 - by.alpha, other, () => by.alpha);
    case 'noise':
      return mixed(soft, 1, directions, () => by.ratio * meanNorm);
    case 'random':
      return mixed(soft, 0, directions, (r) => norm(row(soft, r)));
  }
}

/** a X + b_r Y, row by row. */
function mixed(x: Matrix, a: number, y: Matrix, b: (r: number) => number): Matrix {
  const { rows, cols } = x;
  if (y.rows !== rows || y.cols !== cols) {
    throw new RangeError(`soft tokens of ${rows} x ${cols} cannot be mixed with ${y.rows} x ${y.cols}`);
  }
  const data = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    const weight = b(r);
    for (let i = r * cols; i < (r + 1) * cols; i++) data[i] = a * x.data[i]! + weight * y.data[i]!;
  }
  return matrixOf(rows, cols, data);
}
