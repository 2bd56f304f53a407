/**
 * @file Reciprocal rank fusion: one ranking out of several, by ranks alone.
 *
 *   score(d) = sum over the rankings that hold d of 1 / (60 + rank of d), ranks from 1
 *
 * Scores of different rankers have different scales; ranks do not. Each ranking takes part with its best
 * {@link FUSION_DEPTH}. A chunk that none of these holds is not returned.
 *
 * Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
 * Rank Learning Methods", SIGIR 2009, with its k = 60.
 */

import { Top, type Match } from './corpus/top.js';

const K = 60;

/** Matches of each ranking that take part. */
export const FUSION_DEPTH = 100;

/**
 * Fuses rankings.
 *
 * @param rankings Each best first; at most {@link FUSION_DEPTH} of each are used.
 * @param tieRank  Order among equal scores, by chunk number; the greater is better.
 * @example // ranks 1 and 2 give 1/61 + 1/62 = 0.032522; rank 1 alone gives 1/61 = 0.016393
 */
export function fuse(rankings: readonly (readonly Match[])[], tieRank: Int32Array, k: number): Match[] {
  const scores = new Map<number, number>();
  for (const ranking of rankings) {
    for (const [i, { chunk }] of ranking.slice(0, FUSION_DEPTH).entries()) {
      scores.set(chunk, (scores.get(chunk) ?? 0) + 1 / (K + i + 1));
    }
  }
  const top = new Top(k, tieRank);
  for (const [chunk, score] of scores) top.offer(chunk, score);
  return top.sorted();
}
