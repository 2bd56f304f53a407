/**
 * @file Picks a few tasks of many so that every repository, and every file in it, has its share.
 *
 * No randomness: the order of the dataset is the only input, so the same dataset gives the same
 * sample everywhere, and a smaller sample is the beginning of a larger one.
 */

import type { CompletionTask } from '../domain/task.js';

/**
 * The first n tasks when going round the repositories and, within each, round its files.
 *
 * Repositories, files and the tasks of a file are taken in the order of the dataset. A repository
 * that runs out is passed over, so min(n, tasks.length) tasks always come back.
 *
 * @throws {RangeError} If n is not a non-negative integer.
 *
 * @example
 * // tasks a/x:1, a/x:2, a/y:1, b/z:1
 * evenSample(tasks, 3); // a/x:1, b/z:1, a/y:1
 */
export function evenSample(tasks: readonly CompletionTask[], n: number): CompletionTask[] {
  if (!Number.isInteger(n) || n < 0)
    throw new RangeError(`a sample size is a non-negative integer, got ${n}`);
  const repositories = [...groupBy(tasks, (task) => task.repository).values()].map((ofRepository) =>
    goRound([...groupBy(ofRepository, (task) => task.path).values()]),
  );
  return goRound(repositories).slice(0, n);
}

/** Groups in order of first appearance. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/**
 * The first item of each list, then the second of each, and so on; short lists drop out.
 *
 * @example
 * goRound([['a', 'b', 'c'], ['x']]); // ['a', 'x', 'b', 'c']
 */
export function goRound<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  const result: T[] = [];
  for (let round = 0; round < longest; round++) {
    for (const list of lists) if (round < list.length) result.push(list[round]!);
  }
  return result;
}
