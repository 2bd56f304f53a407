/**
 * @file Did a second run of the same tasks become worse? One-sided tests, and bounds on how much worse at most.
 *
 * The repositories are fixed here: a gate asks about this benchmark, so a drop in one repository and nowhere else
 * is a drop, although it says little about other repositories. What is random is which tasks happen to flip. Where
 * nothing is wrong, the tests need a flip to be as likely one way as the other. They do not need flips to be equally
 * likely in all repositories.
 *
 * A test claims a drop, and a bound claims its absence. Where neither can be claimed, more tasks are needed, and
 * `moreTasks` says how many.
 */

import { normalQuantile, tTest } from './distributions.js';
import { leastForMedian, signTestInterval } from './median-interval.js';
import { tango } from './proportions.js';
import { binomialTail, quantileOfSorted } from './statistics.js';

/** A change in quality, second run minus first, in points. */
export interface Change {
  readonly pairs: number;
  readonly delta: number;
  /** Tasks that became better, and worse. */
  readonly won: number;
  readonly lost: number;
  /** One-sided, of the hypothesis that nothing became worse; null where no task changed. */
  readonly p: number | null;
  /** The true change is at least this much, with 95 % confidence. */
  readonly lowerBound: number;
  /** Standard deviation of the change of one task, in points. */
  readonly deviation: number;
}

const ONE_SIDED = normalQuantile(0.95);

/**
 * The change of EM by McNemar's exact test, one-sided, with Tango's bound. If no task of 80 changed, the drop is at
 * most 3.3 points.
 *
 * @param before 0 or 1 a task, NaN where there is none.
 * @param after  The same tasks in the same order.
 * @returns      null where no task has both.
 */
export function exactMatchChange(before: Float64Array, after: Float64Array): Change | null {
  const { pairs, sum, won, lost } = changes(before, after);
  if (pairs === 0) return null;
  const delta = sum / pairs;
  // Count one more pair than differs, since no change in n tasks does not show a rate of 0.
  const deviation = Math.sqrt(Math.max((won + lost + 1) / pairs - delta ** 2, 0));
  return {
    ...{ pairs, won, lost, delta: delta * 100 },
    p: won + lost === 0 ? null : binomialTail(won + lost, won),
    lowerBound: tango(won, lost, pairs, ONE_SIDED)[0] * 100,
    deviation: deviation * 100,
  };
}

/**
 * The change of ES: a t test over tasks, one-sided.
 *
 * If each difference is as likely to have one sign as the other, t is conservative where a few differences carry the
 * weight. With m changed tasks no such test can give less than 2^-m, so p is never below that.
 *
 * Source: Efron, JASA 64 (1969) 1278, "Student's t-test under symmetry conditions".
 */
export function editSimilarityChange(before: Float64Array, after: Float64Array): Change | null {
  const { pairs, sum, squares, won, lost } = changes(before, after);
  if (pairs === 0) return null;
  const delta = sum / pairs;
  const variance = pairs < 2 ? squares : Math.max((squares - pairs * delta ** 2) / (pairs - 1), 0);
  const standardError = Math.sqrt(variance / pairs);
  const t = standardError === 0 ? Math.sign(delta) * Infinity : delta / standardError;
  const oneSided = pairs < 2 ? 1 : delta === 0 ? 0.5 : tTest(t, pairs - 1) / 2;
  const fewest = 2 ** -(won + lost);
  return {
    ...{ pairs, won, lost, delta: delta * 100 },
    p: won + lost === 0 ? null : Math.max(delta < 0 ? oneSided : 1 - oneSided, fewest),
    lowerBound: (delta - ONE_SIDED * standardError) * 100,
    deviation: Math.sqrt(variance) * 100,
  };
}

