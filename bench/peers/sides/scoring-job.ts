/** @file What a scorer is asked and what it answers, the same for every side. */

import { readFileSync } from 'node:fs';

import { z } from 'zod';

export const pairsSchema = z.array(
  z.object({ completion: z.string(), cut: z.string(), reference: z.string() }),
);
/** A raw completion, what a profile would compare of it, and what that is compared with. */
export type Pair = z.infer<typeof pairsSchema>[number];

export interface ScoringSetup {
  /** A JSON file with pairs. */
  readonly pairs: string;
  /** What is computed for each. */
  readonly measure: string;
}

export const scoringAnswer = z.object({
  /** For all pairs. */
  ms: z.number(),
  values: z.array(z.number()),
});
export type ScoringAnswer = z.infer<typeof scoringAnswer>;

export function readPairs(path: string): Pair[] {
  return pairsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** Scores all pairs, timed as one. */
export function scoreAll(pairs: readonly Pair[], score: (pair: Pair) => number): ScoringAnswer {
  const start = performance.now();
  const values = pairs.map(score);
  return { ms: performance.now() - start, values };
}
