/**
 * @file Rounds of paired measurements and what they say: the median ratio and an interval around it.
 *
 * In each round every side does the same work once, in an order drawn anew, so that whatever else the
 * machine does falls on all of them. Ratios are taken within a round.
 */

import { signTestInterval } from '../src/statistics/median-interval.js';
import { quantile } from '../src/statistics/statistics.js';
import { createRng, type Rng } from '../src/tensor/rng.js';

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
export async function interleaved<Side, Answer>(
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

/** Half of what the bounds of an {@link Estimate} leave out. */
const TAIL = 0.025;

/**
 * The median with the bounds of the sign test, which needs no assumption on the distribution. Fewer than six values
 * are too few for 95 %; their bounds are the smallest and the largest.
 *
 * @example medianEstimate([5, 1, 2, 4, 3, 6, 9, 8, 7]) // => median 5, low 2, high 8 (96.1 %)
 */
export function medianEstimate(values: readonly number[]): Estimate {
  const sorted = Float64Array.from(values).sort();
  const [low, high] = signTestInterval(sorted, TAIL) ?? [sorted[0] ?? NaN, sorted.at(-1) ?? NaN];
  return { median: median(values), low, high };
}
