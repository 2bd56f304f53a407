/**
 * @file Jaccard similarity of token sets: |A and B| / |A or B|.
 *
 * Source: CrossCodeEval and Repoformer `rerank_utils.py`.
 */

import type { Candidates, Corpus } from './corpus.js';
import { lexicalTokens } from './lexical-tokens.js';

/**
 * Scores every candidate; others keep 0.
 *
 * @returns One score a chunk of the corpus, in [0, 1].
 * @example // query {a, b, z} against chunk {a, b, c}: 2 shared of 4 distinct => 0.5
 */
export function jaccardScores(corpus: Corpus, candidates: Candidates, query: string): Float64Array {
  const terms = new Set(lexicalTokens(query));
  const shared = new Int32Array(corpus.chunks.length);
  const { offsets, columns } = corpus.inverted;
  for (const token of terms) {
    const term = corpus.termNumber.get(token);
    if (term === undefined) continue;
    for (let e = offsets[term]!; e < offsets[term + 1]!; e++) shared[columns[e]!]!++;
  }
  const scores = new Float64Array(corpus.chunks.length);
  for (const i of candidates.members) {
    // The union is never empty: a chunk always holds a token.
    scores[i] = shared[i]! / (terms.size + corpus.distinct[i]! - shared[i]!);
  }
  return scores;
}
