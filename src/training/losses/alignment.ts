/**
 * @file Alignment: projected vectors should be as alike as the encoder's vectors are.
 *
 * Of the rows of a matrix X, G_X holds the cosine of every pair. The loss compares G_P of the projector's rows with G_E
 * of the encoder's rows. LlavaCode's paper and code scale it differently; both scales have a name here:
 *
 *   mean-square   mean over all N^2 entries of (G_P - G_E)^2     the published code
 *   frobenius     (1 / sqrt(2)) * ||G_P - G_E||_F                the paper
 *
 * Where a chunk has k soft tokens, its row is all of them side by side, [k C]. Its tokens may then differ from each
 * other, which a comparison token by token would forbid.
 *
 * Source: LlavaCode (arXiv 2510.19644), equation of the alignment loss, and `models/kl_loss.py` of its code.
 */

import { matrixOf, norm, normalizeRows, row, type Matrix } from '../../tensor/matrix.js';

export const ALIGNMENT_SCALES = ['mean-square', 'frobenius'] as const;
export type AlignmentScale = (typeof ALIGNMENT_SCALES)[number];

/** The value of a loss and how it changes with the projector's rows. */
export interface Alignment {
  readonly loss: number;
  /** [N, k C]. */
  readonly gradient: Matrix;
}

/**
 * The loss and its gradient at the projector's rows.
 *
 * @param projected [N, k C].
 * @param encoded   [N, E], the vectors that the projector was given.
 * @example // encoder (1,0) and (0,1), projector (1,0) and (1,1): one cosine is 0, the other 1 / sqrt(2)
 * // mean-square: 2 * 0.5 / 4 = 0.25; frobenius: sqrt(2 * 0.5) / sqrt(2) = 0.70711
 */
export function alignment(projected: Matrix, encoded: Matrix, scale: AlignmentScale): Alignment {
  const { rows: n, cols } = projected;
  if (encoded.rows !== n) throw new RangeError(`${n} projected rows and ${encoded.rows} encoded ones`);
  const gradient = matrixOf(n, cols, new Float32Array(n * cols));
  if (n === 0) return { loss: 0, gradient };
  const unit = normalizeRows(projected);
  const difference = cosines(unit);
  const wanted = cosines(normalizeRows(encoded));
  let squares = 0;
  for (let i = 0; i < difference.length; i++) {
    difference[i]! -= wanted[i]!;
    squares += difference[i]! ** 2;
  }
  const apart = Math.sqrt(squares);
  const [loss, weight] =
    scale === 'mean-square'
      ? [squares / n ** 2, 2 / n ** 2]
      : [apart / Math.SQRT2, apart === 0 ? 0 : 1 / (Math.SQRT2 * apart)];
  for (let i = 0; i < n; i++) {
    const length = norm(row(projected, i));
    if (length === 0) continue;
    // G is symmetric, so that row i moves its own row of G and its own column.
    const pull = new Float64Array(cols);
    for (let j = 0; j < n; j++) {
      const w = 2 * weight * difference[i * n + j]!;
      const other = row(unit, j);
      for (let c = 0; c < cols; c++) pull[c]! += w * other[c]!;
    }
    const own = row(unit, i);
    let along = 0;
    for (let c = 0; c < cols; c++) along += pull[c]! * own[c]!;
    const into = row(gradient, i);
    for (let c = 0; c < cols; c++) into[c] = (pull[c]! - along * own[c]!) / length;
  }
  return { loss, gradient };
}

/** Products of all pairs of rows, [N, N]. @param unit Rows of length 1, or 0. */
function cosines(unit: Matrix): Float64Array {
  const n = unit.rows;
  const all = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const a = row(unit, i);
    for (let j = 0; j <= i; j++) {
      const b = row(unit, j);
      let sum = 0;
      for (let c = 0; c < a.length; c++) sum += a[c]! * b[c]!;
      all[i * n + j] = all[j * n + i] = sum;
    }
  }
  return all;
}
