/**
 * @file How much of one way's gain another wins back: a ratio of paired mean differences, with Fieller's interval.
 *
 * Let n be the base, f the way that gains, and c the way that shall win the gain back, with one value a task each:
 *
 *   recovery = (mean c - mean n) / (mean f - mean n)
 *
 * A share r is in the interval if the test of mean((c - n) - r (f - n)) = 0 does not reject it. The test is the
 * cluster-robust t test that judges every other mean here (`mean-interval.ts`). Its degrees of freedom depend on the
 * sizes of the clusters alone and its variance is quadratic in r, so that the ends are the roots of a quadratic:
 *
 *   (F^2 - t^2 Vf) r^2  -  2 (C F - t^2 Vcf) r  +  (C^2 - t^2 Vc)  =  0
 *
 * The interval is bounded if and only if that test tells the gain F itself from 0. A bootstrap of ratios would inherit
 * the shortfall of the percentile bootstrap over few clusters, and blow up where a drawn gain is near 0.
 *
 * Source: Fieller, JRSS B 16 (1954) 175.
 */

import type { Clustered } from './clusters.js';
import { tQuantile } from './distributions.js';
import { clusteredMean } from './mean-interval.js';
import { measured, RARE } from './paired.js';
import { tango } from './proportions.js';
import type { Interval } from './statistics.js';

/** In percent of the gain: 0 is nothing and 100 is all of it. The value may lie outside this range. */
export interface Recovery {
  readonly percent: number;
  readonly ci95: Interval;
  /** Tasks that all three scored. */
  readonly tasks: number;
}

/**
 * The share of a gain that is won back.
 *
 * @param of   Fractions, one a task, NaN where there is none.
 * @param full What gains.
 * @param base The base of both. All three are in the same order of tasks.
 * @param kind `binary` for EM: with fewer than ten tasks on which `of` and `base` differ the interval is widened by
 *             the score interval of that difference.
 * @returns    null where the gain cannot be told from 0 or is a loss, since there is nothing to win back then.
 */
export function recoveredShare(
  of: Float64Array,
  full: Float64Array,
  base: Float64Array,
  clusters: Pick<Clustered, 'cluster' | 'count'>,
  kind: 'binary' | 'graded',
): Recovery | null {
  const onCommon = (value: (i: number) => number): Clustered =>
    measured(
      base.map((_, i) => (Number.isNaN(of[i]! + full[i]! + base[i]!) ? NaN : value(i))),
      clusters,
    );
  const won = onCommon((i) => of[i]! - base[i]!);
  const back = clusteredMean(won);
  const gain = clusteredMean(onCommon((i) => full[i]! - base[i]!));
  const rest = clusteredMean(onCommon((i) => of[i]! - full[i]!));
  if (back === null || gain === null || rest === null || gain.mean <= 0) return null;
  const tSquared = tQuantile(0.975, gain.df) ** 2;
  const [C, F] = [back.mean, gain.mean];
  const [Vc, Vf] = [back.standardError ** 2, gain.standardError ** 2];
  // Of the difference of two means: Vc + Vf - 2 Vcf.
  const Vcf = (Vc + Vf - rest.standardError ** 2) / 2;
  const a = F ** 2 - tSquared * Vf;
  if (a <= 0) return null;
  const b = C * F - tSquared * Vcf;
  // Never below 0 where a > 0, apart from rounding: the share itself satisfies the inequality.
  const root = Math.sqrt(Math.max(0, b ** 2 - a * (C ** 2 - tSquared * Vc)));
  let [low, high] = [(b - root) / a, (b + root) / a];
  if (kind === 'binary') {
    const wins = won.values.filter((difference) => difference > 0).length;
    const losses = won.values.filter((difference) => difference < 0).length;
    if (wins + losses < RARE) {
      const score = tango(wins, losses, won.values.length);
      [low, high] = [Math.min(low, score[0] / F), Math.max(high, score[1] / F)];
    }
  }
  return { percent: (C / F) * 100, ci95: [low * 100, high * 100], tasks: won.values.length };
}
