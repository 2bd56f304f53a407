/**
 * @file BM25Okapi as in Python's `rank_bm25`, negative floor included.
 *
 *   idf(t)   = ln(N - n_t + 0.5) - ln(n_t + 0.5)
 *              a negative idf becomes 0.25 x the mean idf over the vocabulary (negatives included in
 *              the mean, so the floor may itself be negative); an idf of exactly 0 stays 0
 *   score(d) = sum over query tokens, repeats counted each time, of
 *              idf(t) f (k1 + 1) / (f + k1 (1 - b + b |d| / avgdl))
 *
 * N, n_t and avgdl are taken over the candidates of one task, as the references do. Under a profile
 * without caps they are taken over the whole repository, once.
 *
 * Source: dorianbrown/rank_bm25, class BM25Okapi with its defaults. Lucene's variant differs (no
 * k1 + 1, another idf) and ranks differently.
 */

import type { Candidates } from '../corpus/candidates.js';
import type { Corpus } from '../corpus/corpus.js';

const K1 = 1.5;
const B = 0.75;
const EPSILON = 0.25;

/** Corpus statistics over one candidate set. */
export interface Bm25Statistics {
  /** One idf a term of the corpus; 0 for terms no candidate holds. */
  readonly idf: Float64Array;
  /** Mean terms of a candidate. */
  readonly meanLength: number;
}

/** Document frequencies, idf with the floor applied, and the mean length, over the candidates. */
export function bm25Statistics(corpus: Corpus, candidates: Candidates): Bm25Statistics {
  const { offsets, columns } = corpus.forward;
  const holders = new Int32Array(corpus.termNumber.size);
  let length = 0;
  for (const i of candidates.members) {
    length += corpus.lengths[i]!;
    for (let e = offsets[i]!; e < offsets[i + 1]!; e++) holders[columns[e]!]!++;
  }
  return statistics(holders, candidates.members.length, length);
}

/** The same over all chunks of the corpus. */
export function wholeCorpusStatistics(corpus: Corpus): Bm25Statistics {
  const { offsets } = corpus.inverted;
  const holders = new Int32Array(corpus.termNumber.size);
  for (let term = 0; term < holders.length; term++) holders[term] = offsets[term + 1]! - offsets[term]!;
  let length = 0;
  for (const count of corpus.lengths) length += count;
  return statistics(holders, corpus.chunks.length, length);
}

function statistics(holders: Int32Array, n: number, length: number): Bm25Statistics {
  const idf = new Float64Array(holders.length);
  let sum = 0;
  let vocabulary = 0;
  for (let term = 0; term < holders.length; term++) {
    const held = holders[term]!;
    if (held === 0) continue;
    idf[term] = Math.log(n - held + 0.5) - Math.log(held + 0.5);
    sum += idf[term]!;
    vocabulary++;
  }
  const floor = EPSILON * (vocabulary === 0 ? 0 : sum / vocabulary);
  for (let term = 0; term < idf.length; term++) if (idf[term]! < 0) idf[term] = floor;
  return { idf, meanLength: n === 0 ? 0 : length / n };
}

/** What the length of a chunk puts below the fraction: k1 (1 - b + b |d| / avgdl). */
export function lengthPart(length: number, meanLength: number): number {
  return K1 * (1 - B + (B * length) / meanLength);
}

/** The share of a term that occurs f times in a chunk: f (k1 + 1) / (f + lengthPart), below k1 + 1. */
export function frequencyPart(f: number, lengthPart: number): number {
  return (f * (K1 + 1)) / (f + lengthPart);
}

/** Scores every candidate; others keep 0. Scores may be negative. */
export function bm25Scores(
  corpus: Corpus,
  candidates: Candidates,
  { idf, meanLength }: Bm25Statistics,
  query: string,
): Float64Array {
  const scores = new Float64Array(corpus.chunks.length);
  const { offsets, columns, counts } = corpus.inverted;
  for (const token of corpus.terms(query)) {
    const term = corpus.termNumber.get(token);
    if (term === undefined || idf[term] === 0) continue;
    const weight = idf[term]!;
    for (let e = offsets[term]!; e < offsets[term + 1]!; e++) {
      const i = columns[e]!;
      if (candidates.isMember[i] === 0) continue;
      scores[i]! += weight * frequencyPart(counts[e]!, lengthPart(corpus.lengths[i]!, meanLength));
    }
  }
  return scores;
}
