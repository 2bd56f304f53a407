/**
 * @file The best k of a whole corpus without scoring every chunk; the answer is that of a full scan, ties
 * included.
 *
 * Terms are read from the rarest to the commonest, their shares added up chunk by chunk. What the terms
 * not yet read can still add is bounded, so that soon most chunks can no longer reach the k best; the long
 * postings of the common terms are then never read, and the few chunks left are scored one by one, from
 * their own terms, by the very arithmetic of the scan.
 *
 *   sum so far            <= score <= sum so far + what is left
 *   threshold             the k-th best exact score known so far, so never above the final one
 *   left out              chunks with: sum so far + what is left < threshold
 *
 * A chunk whose bound equals the threshold stays in, so equal scores are decided by the tie rule alone.
 * Sums are kept in single precision; the bound is widened by more than that can lose.
 *
 * Source: Turtle and Flood, "Query evaluation: strategies and optimizations" (1995), the MaxScore idea, term
 * at a time; the arithmetic of the two scores is in bm25.ts and jaccard.ts.
 */

import { Top, type Match } from '../corpus/top.js';

/** One question to a corpus: its distinct terms that the corpus knows, rarest first. */
export interface PrunedQuestion {
  /** Chunks that hold each term. */
  readonly postings: readonly number[];
  /** Adds the shares of one term to the sums. */
  read(term: number): void;
  /** Numbers of the `count` chunks with the best bounds so far, in any order. */
  leaders(count: number): readonly number[];
  /**
   * Chunks that can still reach a score, given that terms from `unread` on have not been read.
   *
   * @returns Null if there are more than `most`, which is as good as not knowing.
   */
  survivors(threshold: number, unread: number, most: number): Iterable<number> | null;
  /** The score of one chunk, to the bit that of a scan. */
  score(chunk: number): number;
}

/** Reading this many postings costs about as much as scoring one chunk from its terms. */
const POSTINGS_PER_SCORE = 250;

/** Chunks scored to get a first threshold, as a multiple of k. */
const LEADERS_PER_K = 8;

/**
 * Searches.
 *
 * @param question  Its sums are those of nothing read.
 * @param excluded  Chunks [first, end) that may not be returned.
 * @param chunks    Chunks of the corpus.
 * @returns The best k, best first; null where pruning cannot decide (fewer than k chunks share a term with
 *          the query, or what they score is not above zero): then only a scan can.
 */
export function prunedSearch(
  question: PrunedQuestion,
  excluded: readonly [first: number, end: number],
  chunks: number,
  tieRank: Int32Array,
  k: number,
): Match[] | null {
  const { postings } = question;
  const isExcluded = (chunk: number): boolean => chunk >= excluded[0] && chunk < excluded[1];
  let left = postings.reduce((sum, count) => sum + count, 0);
  let threshold = -Infinity;
  let sinceLook = 0;

  for (let unread = 0; unread <= postings.length; unread++) {
    const isLast = unread === postings.length;
    // Looking costs a pass over all sums: worth it before the first long postings, and then whenever as much
    // has been read; not when little is left to save.
    const isDue = threshold === -Infinity ? postings[unread]! > chunks / 16 : sinceLook > chunks;
    if (isLast || (isDue && left > chunks / 2)) {
      sinceLook = 0;
      const most = isLast ? chunks : left / POSTINGS_PER_SCORE;
      let survivors = threshold > 0 ? question.survivors(threshold, unread, most) : null;
      if (survivors === null) {
        const known = new Top(k, tieRank);
        for (const chunk of question.leaders(k * LEADERS_PER_K + excluded[1] - excluded[0])) {
          if (!isExcluded(chunk)) known.offer(chunk, question.score(chunk));
        }
        const isHigher = known.threshold > threshold;
        threshold = Math.max(threshold, known.threshold);
        if (isHigher && threshold > 0) survivors = question.survivors(threshold, unread, most);
      }
      if (survivors !== null) {
        const top = new Top(k, tieRank);
        for (const chunk of survivors) if (!isExcluded(chunk)) top.offer(chunk, question.score(chunk));
        return top.isFull ? top.sorted() : null;
      }
    }
    if (isLast) return null;
    question.read(unread);
    left -= postings[unread]!;
    sinceLook += postings[unread]!;
  }
  return null;
}

/** Numbers of the `count` largest values, in any order; fewer if fewer are above zero. */
export function largest(values: Float32Array, count: number): number[] {
  // A heap of numbers in two arrays: a million values pass through here for every look.
  const chunk = new Int32Array(count);
  const value = new Float64Array(count);
  let size = 0;
  let least = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (v <= least) continue;
    let at: number;
    if (size < count) {
      at = size++;
      while (at > 0 && value[(at - 1) >> 1]! > v) {
        chunk[at] = chunk[(at - 1) >> 1]!;
        value[at] = value[(at - 1) >> 1]!;
        at = (at - 1) >> 1;
      }
    } else {
      at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= size) break;
        if (child + 1 < size && value[child + 1]! < value[child]!) child++;
        if (value[child]! >= v) break;
        chunk[at] = chunk[child]!;
        value[at] = value[child]!;
        at = child;
      }
    }
    chunk[at] = i;
    value[at] = v;
    if (size === count) least = value[0]!;
  }
  return [...chunk.subarray(0, size)];
}
