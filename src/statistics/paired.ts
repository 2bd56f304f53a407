/**
 * @file Two ways to answer the same tasks: what differs, how sure the difference is, and one word for it.
 *
 * The estimates come first, one comparison at a time. Then `judge` looks at a whole table of them, since what one
 * comparison may claim depends on how many comparisons there are (Holm).
 */

import type { Rng } from '../tensor/rng.js';
import { nonEmpty, basisOf, type Basis, type Clustered } from './clusters.js';
import { normalQuantile, tQuantile, tTest } from './distributions.js';
import { holm } from './holm.js';
import { clusteredMean, detectable, meanInterval, type ClusteredMean } from './mean-interval.js';
import { medianInterval } from './median-interval.js';
import { tango, wilson } from './proportions.js';
import { betweenShare, needed, type Design, type Needed } from './sample-size.js';
import { flippedPs, signsByCluster, signsByTask, signTest, type UnitSigns } from './sign-flips.js';
import { mcnemar, mean, quantile, type Interval } from './statistics.js';

/** What a comparison shows. `tied` means that it shows nothing, which is not the same as being equal. */
export type Verdict = 'better' | 'worse' | 'tied';

/** Chance of even one false claim in one column of a table of comparisons. */
const FAMILY_LEVEL = 0.05;

/** Below this many pairs that differ (or hits, or tasks), an interval is widened to the score interval over tasks. */
export const RARE = 10;

/**
 * What a value can be: `binary` is 0 or 1 (EM), `graded` lies from 0 to 1 (ES), `unbounded` is any number. It decides where
 * an interval ends and what a few values can say.
 */
export type Kind = 'binary' | 'graded' | 'unbounded';

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
  /** Within [0, 100]. Over repositories where they are enough, else over tasks. Null below two tasks. */
  readonly ci95: Interval | null;
}

/** A difference in quality, `of` minus `base`, in percentage points, on the tasks both scored. */
export interface Difference {
  readonly delta: number | null;
  /** Within [-100, 100]. Over repositories where they are enough, else over tasks. Null below two tasks. */
  readonly ci95: Interval | null;
  /**
   * EM: the exact McNemar test, which takes tasks as independent and so speaks about these repositories only.
   * ES: the same as `pClustered`. Null where no task differs.
   */
  readonly p: number | null;
  /**
   * The t test that belongs to `ci95`. With m tasks that differ it is never below 2^(1 - m), the least that any test of
   * their signs can give. Null where no task differs.
   */
  readonly pClustered: number | null;
  /** `pClustered` after Holm's correction over the comparisons of this metric. Null where no task differs. */
  readonly pAdjusted: number | null;
  /** From `pAdjusted` at 5 %. */
  readonly verdict: Verdict;
  /**
   * The true difference that as much data finds with 80 % probability (two-sided 5 %, one comparison). Null where that
   * would be more than 100 points: no difference that can be is found then.
   */
  readonly detectable: number | null;
  /**
   * Of a tied comparison: how much data would show the difference that was seen with 80 % probability, at the level that
   * Holm's correction leaves for it. Null where a difference is shown, or where there is none.
   */
  readonly needed: Needed | null;
  /** Tasks on which `of` is above `base`, and below. */
  readonly won: number;
  readonly lost: number;
}

/** A ratio of times, `of` over `base`: the median over the tasks both were timed on. */
export interface Ratio {
  readonly p50: number;
  /** Over repositories where they are enough, else over tasks. */
  readonly ci95: Interval | null;
  /**
   * The test that the interval inverts (`sign-flips.ts`): at least 2 / 2^G over G repositories and 2 / 2^n over n tasks.
   * Null without an interval.
   */
  readonly p: number | null;
  /** Corrected for the comparisons of the table by flipping their signs together. Null without an interval. */
  readonly pAdjusted: number | null;
  /** From `pAdjusted` at 5 %, and beyond the noise floor; lower is better. */
  readonly verdict: Verdict;
  /** The smallest reduction, as a fraction below 1, that as much data finds with 80 % probability. */
  readonly detectable: number | null;
  /**
   * Of a tied comparison: how much data would show the ratio that was seen with 80 % probability. `noise` where it lies
   * within the noise floor, so that no number of tasks would. Null where it is shown, or has no interval.
   */
  readonly needed: Needed | { readonly of: 'noise' } | null;
}

/** A comparison before its table is known, with what its table needs to judge it. */
export interface DifferenceEstimate extends Omit<Difference, 'pAdjusted' | 'verdict' | 'needed'> {
  readonly design: Design | null;
}
export interface RatioEstimate extends Omit<Ratio, 'pAdjusted' | 'verdict' | 'needed'> {
  readonly basis: Basis;
  readonly signs: UnitSigns;
  /** Of the logarithm; null where the interval has no length. */
  readonly design: Design | null;
}

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
 * @param kind `binary` for EM: with fewer than ten hits or misses, or where repositories do not vary, the interval is
 *             widened to Wilson's. `graded` for values from 0 to 1: the same with fewer than ten tasks. Wilson's interval
 *             holds for them because no values from 0 to 1 with the same mean vary more than hits and misses do.
 */