/** A change of the nats a token, second run minus first: more are worse. */
export interface NatsChange {
  readonly pairs: number;
  readonly rise: number;
  /** Tasks with fewer nats, and with more. */
  readonly won: number;
  readonly lost: number;
  /** One-sided, of the hypothesis that nothing became worse; null where no task changed. */
  readonly p: number | null;
  /** The true rise is at most this much, with 95 % confidence. */
  readonly upperBound: number;
  /** Standard deviation of the rise of one task. */
  readonly deviation: number;
}

/** The change of nats by the test of {@link editSimilarityChange}, which asks nothing of the range of the values. */
export function natsChange(before: Float64Array, after: Float64Array): NatsChange | null {
  const gains = editSimilarityChange(
    before.map((value) => -value),
    after.map((value) => -value),
  );
  if (gains === null) return null;
  const { pairs, delta, won, lost, p, lowerBound, deviation } = gains;
  // It counts in hundredths.
  return {
    ...{ pairs, won, lost, p },
    ...{ rise: 0 - delta / 100, upperBound: 0 - lowerBound / 100, deviation: deviation / 100 },
  };
}

function changes(
  before: Float64Array,
  after: Float64Array,
): { pairs: number; sum: number; squares: number; won: number; lost: number } {
  let [pairs, sum, squares, won, lost] = [0, 0, 0, 0, 0];
  for (let i = 0; i < before.length; i++) {
    const change = after[i]! - before[i]!;
    if (Number.isNaN(change)) continue;
    pairs++;
    sum += change;
    squares += change ** 2;
    if (change > 0) won++;
    if (change < 0) lost++;
  }
  return { pairs, sum, squares, won, lost };
}

/** A change in a time or in a ratio of times: factors, 1 where nothing changed. */
export interface Slowdown {
  readonly pairs: number;
  /** Median over tasks of after / before. */
  readonly factor: number;
  /** Bounds of the median, each with its own confidence; null where there are too few tasks for it. */
  readonly atLeast: number | null;
  readonly atMost: number | null;
  /** How many tasks both bounds need. */
  readonly leastTasks: number;
}

/**
 * The median factor by which a task became slower, with bounds from order statistics (the sign test), which no
 * outlier and no distribution upsets.
 *
 * @param factors   One a task, NaN where there is none.
 * @param tail      Chance of a lower bound above the truth: the level of a claim "slower".
 * @param upperTail Chance of an upper bound below the truth: the level of a claim "not slower".
 * @returns         null where no task has both.
 */
export function slowdown(factors: Float64Array, tail: number, upperTail = 0.05): Slowdown | null {
  // Sorting puts NaN last.
  const all = factors.slice().sort();
  let pairs = all.length;
  while (pairs > 0 && Number.isNaN(all[pairs - 1]!)) pairs--;
  const sorted = all.subarray(0, pairs);
  const factor = quantileOfSorted(sorted, 0.5);
  if (factor === null) return null;
  return {
    pairs,
    factor,
    atLeast: signTestInterval(sorted, tail)?.[0] ?? null,
    atMost: signTestInterval(sorted, upperTail)?.[1] ?? null,
    leastTasks: leastForMedian(Math.min(tail, upperTail)),
  };
}

/**
 * About how many more tasks would settle it, if they came out like those there are.
 *
 * A distance is settled once it is `z` standard errors long; errors shrink with the root of the number of tasks.
 *
 * @param errors Length of the distance in standard errors now; positive.
 * @param z      Length it needs.
 * @example moreTasks(100, 1, 2) // => 300: four times as many tasks halve the error
 */
export function moreTasks(tasks: number, errors: number, z: number): number {
  return Math.max(1, Math.ceil(tasks * (z / errors) ** 2 - tasks));
}

/** The values of the tasks that both sides have; all that are there, where there is no other side. */
export function whereBoth(values: Float64Array, others: Float64Array | undefined): Float64Array {
  const both = new Float64Array(values.length);
  let n = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isNaN(others === undefined ? value : value + others[i]!)) both[n++] = value;
  }
  return both.subarray(0, n);
}
