/**
 * @file Intervals and tests for quantities measured on the same tasks.
 *
 * Everything random takes a generator, so that the same journal gives the same report to the byte. Tasks count
 * as independent of each other here; `paired.ts` takes their repositories into account.
 */

import type { Rng } from '../tensor/rng.js';

/** Ends of a 95 % interval, low end first. */
export type Interval = readonly [low: number, high: number];

/**
 * Resamples of a bootstrap. With another seed the ends of a 95 % interval then move by about 0.06 standard
 * errors: sqrt(0.025 x 0.975 / 2000) over the normal density at 1.96, which is 0.058.
 */
const RESAMPLES = 2000;
/** Sign assignments drawn by a permutation test: the smallest p it can report is 1 / 10,001. */
const PERMUTATIONS = 10_000;

/** Arithmetic mean; null of nothing, which is not zero. */
export function mean(values: readonly number[] | Float64Array): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/**
 * The q-quantile, linearly interpolated between the two nearest ranks; null of nothing.
 *
 * Source: Hyndman & Fan (1996), definition 7 (the default of NumPy and R).
 *
 * @param q A fraction in [0, 1]: 0.9 for p90.
 * @example quantile([4, 1, 3, 2], 0.5) // => 2.5
 */
export function quantile(values: readonly number[] | Float64Array, q: number): number | null {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`a quantile is a fraction from 0 to 1, got ${q}`);
  return values.length === 0 ? null : quantileOfSorted(Float64Array.from(values).sort(), q);
}

function quantileOfSorted(sorted: Float64Array, q: number): number {
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

/**
 * 95 % percentile bootstrap interval of the mean; null below two values, where nothing is known about
 * the spread.
 */
export function bootstrapMean(values: readonly number[], rng: Rng): Interval | null {
  return bootstrap(values, rng, (sample) => sample.reduce((sum, value) => sum + value, 0) / sample.length);
}

/** 95 % percentile bootstrap interval of the median; null below two values. */
export function bootstrapMedian(values: readonly number[], rng: Rng): Interval | null {
  return bootstrap(values, rng, (sample) => quantileOfSorted(sample.sort(), 0.5));
}

function bootstrap(
  values: readonly number[],
  rng: Rng,
  statistic: (sample: Float64Array) => number,
): Interval | null {
  if (values.length < 2) return null;
  const sample = new Float64Array(values.length);
  const statistics = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) {
    for (let i = 0; i < sample.length; i++) sample[i] = values[rng.int(values.length)]!;
    statistics[r] = statistic(sample);
  }
  statistics.sort();
  return [quantileOfSorted(statistics, 0.025), quantileOfSorted(statistics, 0.975)];
}

/**
 * Exact two-sided McNemar test on paired binary outcomes; null where no pair differs.
 *
 * Given b + c pairs that differ, the smaller count is binomial with one half under the hypothesis.
 *
 * @param onlyFirst  Pairs in which the first alone is 1.
 * @param onlySecond Pairs in which the second alone is 1.
 * @example mcnemar(1, 5) // => 0.21875 (2 x (1 + 6) / 2^6)
 */
export function mcnemar(onlyFirst: number, onlySecond: number): number | null {
  const n = onlyFirst + onlySecond;
  if (n === 0) return null;
  // Terms are summed as logarithms: 2^-n underflows from about n = 1,075.
  let tail = 0;
  let logTerm = -n * Math.LN2;
  for (let k = 0; k <= Math.min(onlyFirst, onlySecond); k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log(n - k) - Math.log(k + 1);
  }
  return Math.min(1, 2 * tail);
}

/**
 * Two-sided sign-flip permutation test that paired differences have mean zero; null where none differs.
 *
 * The observed assignment counts as one of the draws, so p is never zero.
 */
export function signFlipTest(differences: readonly number[], rng: Rng): number | null {
  const moved = differences.filter((difference) => difference !== 0);
  if (moved.length === 0) return null;
  const observed = Math.abs(moved.reduce((sum, difference) => sum + difference, 0));
  // Rounding must not turn a draw that equals the observed one into a smaller one.
  const threshold = observed * (1 - 1e-12);
  let asExtreme = 1;
  for (let r = 0; r < PERMUTATIONS; r++) {
    let sum = 0;
    let bits = 0;
    for (const [i, difference] of moved.entries()) {
      if (i % 32 === 0) bits = rng.uint32();
      sum += (bits & 1) === 0 ? difference : -difference;
      bits >>>= 1;
    }
    if (Math.abs(sum) >= threshold) asExtreme++;
  }
  return asExtreme / (PERMUTATIONS + 1);
}

/**
 * Fewest samples for which a percentile has a distribution-free upper bound at 99 % confidence, with one
 * sample allowed above it. Below that the largest values are scheduler noise, not a percentile.
 */
export const SAMPLES_FOR = { p50: 1, p90: 64, p95: 130, p99: 662 } as const;

/** A percentile, or null where the sample is too small to support it. */
export function supportedPercentile(
  values: readonly number[],
  percentile: keyof typeof SAMPLES_FOR,
): number | null {
  return values.length < SAMPLES_FOR[percentile] ? null : quantile(values, Number(percentile.slice(1)) / 100);
}
