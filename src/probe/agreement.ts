/**
 * @file Are vectors as alike behind a projector as before it? The cosines of all pairs, before and after.
 *
 * Of the rows of a matrix X, G_X holds the cosine of every pair. With G_E of the encoder's rows and G_P of the
 * projector's rows, over N rows:
 *
 *   mean square   mean over all N^2 entries of (G_P - G_E)^2     the alignment loss of LlavaCode's code
 *   Frobenius     ||G_P - G_E||_F / sqrt(2)                       the alignment loss of its paper
 *   correlation   Pearson's, over the pairs of different rows
 *
 * The first does not depend on N, the second grows with it. Where a chunk has k soft tokens, its row is all of them side
 * by side. No matrix of pairs is kept.
 *
 * Shape letters: N vectors, E encoder width, C decoder width, k soft tokens a vector.
 *
 * Source: LlavaCode (arXiv:2510.19644), the alignment loss.
 */

import { normalizeRows, row, type Matrix } from '../tensor/matrix.js';

/** How many pairs have a cosine in each of the bins from -1 to 1. */
export const COSINE_BINS = 40;

export interface Agreement {
  readonly meanSquare: number;
  readonly frobenius: number;
  /** Null where one side has the same cosine for all pairs. */
  readonly correlation: number | null;
  /** Shares of the pairs by cosine, in {@link COSINE_BINS} bins of one width from -1 to 1. */
  readonly encoded: readonly number[];
  readonly projected: readonly number[];
}

/** Cosines that spread less than this are all the same: float32 vectors know no better. */
const ALIKE = 1e-6;

/**
 * Compares the pairwise cosines of the same chunks.
 *
 * @param encoded   [N, E].
 * @param projected [N, k C], of the same chunks in the same order.
 * @throws {RangeError} Below two rows, or if the numbers of rows differ.
 * @example // encoder (1,0) and (0,1), projector (1,0) and (1,1): one cosine is 0, the other 1 / sqrt(2)
 * // mean square 2 * 0.5 / 4 = 0.25; Frobenius sqrt(2 * 0.5) / sqrt(2) = 0.70711; no correlation of one pair
 */
export function agreementOf(encoded: Matrix, projected: Matrix): Agreement {
  const n = encoded.rows;
  if (projected.rows !== n) throw new RangeError(`${n} encoder rows and ${projected.rows} projected ones`);
  if (n < 2) throw new RangeError(`the agreement of ${n} vectors is not defined`);
  const [before, after] = [normalizeRows(encoded), normalizeRows(projected)];
  const [bins, binsAfter] = [new Float64Array(COSINE_BINS), new Float64Array(COSINE_BINS)];
  let squares = 0;
  let pairs = 0;
  // Running means and sums of products of deviations (Welford): cosines that are all near 1 leave digits for their spread.
  const mean = { x: 0, y: 0 };
  const deviations = { xx: 0, yy: 0, xy: 0 };
  for (let i = 1; i < n; i++) {
    const [own, ownAfter] = [row(before, i), row(after, i)];
    for (let j = 0; j < i; j++) {
      const x = dot(own, row(before, j));
      const y = dot(ownAfter, row(after, j));
      squares += (y - x) ** 2;
      bins[binOf(x)]!++;
      binsAfter[binOf(y)]!++;
      pairs++;
      const [dx, dy] = [x - mean.x, y - mean.y];
      mean.x += dx / pairs;
      mean.y += dy / pairs;
      deviations.xx += dx * (x - mean.x);
      deviations.yy += dy * (y - mean.y);
      deviations.xy += dx * (y - mean.y);
    }
  }
  const spread = Math.min(deviations.xx, deviations.yy) / pairs;
  return {
    meanSquare: (2 * squares) / n ** 2,
    frobenius: Math.sqrt(squares),
    correlation: spread < ALIKE ** 2 ? null : deviations.xy / Math.sqrt(deviations.xx * deviations.yy),
    encoded: Array.from(bins, (count) => count / pairs),
    projected: Array.from(binsAfter, (count) => count / pairs),
  };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** @param cosine Rounding may carry it beyond 1. */
function binOf(cosine: number): number {
  return Math.max(0, Math.min(COSINE_BINS - 1, Math.floor(((cosine + 1) / 2) * COSINE_BINS)));
}
