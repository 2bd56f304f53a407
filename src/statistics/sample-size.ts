/**
 * @file How many tasks would show a difference that was seen, if it were the true one.
 *
 * Tasks come in repositories, and a difference varies between repositories (tau^2) and between the tasks of one
 * repository (sigma^2). With f_g the share of all tasks that repository g has, and N tasks in all, the mean difference
 * has the variance
 *
 *   tau^2 sum_g f_g^2  +  sigma^2 / N
 *
 * More tasks of the same repositories make the second part small and leave the first as it is. So a difference d is found
 * with a probability of 80 % by a two-sided test at level a if d^2 = c^2 x variance, c = t(1 - a/2) + t(0.8):
 *
 *   N = sigma^2 / (d^2 / c^2 - tau^2 sum f_g^2)
 *
 * Where the denominator is not positive, no number of tasks of these repositories is enough. Then the number of
 * repositories is found instead, each with as many tasks as one has here.
 *
 * tau^2 and sigma^2 are the moment estimators of the one-way analysis of variance. They are scaled so that they give the
 * standard error by which the difference was judged.
 *
 * Sources: Bloom, Evaluation Review 19 (1995) 547; Raudenbush, Psychological Methods 2 (1997) 173 (two levels);
 * Searle, Casella & McCulloch, Variance Components (1992), section 3.6 (unequal clusters).
 */

import type { Basis, Clustered } from './clusters.js';
import { tQuantile } from './distributions.js';

const POWER = 0.8;
/** More repositories than anybody has: the difference is as good as none. */
const MOST_REPOSITORIES = 100_000;

/** What the judged data say about data of another size. */
export interface Design {
  /** Of the difference, in its unit. */
  readonly standardError: number;
  readonly df: number;
  readonly basis: Basis;
  readonly tasks: number;
  readonly repositories: number;
  /** Of the squared standard error, the part that more tasks of the same repositories do not lessen; in [0, 1]. */
  readonly betweenShare: number;
}

/** How much data would show a difference. */
export type Needed =
  /** So many tasks of the same repositories, in all. */
  | { readonly of: 'tasks'; readonly tasks: number }
  /** Tasks of the same repositories cannot suffice; so many repositories could, and tasks in all. */
  | { readonly of: 'repositories'; readonly repositories: number; readonly tasks: number };

/**
 * The part of the variance of a mean that comes from differences between repositories.
 *
 * With n_g values in cluster g, the mean squares MSB between and MSW within, and
 * n_0 = (N - sum n_g^2 / N) / (G - 1): tau^2 = (MSB - MSW) / n_0, at least 0.
 *
 * @returns 0 where repositories differ by no more than their tasks make them differ, and over tasks.
 */
export function betweenShare({ values, cluster, count }: Clustered, basis: Basis): number {
  if (basis === 'tasks') return 0;
  const n = values.length;
  const sums = new Float64Array(count);
  const sizes = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < n; i++) {
    sums[cluster[i]!]! += values[i]!;
    sizes[cluster[i]!]!++;
    total += values[i]!;
  }
  let within = 0;
  for (let i = 0; i < n; i++) within += (values[i]! - sums[cluster[i]!]! / sizes[cluster[i]!]!) ** 2;
  let [between, squares, groups] = [0, 0, 0];
  for (let g = 0; g < count; g++) {
    if (sizes[g] === 0) continue;
    between += sizes[g]! * (sums[g]! / sizes[g]! - total / n) ** 2;
    squares += sizes[g]! ** 2;
    groups++;
  }
  // One task a repository: the two parts cannot be told apart, and more repositories are the only way to more tasks.
  if (n === groups) return 1;
  const meanWithin = within / (n - groups);
  const perCluster = (n - squares / n) / (groups - 1);
  const tauSquared = Math.max(0, (between / (groups - 1) - meanWithin) / perCluster);
  const ofClusters = tauSquared * (squares / n ** 2);
  const whole = ofClusters + meanWithin / n;
  return whole === 0 ? 0 : ofClusters / whole;
}

/**
 * About how much data would show a distance with a probability of 80 %.
 *
 * @param distance From the value that is to be refused, in the unit of the standard error.
 * @param level    Of the two-sided test.
 * @returns        null where there is no distance.
 */
export function needed(distance: number, design: Design, level: number): Needed | null {
  const { standardError, df, basis, tasks, repositories, betweenShare: share } = design;
  if (distance === 0) return null;
  const length = (freedom: number): number => tQuantile(1 - level / 2, freedom) + tQuantile(POWER, freedom);
  const variance = standardError ** 2;
  // Over tasks, degrees of freedom grow with them; a few rounds settle both.
  let more = tasks;
  for (let round = 0; round < 20; round++) {
    const room = (distance / length(basis === 'tasks' ? Math.max(2, more - 1) : df)) ** 2 - share * variance;
    more = room <= 0 ? Infinity : ((1 - share) * variance * tasks) / room;
    if (basis !== 'tasks') break;
  }
  if (more !== Infinity) return { of: 'tasks', tasks: Math.max(tasks + 1, Math.ceil(more)) };
  // The variance falls in proportion to the number of repositories, each with as many tasks as here.
  const enough = (count: number): boolean =>
    Math.abs(distance) >= length(count - 1) * Math.sqrt((variance * repositories) / count);
  let [low, high] = [repositories, repositories * 2];
  while (high < MOST_REPOSITORIES && !enough(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return { of: 'repositories', repositories: high, tasks: Math.ceil((high * tasks) / repositories) };
}
