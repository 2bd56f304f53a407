/**
 * @file A 95 % interval of a median from order statistics: exact, distribution-free, without resampling.
 *
 * The number of values below the median is binomial(n, 1/2); the interval goes from the r-th smallest to the
 * r-th largest value, r as large as coverage of at least 95 % allows.
 *
 * Source: Conover, Practical Nonparametric Statistics, section 3.2.
 */

import type { Interval } from '../metrics/statistics.js';

/** Null below six values, where even the two extremes cover less than 95 %: 1 - 2 / 2^5 is 93.75 %. */
export function medianInterval(values: readonly number[]): Interval | null {
  const rank = lowerRank(values.length);
  if (rank === null) return null;
  const sorted = Float64Array.from(values).sort();
  return [sorted[rank - 1]!, sorted[sorted.length - rank]!];
}

/** The largest r with P(B < r) <= 2.5 %, B binomial(n, 1/2); null if there is none. */
function lowerRank(n: number): number | null {
  // Terms are summed as logarithms: 2^-n underflows from about n = 1,075.
  let logTerm = -n * Math.LN2;
  let below = 0;
  let rank: number | null = null;
  for (let k = 0; k < n; k++) {
    below += Math.exp(logTerm);
    if (below > 0.025) break;
    rank = k + 1;
    logTerm += Math.log(n - k) - Math.log(k + 1);
  }
  return rank;
}
