/**
 * @file A 95 % interval of a median whose values come in clusters.
 *
 * Over clusters the interval inverts the test of a wild cluster bootstrap with Rademacher weights and the null imposed.
 * For a median, every cluster adds u_g(m) = (values <= m) - (values > m). If m is the median, u_g is as likely to be
 * positive as negative, so each of the 2^G ways to flip the signs is equally likely. The m that this test does not
 * reject at 5 % are those between the k-th smallest and the k-th largest of the medians of all 2^G - 1 non-empty sets
 * of clusters, k = 2.5 % of 2^G (Hartigan's typical values). Up to 11 clusters all sets are used. With more clusters,
 * 1,999 random sets are used, drawn from the generator given.
 *
 * The interval is exact under symmetry, whatever the sizes and spreads of the clusters. Its level at eight clusters is
 * 95.3 %.
 *
 * Over values the interval takes the order statistics of the sign test. It is exact and assumes nothing about the
 * distribution.
 *
 * Sources: Hartigan, JASA 64 (1969) 1303; Cameron, Gelbach & Miller, REStat 90 (2008) 414; Canay, Romano & Shaikh,
 * Econometrica 85 (2017) 1013; MacKinnon, Nielsen & Webb, J. Econometrics 232 (2023) 272. Conover, Practical
 * Nonparametric Statistics, section 3.2 for the sign test.
 */

import type { Rng } from '../tensor/rng.js';
import { basisOf, nonEmpty, type Clustered } from './clusters.js';
import type { Interval } from './statistics.js';

/** Up to this many clusters every set of them is used: 2^11 - 1 = 2,047. */
const ENUMERATED_CLUSTERS = 11;
/** Random sets beyond that; 2.5 % of (1,999 + 1) is 50. */
const RANDOM_SETS = 1999;
const TAIL = 0.025;

/** Null where not even the extremes cover 95 %: below six values. */
export function medianInterval(data: Clustered, rng: Rng): Interval | null {
  return basisOf(nonEmpty(data)) === 'tasks'
    ? signTestInterval(Float64Array.from(data.values).sort(), TAIL)
    : clusterInterval(data, rng);
}

/**
 * An interval from order statistics: the number of values below the median is binomial(n, 1/2).
 *
 * @param sorted Ascending.
 * @param tail   Largest probability that the median lies beyond one end.
 * @returns null if even the extremes do not have that confidence.
 * @example signTestInterval([1, 2, 3, 4, 5, 6], 0.025) // => [1, 6]: 2 / 2^6 is 3.1 %
 */
export function signTestInterval(sorted: Float64Array, tail: number): Interval | null {
  const n = sorted.length;
  const rank = signTestRank(n, tail);
  return rank === 0 ? null : [sorted[rank - 1]!, sorted[n - rank]!];
}

/** Ranks that were found before, by `n/tail`. A gate asks for the same rank for every ratio. */
const knownRanks = new Map<string, number>();

/** The largest r with P(X < r) <= tail, X binomial(n, 1/2); 0 if there is none. */
function signTestRank(n: number, tail: number): number {
  const key = `${n}/${tail}`;
  const known = knownRanks.get(key);
  if (known !== undefined) return known;
  // Terms are summed as logarithms: 2^-n underflows from about n = 1,075.
  let logTerm = -n * Math.LN2;
  let below = 0;
  let rank = 0;
  for (let k = 0; k < n; k++) {
    below += Math.exp(logTerm);
    if (below > tail) break;
    rank = k + 1;
    logTerm += Math.log(n - k) - Math.log(k + 1);
  }
  if (knownRanks.size > 1000) knownRanks.clear();
  knownRanks.set(key, rank);
  return rank;
}

/** Fewest values for which the sign test has an interval at this tail. @example 6 for 0.025 */
export function leastForMedian(tail: number): number {
  return Math.ceil(-Math.log2(tail));
}

function clusterInterval({ values, cluster, count }: Clustered, rng: Rng): Interval {
  const sorted: Float64Array[] = [];
  const sizes = new Int32Array(count);
  for (const c of cluster) sizes[c]!++;
  const starts = sizes.map((size) => (size === 0 ? -1 : 0));
  for (let c = 0, index = 0; c < count; c++) {
    if (starts[c] === -1) continue;
    starts[c] = index++;
    sorted.push(new Float64Array(sizes[c]!));
  }
  const filled = new Int32Array(sorted.length);
  for (let i = 0; i < values.length; i++) {
    const g = starts[cluster[i]!]!;
    sorted[g]![filled[g]!++] = values[i]!;
  }
  for (const group of sorted) group.sort();

  const sets = clusterSets(sorted.length, rng);
  const needed = Math.floor(TAIL * (sets.count + 1));
  const pooled = Float64Array.from(values).sort();
  const n = pooled.length;
  const sums = new Float64Array(sorted.length);
  // The lower median of a set is at most m if at least half of its values are.
  const setsAtMost = (m: number): number => {
    for (const [g, group] of sorted.entries()) sums[g] = 2 * countAtMost(group, m) - group.length;
    return sets.countNonNegative(sums);
  };
  const setsAtLeast = (m: number): number => {
    for (const [g, group] of sorted.entries()) sums[g] = group.length - 2 * countBelow(group, m);
    return sets.countNonNegative(sums);
  };
  const low = firstIndex(n, (i) => setsAtMost(pooled[i]!) >= needed);
  const high = n - 1 - firstIndex(n, (i) => setsAtLeast(pooled[n - 1 - i]!) >= needed);
  return [pooled[low]!, pooled[high]!];
}

/** The first index from 0 to n - 1 at which a claim holds that stays true once it is; n - 1 if none before. */
function firstIndex(n: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = n - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many of the ascending values are <= m. */
function countAtMost(sorted: Float64Array, m: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= m) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the ascending values are < m. */
function countBelow(sorted: Float64Array, m: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < m) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface ClusterSets {
  readonly count: number;
  /** Sets whose clusters' numbers sum to more than zero, and half of those where they sum to zero. */
  countNonNegative(sums: Float64Array): number;
}

/** Sets as bytes, one bit a cluster, so that a sum takes one look-up per eight clusters. */
function clusterSets(clusters: number, rng: Rng): ClusterSets {
  const bytes = Math.ceil(clusters / 8);
  const isEnumerated = clusters <= ENUMERATED_CLUSTERS;
  const count = isEnumerated ? 2 ** clusters - 1 : RANDOM_SETS;
  const members = new Uint8Array(count * bytes);
  let random = 0;
  for (let i = 0; i < members.length; i++) {
    // Four bytes of each random number.
    random = i % 4 === 0 && !isEnumerated ? rng.uint32() : random >>> 8;
    members[i] = isEnumerated ? (Math.floor(i / bytes) + 1) >> (8 * (i % bytes)) : random;
  }
  const sumOfByte = new Float64Array(bytes * 256);
  return {
    count,
    countNonNegative(sums) {
      for (let b = 0; b < bytes; b++) {
        for (let bits = 1; bits < 256; bits++) {
          const lowest = 31 - Math.clz32(bits & -bits);
          sumOfByte[b * 256 + bits] = sumOfByte[b * 256 + (bits & (bits - 1))]! + (sums[b * 8 + lowest] ?? 0);
        }
      }
      let found = 0;
      for (let s = 0, at = 0; s < count; s++) {
        let sum = 0;
        for (let b = 0; b < bytes; b++) sum += sumOfByte[b * 256 + members[at++]!]!;
        if (sum >= 0) found += sum === 0 ? 0.5 : 1;
      }
      return found;
    },
  };
}
