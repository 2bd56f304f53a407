/**
 * @file Rounds of paired measurements and what they say: the median ratio and an interval around it.
 *
 * In each round every side does the same work once, in an order drawn anew, so that whatever else the
 * machine does falls on all of them. Ratios are taken within a round.
 */

import { quantile } from '../../src/metrics/statistics.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import type { Side } from './side.js';

/** A median with bounds that hold the true one with a probability of at least 95 %. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Seeded, so that two runs measure in the same order. */
export const orderOf = (seed: number): Rng => createRng(seed);

/**
 * Asks all sides in turn, `rounds` times after `warmUp` rounds that are not kept.
 *
 * @returns Per side, in the order of `sides`, one answer a round.
 */
export async function interleaved<Answer>(
  sides: readonly Side[],
  rng: Rng,
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
  ask: (side: Side) => Promise<Answer>,
): Promise<Answer[][]> {
  const answers = sides.map((): Answer[] => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const i of rng.shuffle(sides.map((_, index) => index))) {
      const answer = await ask(sides[i]!);
      if (round >= 0) answers[i]!.push(answer);
    }
  }
  return answers;
}

/** The quotient of two sides round by round, as an {@link Estimate}. */
export function ratio(numerator: readonly number[], denominator: readonly number[]): Estimate {
  return medianEstimate(numerator.map((value, i) => value / denominator[i]!));
}

/** Median of some numbers, of which there are some. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5) ?? NaN;
}

/**
 * The median and the narrowest pair of order statistics around it that needs no assumption on the
 * distribution: the number of values below the true median is binomial(n, 1/2).
 *
 * @example medianEstimate([5, 1, 2, 4, 3, 6, 9, 8, 7]) // => median 5, low 2, high 8 (96.1 %)
 */
export function medianEstimate(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  // Both tails outside the k-th value from either end: 2 P(fewer than k of n below the median).
  let outside = 0;
  let ways = 1;
  let k = 0;
  while (k < n) {
    outside += (2 * ways) / 2 ** n;
    if (outside > 0.05) break;
    ways = (ways * (n - k)) / (k + 1);
    k++;
  }
  // Fewer than six values: all of them are too few for 95 %, and the widest pair is all there is.
  const at = Math.max(0, k - 1);
  return { median: median(sorted), low: sorted[at] ?? NaN, high: sorted[n - 1 - at] ?? NaN };
}
