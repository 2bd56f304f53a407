/**
 * @file Two ways to answer the same tasks: what differs, how sure the difference is, and one word for it.
 *
 * The estimates come first, one comparison at a time. Then `judge` looks at a whole table of them, since what one
 * comparison may claim depends on how many comparisons there are (Holm).
 */

import type { Rng } from '../tensor/rng.js';
import { nonEmpty, basisOf, type Clustered } from './clusters.js';
import { normalQuantile, tQuantile, tTest } from './distributions.js';
import { holm } from './holm.js';
import { clusteredMean, detectable, meanInterval, type ClusteredMean } from './mean-interval.js';
import { medianInterval } from './median-interval.js';
import { tango, wilson } from './proportions.js';
import { mcnemar, mean, quantile, type Interval } from './statistics.js';

/** What a comparison shows. `tied` means that it shows nothing, which is not the same as being equal. */
export type Verdict = 'better' | 'worse' | 'tied';

/** Chance of even one false claim in one column of a table of comparisons. */
const FAMILY_LEVEL = 0.05;

/** Below this many pairs that differ (or hits), an interval is widened to the score interval over tasks. */
export const RARE = 10;

/** Outcomes of one configuration, one number a task; NaN where the task has none. */
export interface Outcomes {
  /** 0 or 1. */
  readonly exactMatch: Float64Array;
  /** Fractions. */
  readonly editSimilarity: Float64Array;
  readonly ttftMs: Float64Array;
}

/** A mean of some quality over tasks, in percent. */
export interface Estimate {
  readonly mean: number | null;
  /** Over repositories where they are enough, else over tasks. */
  readonly ci95: Interval | null;
}

/** A difference in quality, `of` minus `base`, in percentage points, on the tasks both scored. */
export interface Difference {
  readonly delta: number | null;
  /** Over repositories where they are enough, else over tasks. */
  readonly ci95: Interval | null;
  /**
   * EM: the exact McNemar test, which takes tasks as independent and so speaks about these repositories only.
   * ES: the same as `pClustered`. Null where no task differs.
   */
  readonly p: number | null;
  /** The t test that belongs to `ci95`. Null where no task differs. */
  readonly pClustered: number | null;
  /** `pClustered` after Holm's correction over the comparisons of this metric. Null where no task differs. */
  readonly pAdjusted: number | null;
  /** From `pAdjusted` at 5 %. */
  readonly verdict: Verdict;
  /** The true difference that as much data finds with 80 % probability (two-sided 5 %, one comparison). */
  readonly detectable: number | null;
  /** Tasks on which `of` is above `base`, and below. */
  readonly won: number;
  readonly lost: number;
}

/** A ratio of times, `of` over `base`: the median over the tasks both were timed on. */
export interface Ratio {
  readonly p50: number;
  /** Over repositories where they are enough, else over tasks. */
  readonly ci95: Interval | null;
  /** The p-value of a t test with the standard error that the interval implies. Null without an interval. */
  readonly p: number | null;
  readonly pAdjusted: number | null;
  /** From `pAdjusted` at 5 %, and beyond the noise floor; lower is better. */
  readonly verdict: Verdict;
  /** The smallest change, as a fraction, that as much data finds with 80 % probability. */
  readonly detectable: number | null;
}

/** A comparison before its table is known. */
export type DifferenceEstimate = Omit<Difference, 'pAdjusted' | 'verdict'>;
export type RatioEstimate = Omit<Ratio, 'pAdjusted' | 'verdict'>;

/** Keeps the numbers and clusters of the tasks that have a value. */
export function measured(
  values: Float64Array,
  { cluster, count }: Pick<Clustered, 'cluster' | 'count'>,
): Clustered {
  let n = 0;
  for (const value of values) if (!Number.isNaN(value)) n++;
  const kept = new Float64Array(n);
  const clusters = new Int32Array(n);
  for (let i = 0, at = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!)) continue;
    kept[at] = values[i]!;
    clusters[at++] = cluster[i]!;
  }
  return { values: kept, cluster: clusters, count };
}

/**
 * Mean and interval of a quality, in percent.
 *
 * @param kind `binary` for EM: with fewer than ten hits or misses the interval is widened to Wilson's.
 */
export function estimateMean(data: Clustered, kind: 'binary' | 'graded'): Estimate {
  const { values } = data;
  const estimate = clusteredMean(data);
  if (estimate === null) return { mean: values.length === 0 ? null : values[0]! * 100, ci95: null };
  let ci95 = meanInterval(estimate);
  if (kind === 'binary') {
    let hits = 0;
    for (const value of values) hits += value;
    if (Math.min(hits, values.length - hits) < RARE) ci95 = hull(ci95, wilson(hits, values.length));
  }
  return { mean: estimate.mean * 100, ci95: percent([Math.max(0, ci95[0]), Math.min(1, ci95[1])]) };
}

