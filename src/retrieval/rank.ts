/**
 * @file Scores to ranked chunks: selection with a stated tie rule, then the next-window rule.
 *
 * Source: Repoformer `attach_cfc.py`: take the k best chunk ids (equal scores: the greater id `path|k`
 * by code point first), return for each the window that follows it in its file, with the score of
 * the match itself, and leave out texts that are already there, so fewer than k may remain.
 */

import type { ScoredChunk } from '../domain/chunk.js';
import type { Candidates, Corpus } from './corpus.js';

/**
 * Numbers of the k best candidates, best first.
 *
 * @param scores One score a chunk of the corpus.
 */
export function selectTop(corpus: Corpus, candidates: Candidates, scores: Float64Array, k: number): number[] {
  const { idRank } = corpus;
  const best: number[] = [];
  const beats = (a: number, b: number): boolean =>
    scores[a]! > scores[b]! || (scores[a] === scores[b] && idRank[a]! > idRank[b]!);
  for (const i of candidates.members) {
    if (best.length === k && !beats(i, best[k - 1]!)) continue;
    let at = best.length;
    while (at > 0 && beats(i, best[at - 1]!)) at--;
    best.splice(at, 0, i);
    if (best.length > k) best.pop();
  }
  return best;
}

/** The chunks to show for a ranking: the continuation of each match, without repeated texts. */
export function continuations(
  corpus: Corpus,
  matches: readonly number[],
  scores: Float64Array,
): ScoredChunk[] {
  const seen = new Set<string>();
  const shown: ScoredChunk[] = [];
  for (const i of matches) {
    const chunk = corpus.chunks[corpus.next[i]!]!;
    if (seen.has(chunk.text)) continue;
    seen.add(chunk.text);
    shown.push({ ...chunk, score: scores[i]! });
  }
  return shown;
}
