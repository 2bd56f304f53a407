/**
 * @file How the tasks of a repository are shared among its languages.
 */

/**
 * Shares a number in proportion to weights, by largest remainder. Ties go to the earlier weight.
 *
 * @returns One whole number a weight; their sum is `count`, or 0 if all weights are 0.
 *
 * @example
 * // 10 * 600 / 1000 = 6, 10 * 250 / 1000 = 2.5, 10 * 150 / 1000 = 1.5: one is left, for the first 0.5.
 * shares(10, [600, 250, 150]); // => [6, 3, 1]
 */
export function shares(count: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  if (sum === 0) return weights.map(() => 0);
  const exact = weights.map((weight) => (count * weight) / sum);
  const whole = exact.map(Math.floor);
  const left = count - whole.reduce((a, b) => a + b, 0);
  const byRemainder = [...exact.keys()].sort((a, b) => exact[b]! - whole[b]! - (exact[a]! - whole[a]!));
  for (const index of byRemainder.slice(0, left)) whole[index]!++;
  return whole;
}

/**
 * Mixes lists so that every beginning holds each in proportion to its length, each in its own order.
 *
 * @example
 * mixEvenly([['a', 'b', 'c', 'd'], ['x', 'y']]); // => ['a', 'x', 'b', 'c', 'y', 'd']
 */
export function mixEvenly<T>(lists: readonly (readonly T[])[]): T[] {
  return lists
    .flatMap((list) => list.map((item, index) => ({ item, place: (index + 0.5) / list.length })))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