/**
 * What differs in a quality.
 *
 * @param of   Fractions, one a task, NaN where there is none.
 * @param base The same tasks in the same order.
 * @returns    Its `delta` is null where no task has both.
 */
export function estimateDifference(
  of: Float64Array,
  base: Float64Array,
  clusters: Pick<Clustered, 'cluster' | 'count'>,
  kind: 'binary' | 'graded',
): DifferenceEstimate {
  const data = measured(
    of.map((value, i) => value - base[i]!),
    clusters,
  );
  const n = data.values.length;
  let won = 0;
  let lost = 0;
  for (const difference of data.values) {
    if (difference > 0) won++;
    if (difference < 0) lost++;
  }
  const estimate = clusteredMean(data);
  if (estimate === null) {
    const p = kind === 'binary' ? mcnemar(lost, won) : null;
    const delta = mean(data.values);
    return {
      delta: delta === null ? null : delta * 100,
      ci95: null,
      p,
      pClustered: null,
      detectable: null,
      won,
      lost,
    };
  }
  let ci95 = meanInterval(estimate);
  let pClustered = won + lost === 0 ? null : tTestOfZero(estimate);
  let { standardError } = estimate;
  if (kind === 'binary' && won + lost < RARE) {
    const score = tango(won, lost, n);
    ci95 = hull(ci95, score);
    standardError = Math.max(standardError, (score[1] - score[0]) / 2 / normalQuantile(0.975));
    if (pClustered !== null) pClustered = Math.max(pClustered, mcnemar(lost, won) ?? 1);
  }
  return {
    delta: estimate.mean * 100,
    ci95: percent(ci95),
    p: kind === 'binary' ? mcnemar(lost, won) : pClustered,
    pClustered,
    detectable: standardError === 0 ? null : detectable(standardError, estimate.df) * 100,
    won,
    lost,
  };
}

/**
 * The median ratio of two times per task.
 *
 * @param of   Milliseconds, one a task, NaN where there is none.
 * @param base The same tasks in the same order; positive.
 * @param rng  For the bootstrap over more than eleven repositories.
 * @returns    null where no task has both.
 */
export function estimateRatio(
  of: Float64Array,
  base: Float64Array,
  clusters: Pick<Clustered, 'cluster' | 'count'>,
  rng: Rng,
): RatioEstimate | null {
  const data = measured(
    of.map((value, i) => value / base[i]!),
    clusters,
  );
  const p50 = quantile(data.values, 0.5);
  if (p50 === null) return null;
  const ci95 = medianInterval(data, rng);
  if (ci95 === null || ci95[0] <= 0) return { p50, ci95, p: null, detectable: null };
  const groups = nonEmpty(data);
  const df = (basisOf(groups) === 'repositories' ? groups : data.values.length) - 1;
  const standardError = Math.log(ci95[1] / ci95[0]) / (2 * tQuantile(0.975, df));
  const shift = Math.log(p50);
  return {
    p50,
    ci95,
    p: shift === 0 ? 1 : tTest(shift / standardError, df),
    detectable: standardError === 0 ? null : Math.expm1(detectable(standardError, df)),
  };
}

/** Adds Holm's correction and the verdicts to the differences of one metric, which are one family. */
export function judgeDifferences(family: readonly DifferenceEstimate[]): Difference[] {
  const adjusted = holm(family.map(({ pClustered }) => pClustered));
  return family.map((one, i) => {
    const pAdjusted = adjusted[i] ?? null;
    const isShown = pAdjusted !== null && pAdjusted < FAMILY_LEVEL;
    return { ...one, pAdjusted, verdict: !isShown ? 'tied' : one.delta! > 0 ? 'better' : 'worse' };
  });
}

/**
 * The same for ratios of times.
 *
 * @param noise The interval of a ratio whose truth is 1, timed in the same run; null if there is none. A ratio within
 *   it, or within its mirror image, is not shown.
 */
export function judgeRatios(family: readonly RatioEstimate[], noise: Interval | null): Ratio[] {
  const adjusted = holm(family.map(({ p }) => p));
  const floor = noise === null ? 1 : Math.max(noise[1], 1 / noise[0], 1);
  return family.map((one, i) => {
    const pAdjusted = adjusted[i] ?? null;
    const isSure = pAdjusted !== null && pAdjusted < FAMILY_LEVEL && one.ci95 !== null;
    const verdict =
      isSure && one.ci95[1] < 1 / floor ? 'better' : isSure && one.ci95[0] > floor ? 'worse' : 'tied';
    return { ...one, pAdjusted, verdict };
  });
}

function tTestOfZero({ mean, standardError, df }: ClusteredMean): number {
  return mean === 0 ? 1 : tTest(mean / standardError, df);
}

function hull(a: Interval, b: Interval): Interval {
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

function percent([low, high]: Interval): Interval {
  return [low * 100, high * 100];
}
