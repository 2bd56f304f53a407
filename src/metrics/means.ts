/**
 * @file Means of scores over tasks, in the order of operations of the harnesses, since that order
 * decides the last bit and so, now and then, the last digit.
 */

import type { ScoredTask } from './profile.js';
import { mean } from '../statistics/statistics.js';

/** EM over all tasks, a fraction. @throws {RangeError} Of nothing: a mean of no task is not zero. */
export function meanExactMatch(scored: readonly ScoredTask[]): number {
  return meanOfSome(scored.map(({ score }) => score.exactMatch));
}

/** ES over the tasks that have a value, a fraction; null if none has. */
export function meanEditSimilarity(scored: readonly ScoredTask[]): number | null {
  return mean(scored.flatMap(({ score }) => (score.editSimilarity === null ? [] : [score.editSimilarity])));
}

/**
 * ES of the profiles that average the integers of `fuzz.ratio`, in percent.
 *
 * @throws {RangeError} Of nothing, or if a task has no value: `fuzz.ratio` always has one.
 */
export function meanFuzzPercent(scored: readonly ScoredTask[]): number {
  return meanOfSome(scored.map(({ score }) => fuzzPercent(score.editSimilarity)));
}

/** The integer that `fuzz.ratio` gave. */
export function fuzzPercent(fraction: number | null): number {
  if (fraction === null) throw new RangeError('fuzz.ratio has a value for every pair');
  return Math.round(fraction * 100);
}

/** The mean of an extra score, a fraction. @throws {RangeError} Of nothing, or if a task lacks it. */
export function meanExtra(scored: readonly ScoredTask[], name: string): number {
  return meanOfSome(
    scored.map(({ score }) => {
      const value = score.extras?.[name];
      if (value === undefined) throw new RangeError(`a score lacks ${name}`);
      return value;
    }),
  );
}

/** Tasks that have no ES. */
export function countWithoutEs(scored: readonly ScoredTask[]): number {
  return scored.filter(({ score }) => score.editSimilarity === null).length;
}

/** Splits scored tasks by a key, in order of first use. */
export function groupBy(
  scored: readonly ScoredTask[],
  keyOf: (task: ScoredTask['task']) => string,
): Map<string, ScoredTask[]> {
  const groups = new Map<string, ScoredTask[]>();
  for (const entry of scored) {
    const key = keyOf(entry.task);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return groups;
}

function meanOfSome(values: readonly number[]): number {
  const value = mean(values);
  if (value === null) throw new RangeError('there is nothing to average');
  return value;
}
