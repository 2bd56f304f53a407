/**
 * @file Jaccard similarity of term sets: |A and B| / |A or B|.
 *
 * Source: CrossCodeEval and Repoformer `rerank_utils.py`, RepoCoder `search_code.py`.
 */

import type { Candidates } from '../corpus/candidates.js';
import type { Corpus } from '../corpus/corpus.js';

/**
 * Scores every candidate; others keep 0.
 *
 * @returns One score a chunk of the corpus, in [0, 1].
 * @example // query {a, b, z} against chunk {a, b, c}: 2 shared of 4 distinct => 0.5
 */
export function jaccardScores(corpus: Corpus, candidates: Candidates, query: string): Float64Array {
  const terms = new Set(corpus.terms(query));
  const shared = new Int32Array(corpus.chunks.length);
  const { offsets, columns } = corpus.inverted;
  for (const token of terms) {
    const term = corpus.termNumber.get(token);
    if (term === undefined) continue;
    for (let e = offsets[term]!; e < offsets[term + 1]!; e++) shared[columns[e]!]!++;
  }
  const scores = new Float64Array(corpus.chunks.length);
  for (const i of candidates.members) {
    scores[i] = jaccard(shared[i]!, terms.size, corpus.distinct[i]!);
  }
  return scores;
}

/**
 * The similarity of two sets of which `shared` elements are common. Two empty sets, where RepoCoder
 * divides by zero, are not similar.
 */
export function jaccard(shared: number, a: number, b: number): number {
  return shared === 0 ? 0 : shared / (a + b - shared);
}
