/**
 * @file Score intervals of rare events. An interval from the spread alone would claim certainty here: no hit in 80
 * tasks does not show a rate of exactly 0.
 */

import { normalQuantile } from './distributions.js';
import type { Interval } from './statistics.js';

const Z = normalQuantile(0.975);

/**
 * Wilson's 95 % interval of a proportion, fractions.
 *
 * Source: Wilson, JASA 22 (1927) 209.
 *
 * @example wilson(0, 80) // => [0, 0.0458]: z^2 / (n + z^2)
 */
export function wilson(hits: number, n: number): Interval {
  const p = hits / n;
  const center = (p + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + Z ** 2 / (4 * n ** 2));
  return [hits === 0 ? 0 : center - half, hits === n ? 1 : center + half];
}

/**
 * Tango's score interval, 95 % unless told otherwise, of the difference of two proportions on the same tasks, fractions.
 *
 * Source: Tango, Statistics in Medicine 17 (1998) 891. The ends are the differences d at which
 * (won - lost - n d) / sqrt(n (2 q + d (1 - d))) is +-z, q the likeliest rate of lost pairs given d.
 *
 * @param won  Pairs in which the first alone is 1.
 * @param lost Pairs in which the second alone is 1.
 * @param n    All pairs.
 * @param z    Normal quantile of each end: 1.96 for 95 % in the middle, 1.645 for 95 % on one side.
 * @example tango(0, 0, 80) // => [-0.0458, 0.0458]
 */
export function tango(won: number, lost: number, n: number, z = Z): Interval {
  const score = (d: number): number => {
    const b = -won - lost + (2 * n - won + lost) * d;
    const c = -lost * d * (1 - d);
    const q = (Math.sqrt(b * b - 8 * n * c) - b) / (4 * n);
    const variance = n * (2 * q + d * (1 - d));
    const distance = won - lost - n * d;
    // At the observed difference, numerator and denominator may both be 0.
    return distance === 0 ? 0 : distance / Math.sqrt(Math.max(variance, Number.MIN_VALUE));
  };
  const observed = (won - lost) / n;
  // The score falls as d grows: from each end of [-1, 1] it is bisected towards the observed difference.
  const solve = (outer: number, limit: number): number => {
    let [outside, inside] = [outer, observed];
    for (let step = 0; step < 60; step++) {
      const middle = (outside + inside) / 2;
      if (Math.abs(score(middle)) > limit) outside = middle;
      else inside = middle;
    }
    return inside;
  };
  return [solve(-1, z), solve(1, z)];
}
