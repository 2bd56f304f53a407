/**
 * @file BM25 as a plain scan, for any of the formulas at hand: what each side's ranking is checked against.
 *
 * No index: every chunk is looked at for every query and everything is sorted. Counts of terms in chunks
 * and idf are made once, as statistics are for every side.
 */

import { B, bestScores, K1, words } from './sides/retrieval-job.js';

export interface Formula {
  /** Of a term that n of N chunks hold; given the mean of all, which rank_bm25 needs. */
  readonly idf: (holders: number, chunks: number) => number;
  /** rank_bm25: a negative idf becomes a quarter of the mean over the vocabulary. */
  readonly floor: boolean;
  /** What counts as a chunk's length. */
  readonly length: 'terms' | 'distinct terms';
  /** Whether a term is found inside longer words as well. */
  readonly matching: 'words' | 'substrings';
  /** Whether the sum is multiplied by how many distinct terms of the query the chunk holds. */
  readonly timesMatched: boolean;
}

const okapi = (n: number, N: number): number => Math.log(N - n + 0.5) - Math.log(n + 0.5);
const lucene = (n: number, N: number): number => Math.log(1 + (N - n + 0.5) / (n + 0.5));

const OURS: Formula = {
  idf: okapi,
  floor: true,
  length: 'terms',
  matching: 'words',
  timesMatched: false,
};

/** The formulas, by who computes them; k1 and b are the same in all. */
export const FORMULAS = {
  ours: OURS,
  /** idf by its `k: 0`, which makes it ours but for the sign: what would be negative counts as positive. */
  wink: { ...OURS, idf: (n, N) => Math.abs(okapi(n, N)), floor: false },
  minisearch: { ...OURS, idf: lucene, floor: false, length: 'distinct terms', timesMatched: true },
  okapibm25: { ...OURS, idf: lucene, floor: false, matching: 'substrings' },
} as const satisfies Record<string, Formula>;

/** Makes the scan of a formula: query text in, scores by chunk number out. */
export function naiveScan(documents: readonly string[], formula: Formula): (query: string) => number[] {
  const counts = documents.map((document) => {
    const count = new Map<string, number>();
    for (const word of words(document)) count.set(word, (count.get(word) ?? 0) + 1);
    return count;
  });
  const lengths = documents.map((document, i) =>
    formula.length === 'terms' ? words(document).length : counts[i]!.size,
  );
  const mean = lengths.reduce((sum, length) => sum + length, 0) / documents.length;
  const holders = new Map<string, number>();
  for (const count of counts)
    for (const word of count.keys()) holders.set(word, (holders.get(word) ?? 0) + 1);
  let sum = 0;
  for (const n of holders.values()) sum += formula.idf(n, documents.length);
  const least = formula.floor ? (0.25 * sum) / holders.size : -Infinity;
  const frequency = (term: string, i: number): number =>
    formula.matching === 'words' ? (counts[i]!.get(term) ?? 0) : documents[i]!.split(term).length - 1;

  return (query) => {
    const asked = words(query);
    const idfOf = new Map(
      [...new Set(asked)].map((term) => {
        const n =
          formula.matching === 'words'
            ? (holders.get(term) ?? 0)
            : documents.filter((document) => document.includes(term)).length;
        const idf = n === 0 ? 0 : formula.idf(n, documents.length);
        return [term, idf < 0 && formula.floor ? least : idf] as const;
      }),
    );
    return documents.map((_, i) => {
      const part = K1 * (1 - B + (B * lengths[i]!) / mean);
      const matched = new Set<string>();
      let score = 0;
      for (const term of asked) {
        const f = frequency(term, i);
        if (f === 0) continue;
        matched.add(term);
        score += idfOf.get(term)! * ((f * (K1 + 1)) / (f + part));
      }
      return formula.timesMatched ? score * matched.size : score;
    });
  };
}

/** The scan's answer. */
export function naiveBest(scan: (query: string) => number[], query: string): [number, number][] {
  return bestScores(scan(query));
}
