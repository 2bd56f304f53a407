/**
 * @file Means, quantiles and McNemar's test: the parts of statistics that need no clusters.
 *
 * Tasks count as independent of each other here; `paired.ts` takes their repositories into account.
 */

/** Ends of a 95 % interval, low end first. */
export type Interval = readonly [low: number, high: number];

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
  return quantileOfSorted(Float64Array.from(values).sort(), q);
}

/** The same for values that are in ascending order already. */
export function quantileOfSorted(sorted: Float64Array, q: number): number | null {
  if (sorted.length === 0) return null;
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
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
  return n === 0 ? null : Math.min(1, 2 * binomialTail(n, Math.min(onlyFirst, onlySecond)));
}

/**
 * P(X <= k) for X binomial(n, 1/2).
 *
 * @example binomialTail(6, 1) // => 7 / 64
 */
export function binomialTail(n: number, k: number): number {
  // Terms are summed as logarithms: 2^-n underflows from about n = 1,075.
  let tail = 0;
  let logTerm = -n * Math.LN2;
  for (let i = 0; i <= Math.min(k, n); i++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log(n - i) - Math.log(i + 1);
  }
  return Math.min(1, tail);
}

/**
 * Fewest samples for which a percentile has a distribution-free upper bound at 99 % confidence, with one
 * sample allowed above it. With fewer samples the largest values are noise of the scheduler, not a percentile.
 */
export const SAMPLES_FOR = { p50: 1, p90: 64, p95: 130, p99: 662 } as const;

/** A percentile, or null where the sample is too small to support it. */
export function supportedPercentile(
  values: readonly number[] | Float64Array,
  percentile: keyof typeof SAMPLES_FOR,
): number | null {
  return values.length < SAMPLES_FOR[percentile] ? null : quantile(values, Number(percentile.slice(1)) / 100);
}