export function estimateMean(data: Clustered, kind: Exclude<Kind, 'unbounded'>): Estimate {
  const { values } = data;
  const estimate = clusteredMean(data);
  if (estimate === null) return { mean: values.length === 0 ? null : values[0]! * 100, ci95: null };
  let ci95 = meanInterval(estimate);
  let hits = 0;
  for (const value of values) hits += value;
  const isRare =
    estimate.standardError === 0 ||
    (kind === 'binary' ? Math.min(hits, values.length - hits) : values.length) < RARE;
  if (isRare) ci95 = hull(ci95, wilson(hits, values.length));
  return { mean: estimate.mean * 100, ci95: percent(within(ci95, 0, 1)) };
}

/**
 * What differs in a quality.
 *
 * With fewer than ten tasks that differ, or where repositories do not vary, the interval is widened to Tango's. For ES it takes the sums of gains and losses
 * in place of their numbers: no differences from -1 to 1 with these sums vary more than whole gains and losses do. Values
 * without bounds have the t interval alone.
 *
 * @param of   One a task, NaN where there is none; fractions, unless unbounded.
 * @param base The same tasks in the same order.
 * @returns    In hundredths of the unit: points of a fraction. Its `delta` is null where no task has both.
 */
export function estimateDifference(
  of: Float64Array,
  base: Float64Array,
  clusters: Pick<Clustered, 'cluster' | 'count'>,
  kind: Kind,
): DifferenceEstimate {
  const data = measured(
    of.map((value, i) => value - base[i]!),
    clusters,
  );
  const n = data.values.length;
  let [won, lost, gains, losses] = [0, 0, 0, 0];
  for (const difference of data.values) {
    if (difference > 0) won++;
    if (difference < 0) lost++;
    gains += Math.max(0, difference);
    losses += Math.max(0, -difference);
  }
  const estimate = clusteredMean(data);
  if (estimate === null) {
    const p = kind === 'binary' ? mcnemar(lost, won) : null;
    const delta = mean(data.values);
    return {
      delta: delta === null ? null : delta * 100,
      ...{ ci95: null, p, pClustered: null, detectable: null, won, lost, design: null },
    };
  }
  let ci95 = meanInterval(estimate);
  let pClustered = won + lost === 0 ? null : Math.max(tTestOfZero(estimate), 2 ** (1 - won - lost));
  let { standardError } = estimate;
  if (kind !== 'unbounded' && (won + lost < RARE || standardError === 0)) {
    const score = tango(gains, losses, n);
    ci95 = hull(ci95, score);
    standardError = Math.max(standardError, (score[1] - score[0]) / 2 / normalQuantile(0.975));
    if (pClustered !== null && kind === 'binary') {
      pClustered = Math.max(pClustered, mcnemar(lost, won) ?? 1);
    }
  }
  pClustered = pClustered === null ? null : Math.min(1, pClustered);
  const found = standardError === 0 ? 0 : detectable(standardError, estimate.df);
  return {
    delta: estimate.mean * 100,
    ci95: percent(kind === 'unbounded' ? ci95 : within(ci95, -1, 1)),
    p: kind === 'binary' ? mcnemar(lost, won) : pClustered,
    pClustered,
    detectable: found === 0 || (found > 1 && kind !== 'unbounded') ? null : found * 100,
    won,
    lost,
    design: designOf(data, estimate.basis, standardError, estimate.df),
  };
}

/**
 * The median ratio of two times per task.
 *
 * @param of   Milliseconds, one a task, NaN where there is none.
 * @param base The same tasks in the same order; positive.
 * @param rng  For the interval and the test over more than eleven repositories.
 * @returns    null where no task has both.
 */
export function estimateRatio(
  of: Float64Array,
  base: Float64Array,
  clusters: Pick<Clustered, 'cluster' | 'count'>,
  rng: Rng,
): RatioEstimate | null {
  const ratios = of.map((value, i) => value / base[i]!);
  const data = measured(ratios, clusters);
  const p50 = quantile(data.values, 0.5);
  if (p50 === null) return null;
  const groups = nonEmpty(data);
  const basis = basisOf(groups);
  const signs = basis === 'repositories' ? signsByCluster(data) : signsByTask(ratios);
  const ci95 = medianInterval(data, rng);
  if (ci95 === null || ci95[0] <= 0)
    return { p50, ci95, p: null, detectable: null, basis, signs, design: null };
  const df = (basis === 'repositories' ? groups : data.values.length) - 1;
  const standardError = Math.log(ci95[1] / ci95[0]) / (2 * tQuantile(0.975, df));
  // How often a value is above the median varies between repositories as the median does.
  const sides = { ...data, values: data.values.map((value) => Math.sign(value - p50)) };
  return {
    p50,
    ci95,
    p: basis === 'repositories' ? flippedPs([signs], rng)[0]! : signTest(data.values),
    detectable: standardError === 0 ? null : -Math.expm1(-detectable(standardError, df)),
    ...{ basis, signs },
    design: standardError === 0 ? null : designOf(sides, basis, standardError, df),
  };
}

