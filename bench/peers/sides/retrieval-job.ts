/** @file What a search is asked and what it answers, the same for every side. */

import { readFileSync } from 'node:fs';

import { z } from 'zod';

export const TOP_K = 10;
/** As in rank_bm25, which the profiles follow. */
export const K1 = 1.5;
export const B = 0.75;

export interface RetrievalSetup {
  /** A JSON file with a {@link searchedSchema}. */
  readonly searched: string;
}

export const searchedSchema = z.object({
  files: z.array(z.object({ path: z.string(), text: z.string() })),
  /** Tokens of each chunk, joined by blanks. */
  documents: z.array(z.string()),
  /** Tokens of each query, joined by blanks. */
  queries: z.array(z.string()),
});
export type Searched = z.infer<typeof searchedSchema>;

/** How many of the queries to answer, from the first on. */
export interface RetrievalJob {
  readonly queries: number;
}

export const retrievalAnswer = z.array(
  z.object({
    ms: z.number(),
    /** Chunk numbers and scores, best first. */
    top: z.array(z.tuple([z.int(), z.number()])),
  }),
);
export type RetrievalAnswer = z.infer<typeof retrievalAnswer>;

export function readSearched(path: string): Searched {
  return searchedSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

export const words = (text: string): string[] => (text === '' ? [] : text.split(' '));

/** Answers queries one by one, each timed from its text to its best chunks. */
export async function searchAll(
  queries: readonly string[],
  best: (query: string) => [number, number][] | Promise<[number, number][]>,
): Promise<RetrievalAnswer> {
  const answers: RetrievalAnswer = [];
  for (const query of queries) {
    const start = performance.now();
    const top = await best(query);
    answers.push({ ms: performance.now() - start, top });
  }
  return answers;
}

/** The best of scores by number, the smaller number first among equals; those of zero left out. */
export function bestScores(scores: readonly number[]): [number, number][] {
  return scores
    .map((score, i): [number, number] => [i, score])
    .filter(([, score]) => score !== 0)
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, TOP_K);
}
