/**
 * @file Repositories as clusters: which tasks belong together, and what an interval speaks about.
 *
 * Tasks of one repository share its style, its names and its helpers, so 1,600 tasks of eight repositories
 * know less about code in general than 1,600 tasks of 1,600 repositories. A number can be read in two ways:
 * - `repositories`: the repositories stand for others like them, drawn at random. The spread that counts is the
 *   one between repositories, and an interval says where the number lies over all such repositories.
 * - `tasks`: the repositories are the subject, and their tasks are the sample. An interval then says where the
 *   number lies for further tasks of these repositories, and nothing about others.
 *
 * A comparison of pipelines asks the first question. It needs several repositories, since one repository shows no
 * spread. docs/statistics.md has the measurements behind the smallest number of repositories.
 */

/** What the sampling unit of an interval is. */
export type Basis = 'repositories' | 'tasks';

/**
 * Fewest repositories for intervals over repositories. The wild cluster bootstrap of a median needs six for a
 * level of 95 % (2 / 2^5 is more than 5 %), and with fewer the t quantile (2.8 at five, 12.7 at two) makes
 * intervals that exclude nothing.
 */
const LEAST_REPOSITORIES = 6;

/** The basis that a number of repositories supports. */
export function basisOf(repositories: number): Basis {
  return repositories >= LEAST_REPOSITORIES ? 'repositories' : 'tasks';
}

/** Values with the cluster of each. */
export interface Clustered {
  readonly values: Float64Array;
  /** A number from 0 to count - 1 per value. */
  readonly cluster: Int32Array;
  /** The number of clusters. Some of them may have no value. */
  readonly count: number;
}

/** How many clusters have a value. */
export function nonEmpty({ cluster, count }: Clustered): number {
  const seen = new Uint8Array(count);
  for (const c of cluster) seen[c] = 1;
  return seen.reduce((sum, one) => sum + one, 0);
}

/** Clusters numbered in order of first appearance. @example numbered(['a', 'b', 'a']) // => [0, 1, 0] of 2 */
export function numbered(names: readonly string[]): Pick<Clustered, 'cluster' | 'count'> {
  const numbers = new Map<string, number>();
  const cluster = Int32Array.from(names, (name) => {
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    return number;
  });
  return { cluster, count: numbers.size };
}
