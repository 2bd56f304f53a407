/**
 * @file At most so many pieces of work at the same time. Sole importer of `p-limit`.
 *
 * A piece must not ask its own limit for more work: it would wait for itself.
 */

import pLimit from 'p-limit';

/** Does work as soon as there is room for it, in the order in which it was asked. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

/** @param most At least 1. */
export function atMost(most: number): Limit {
  const limit = pLimit(most);
  return (work) => limit(work);
}

/**
 * Does work for every item and waits for all of it, also where some fails: nothing goes on behind the caller's back.
 *
 * @param most At least 1.
 * @returns The outcomes in the order of the items.
 * @example
 * await settledAtMost(4, urls, (url) => fetch(url)); // at most four at the same time
 */
export function settledAtMost<T, R>(
  most: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const limit = atMost(most);
  return Promise.allSettled(items.map((item) => limit(() => work(item))));
}
