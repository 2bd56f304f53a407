/**
 * @file Which files are near the one being completed.
 */

import { compareCodePoints } from '../../domain/text.js';

/**
 * Path separators in both paths relative to their common directory: 0 for siblings.
 *
 * @example pathDistance('a/b/x.ts', 'a/c/d/y.ts') // => 3 (b/x.ts has 1, c/d/y.ts has 2)
 */
export function pathDistance(a: string, b: string): number {
  const x = a.split('/');
  const y = b.split('/');
  let common = 0;
  while (common < x.length - 1 && common < y.length - 1 && x[common] === y[common]) common++;
  return x.length - 1 - common + (y.length - 1 - common);
}

/**
 * The paths a retriever looks at for one target: nearest first, ties by path in code-point order,
 * the target itself left out.
 */
export function nearestFirst(paths: readonly string[], target: string, maxDistance: number): string[] {
  return paths
    .filter((path) => path !== target)
    .map((path) => ({ path, distance: pathDistance(target, path) }))
    .filter(({ distance }) => distance <= maxDistance)
    .sort((a, b) => a.distance - b.distance || compareCodePoints(a.path, b.path))
    .map(({ path }) => path);
}
