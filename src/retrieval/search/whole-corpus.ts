/**
 * @file BM25 and Jaccard over all chunks of a corpus, for profiles without caps. The search prunes where that
 * can decide, and scans where it cannot.
 */

import { frequencyPart, lengthPart, wholeCorpusStatistics, type Bm25Statistics } from './bm25-score.js';
import type { Corpus } from '../corpus/corpus.js';
import { jaccard } from './jaccard-score.js';
import { largest, prunedSearch, type PrunedQuestion } from './pruned-search.js';
import { Top, type Match } from '../corpus/top.js';

/** Finds the best chunks of a corpus for a query, the file being completed left out. */
export interface WholeCorpusSearch {
  /** The best `count`, best first. */
  best(query: string, targetPath: string, count: number): Match[];
}

/** More than single precision can lose in a sum of a query's terms. */
const SLACK = 1e-5;

/**
 * Where a term is among the distinct terms of the query, from 1; 0 for all others. Two bytes a term, since
 * scoring one chunk looks here for each of its terms.
 */
class QuerySlots {
  readonly #slots: Uint16Array;
  #used: readonly number[] = [];

  constructor(terms: number) {
    this.#slots = new Uint16Array(terms);
  }

  set(terms: readonly number[]): Uint16Array {
    for (const term of this.#used) this.#slots[term] = 0;
    for (const [slot, term] of terms.entries()) this.#slots[term] = slot + 1;
    this.#used = terms;
    return this.#slots;
  }
}

/** Jaccard similarity over the whole corpus. */
export function wholeCorpusJaccard(corpus: Corpus): WholeCorpusSearch {
  const { distinct, forward, inverted, tieRank } = corpus;
  const slots = new QuerySlots(corpus.termNumber.size);
  /** Counts, as numbers of the kind that BM25's sums are, so that one compiled loop serves both. */
  const shared = new Float32Array(corpus.chunks.length);
  const found = new Int32Array(corpus.chunks.length);
  return {
    best(query, targetPath, count) {
      const wanted = new Set(corpus.terms(query));
      const terms = rarestFirst(corpus, knownTerms(corpus, wanted));
      const slotOf = slots.set(terms);
      shared.fill(0);
      const question: PrunedQuestion = {
        postings: terms.map((term) => held(corpus, term)),
        read(t) {
          const { offsets, columns } = inverted;
          const end = offsets[terms[t]! + 1]!;
          for (let e = offsets[terms[t]!]!; e < end; e++) shared[columns[e]!]!++;
        },
        leaders: (most) => largest(shared, most),
        survivors(threshold, unread, most) {
          // With s of its terms read and r unread, a chunk of d terms scores at most
          // (s + r) / (q + d - s - r); that is at least t where s >= t (q + d) / (1 + t) - r.
          const rest = terms.length - unread;
          const factor = (threshold / (1 + threshold)) * (1 - SLACK);
          let size = 0;
          for (let i = 0; i < shared.length; i++) {
            if (shared[i]! + rest < factor * (wanted.size + distinct[i]!)) continue;
            if (size >= most) return null;
            found[size++] = i;
          }
          return found.subarray(0, size);
        },
        score(chunk) {
          let common = 0;
          const end = forward.offsets[chunk + 1]!;
          for (let e = forward.offsets[chunk]!; e < end; e++) if (slotOf[forward.columns[e]!]! > 0) common++;
          return jaccard(common, wanted.size, distinct[chunk]!);
        },
      };
      return (
        prunedSearch(question, corpus.range(targetPath), shared.length, tieRank, count) ??
        scan(corpus, question, targetPath, count)
      );
    },
  };
}

/** BM25 over the whole corpus, with its statistics. */
export function wholeCorpusBm25(corpus: Corpus): WholeCorpusSearch {
  const { forward, inverted, lengths, tieRank } = corpus;
  const statistics: Bm25Statistics = wholeCorpusStatistics(corpus);
  const { idf, meanLength } = statistics;
  const slots = new QuerySlots(corpus.termNumber.size);
  const sums = new Float32Array(corpus.chunks.length);
  const found = new Int32Array(corpus.chunks.length);
  const { parts, largestPart } = frequencyParts(corpus, meanLength);

  return {
    best(query, targetPath, count) {
      const asked = corpus.terms(query).flatMap((term) => {
        const number = corpus.termNumber.get(term);
        return number === undefined || idf[number] === 0 ? [] : [number];
      });
      const terms = rarestFirst(corpus, new Set(asked));
      const slotOf = slots.set(terms);
      const weights = new Float64Array(terms.length);
      for (const term of asked) weights[slotOf[term]! - 1]! += idf[term]!;
      const frequencies = new Int32Array(terms.length);
      /** At most what the terms from t on can add; and the largest number that a sum can pass through. */
      const restFrom = new Float64Array(terms.length + 1);
      let magnitude = 0;
      for (let t = terms.length - 1; t >= 0; t--) {
        const most = weights[t]! * largestPart[terms[t]!]!;
        restFrom[t] = restFrom[t + 1]! + Math.max(0, most);
        magnitude += Math.abs(most);
      }
      sums.fill(0);
      const question: PrunedQuestion = {
        postings: terms.map((term) => held(corpus, term)),
        read(t) {
          const { offsets, columns } = inverted;
          const weight = weights[t]!;
          const end = offsets[terms[t]! + 1]!;
          for (let e = offsets[terms[t]!]!; e < end; e++) sums[columns[e]!]! += weight * parts[e]!;
        },
        leaders: (most) => largest(sums, most),
        survivors(threshold, unread, most) {
          const least = threshold - restFrom[unread]! - SLACK * (threshold + magnitude);
          let size = 0;
          for (let i = 0; i < sums.length; i++) {
            if (sums[i]! < least) continue;
            if (size >= most) return null;
            found[size++] = i;
          }
          return found.subarray(0, size);
        },
        score(chunk) {
          frequencies.fill(0);
          const end = forward.offsets[chunk + 1]!;
          for (let e = forward.offsets[chunk]!; e < end; e++) {
            const slot = slotOf[forward.columns[e]!]!;
            if (slot > 0) frequencies[slot - 1] = forward.counts[e]!;
          }
          // In the order of the query, as a scan adds: the same roundings, so the same ties.
          const part = lengthPart(lengths[chunk]!, meanLength);
          let score = 0;
          for (const term of asked) {
            const f = frequencies[slotOf[term]! - 1]!;
            if (f > 0) score += idf[term]! * frequencyPart(f, part);
          }
          return score;
        },
      };
      return (
        prunedSearch(question, corpus.range(targetPath), sums.length, tieRank, count) ??
        scan(corpus, question, targetPath, count)
      );
    },
  };
}

/** What each posting multiplies the weight of its term by, in single precision, and the largest a term has. */
function frequencyParts(
  { inverted, lengths, termNumber }: Corpus,
  meanLength: number,
): { parts: Float32Array; largestPart: Float32Array } {
  const lengthParts = Float64Array.from(lengths, (length) => lengthPart(length, meanLength));
  const { offsets, columns, counts } = inverted;
  const parts = new Float32Array(columns.length);
  const largestPart = new Float32Array(termNumber.size);
  for (let term = 0; term < largestPart.length; term++) {
    for (let e = offsets[term]!; e < offsets[term + 1]!; e++) {
      parts[e] = frequencyPart(counts[e]!, lengthParts[columns[e]!]!);
      if (parts[e]! > largestPart[term]!) largestPart[term] = parts[e]!;
    }
  }
  return { parts, largestPart };
}

/** Scores every chunk: for queries that share a term with fewer than k chunks, and negative scores. */
function scan(corpus: Corpus, question: PrunedQuestion, targetPath: string, count: number): Match[] {
  const [first, end] = corpus.range(targetPath);
  const top = new Top(count, corpus.tieRank);
  for (let i = 0; i < corpus.chunks.length; i++) if (i < first || i >= end) top.offer(i, question.score(i));
  return top.sorted();
}

function held({ inverted }: Corpus, term: number): number {
  return inverted.offsets[term + 1]! - inverted.offsets[term]!;
}

function knownTerms(corpus: Corpus, wanted: ReadonlySet<string | number>): Set<number> {
  return new Set([...wanted].flatMap((term) => corpus.termNumber.get(term) ?? []));
}

function rarestFirst(corpus: Corpus, terms: ReadonlySet<number>): number[] {
  return [...terms].sort((a, b) => held(corpus, a) - held(corpus, b) || a - b);
}