function designOf(data: Clustered, basis: Basis, standardError: number, df: number): Design {
  return {
    ...{ standardError, df, basis, tasks: data.values.length, repositories: nonEmpty(data) },
    betweenShare: betweenShare(data, basis),
  };
}

/** Adds Holm's correction and the verdicts to the differences of one metric, which are one family. */
export function judgeDifferences(family: readonly DifferenceEstimate[]): Difference[] {
  const adjusted = holm(family.map(({ pClustered }) => pClustered));
  const isShown = (p: number | null): boolean => p !== null && p < FAMILY_LEVEL;
  // Holm has rejected the others, so that those that are left share the level.
  const level = FAMILY_LEVEL / Math.max(1, adjusted.filter((p) => !isShown(p)).length);
  return family.map(({ design, ...one }, i) => {
    const pAdjusted = adjusted[i] ?? null;
    if (isShown(pAdjusted)) {
      return { ...one, pAdjusted, verdict: one.delta! > 0 ? 'better' : 'worse', needed: null };
    }
    const toShow = design === null || one.delta === null ? null : needed(one.delta / 100, design, level);
    return { ...one, pAdjusted, verdict: 'tied', needed: toShow };
  });
}

/**
 * The same for ratios of times, whose correction flips the signs of all of them together.
 *
 * @param noise The interval of a ratio whose truth is 1, timed in the same run; null if there is none. A ratio within
 *   it, or within its mirror image, is not shown.
 * @param rng   For the test over more than eleven repositories.
 */
export function judgeRatios(family: readonly RatioEstimate[], noise: Interval | null, rng: Rng): Ratio[] {
  const adjusted = adjustTogether(family, rng);
  const floor = noise === null ? 1 : Math.max(noise[1], 1 / noise[0], 1);
  const verdicts = family.map(({ ci95 }, i): Verdict => {
    const pAdjusted = adjusted[i] ?? null;
    if (pAdjusted === null || pAdjusted >= FAMILY_LEVEL || ci95 === null) return 'tied';
    return ci95[1] < 1 / floor ? 'better' : ci95[0] > floor ? 'worse' : 'tied';
  });
  const level = FAMILY_LEVEL / Math.max(1, verdicts.filter((verdict) => verdict === 'tied').length);
  return family.map(({ p50, ci95, p, detectable: found, design }, i) => {
    const verdict = verdicts[i]!;
    const distance = Math.abs(Math.log(p50)) - Math.log(floor);
    const toShow =
      verdict !== 'tied' || design === null || p50 === 1
        ? null
        : distance <= 0
          ? ({ of: 'noise' } as const)
          : needed(distance, design, level);
    return { p50, ci95, p, pAdjusted: adjusted[i] ?? null, verdict, detectable: found, needed: toShow };
  });
}

/** The same for a column in which some rows have no ratio: those keep their place, and the others are one family. */
export function judgeRatioColumn(
  column: readonly (RatioEstimate | null)[],
  noise: Interval | null,
  rng: Rng,
): (Ratio | null)[] {
  const ratios = judgeRatios(
    column.filter((one) => one !== null),
    noise,
    rng,
  );
  let next = 0;
  return column.map((one) => (one === null ? null : ratios[next++]!));
}

/**
 * Corrected p-values of ratios; null where a ratio has none. Ratios over repositories and ratios over tasks have no units
 * in common. Where a table has both, each kind is corrected by itself, and then for there being two (Bonferroni).
 */
function adjustTogether(family: readonly RatioEstimate[], rng: Rng): (number | null)[] {
  const adjusted: (number | null)[] = family.map(() => null);
  const bases = [...new Set(family.flatMap(({ basis, p }) => (p === null ? [] : [basis])))];
  for (const basis of bases) {
    const members = [...family.entries()].filter(([, one]) => one.basis === basis && one.p !== null);
    const together = flippedPs(
      members.map(([, { signs }]) => signs),
      rng,
    );
    for (const [at, [i, { p }]] of members.entries()) {
      adjusted[i] = Math.min(1, Math.max(p!, together[at]! * bases.length));
    }
  }
  return adjusted;
}

function tTestOfZero({ mean, standardError, df }: ClusteredMean): number {
  return mean === 0 ? 1 : tTest(mean / standardError, df);
}

function hull(a: Interval, b: Interval): Interval {
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

function within([low, high]: Interval, least: number, most: number): Interval {
  return [Math.max(least, low), Math.min(most, high)];
}

function percent([low, high]: Interval): Interval {
  return [low * 100, high * 100];
}
