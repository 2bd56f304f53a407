/**
 * @file Standard error and interval of a mean whose values come in clusters.
 *
 * The cluster-robust variance CR2 with Bell and McCaffrey's degrees of freedom, for the model that has nothing
 * but a mean. With n_g values in cluster g, N in all, f_g = n_g / N and S_g the sum of the residuals of g:
 *
 *   variance = 1 / N^2  x  sum_g S_g^2 / (1 - f_g)
 *   1 / df   = sum_g f_g^2  +  sum_{g != h} f_g^2 f_h^2 / ((1 - f_g)(1 - f_h))
 *
 * With clusters of one size, this is the t interval of the cluster means with G - 1 degrees of freedom. With clusters
 * of one value each, it is the ordinary t interval. It keeps its level with few clusters, where a percentile bootstrap
 * over clusters falls to 88 % (eight clusters, docs/statistics.md). It is conservative, not liberal, where clusters
 * vary by different amounts.
 *
 * Sources: Bell & McCaffrey, Survey Methodology 28 (2002) 169; Imbens & Kolesar, Review of Economics and
 * Statistics 98 (2016) 701; Pustejovsky & Tipton, JBES 36 (2018) 672; Ibragimov & Mueller, JBES 28 (2010) 453
 * for the t test under unequal variances.
 */

import { basisOf, nonEmpty, type Basis, type Clustered } from './clusters.js';
import { tQuantile } from './distributions.js';
import type { Interval } from './statistics.js';

/** A mean, with the numbers that an interval and a test need. */
export interface ClusteredMean {
  readonly mean: number;
  /** 0 where nothing varies. */
  readonly standardError: number;
  readonly df: number;
  readonly basis: Basis;
}

/**
 * The mean over all values. Its error is over clusters where there are enough of them, else over values.
 *
 * @returns null below two values, where nothing is known about the spread.
 */
export function clusteredMean(data: Clustered): ClusteredMean | null {
  const { values, cluster, count } = data;
  const n = values.length;
  if (n < 2) return null;
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / n;
  const basis = basisOf(nonEmpty(data));
  if (basis === 'tasks') {
    let squares = 0;
    for (const value of values) squares += (value - mean) ** 2;
    return { mean, standardError: Math.sqrt(squares / (n - 1) / n), df: n - 1, basis };
  }
  const residuals = new Float64Array(count);
  const sizes = new Float64Array(count);
  for (let i = 0; i < n; i++) {
    residuals[cluster[i]!]! += values[i]! - mean;
    sizes[cluster[i]!]!++;
  }
  // a_g = f_g^2 / (1 - f_g): the double sum is (sum a)^2 - sum a^2.
  let variance = 0;
  let ownTerms = 0;
  let a = 0;
  let aSquared = 0;
  for (let g = 0; g < count; g++) {
    const f = sizes[g]! / n;
    if (f === 0) continue;
    variance += residuals[g]! ** 2 / (1 - f) / n ** 2;
    ownTerms += f ** 2;
    const term = f ** 2 / (1 - f);
    a += term;
    aSquared += term ** 2;
  }
  const df = 1 / (ownTerms + a ** 2 - aSquared);
  // Sums that cancel leave a rest of the size of the values' rounding.
  const dust = (Math.abs(mean) + 1) * 1e-13;
  const standardError = Math.sqrt(variance);
  return { mean, standardError: standardError < dust ? 0 : standardError, df, basis };
}

/** The t interval, 95 % unless told otherwise. */
export function meanInterval({ mean, standardError, df }: ClusteredMean, level = 0.95): Interval {
  const half = tQuantile((1 + level) / 2, df) * standardError;
  return [mean - half, mean + half];
}

/**
 * The true difference that a two-sided 5 % test on as much data finds with a probability of 80 %.
 *
 * Source: Bloom, Evaluation Review 19 (1995) 547: (t_0.975 + t_0.8) standard errors.
 */
export function detectable(standardError: number, df: number): number {
  return (tQuantile(0.975, df) + tQuantile(0.8, df)) * standardError;
}
