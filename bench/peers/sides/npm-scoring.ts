/** @file The npm packages that compute the same formulas. */

import fast from 'fast-levenshtein';
import { distance } from 'fastest-levenshtein';
import { ratio } from 'fuzzball';

import { readPairs, scoreAll, type Pair, type ScoringAnswer, type ScoringSetup } from './scoring-job.js';
import { serve } from './serve.js';

const SCORERS: Readonly<Record<string, (pair: Pair) => number>> = {
  // Texts as they are, as fuzz.ratio of Python takes them.
  fuzzball: ({ cut, reference }) => ratio(cut, reference, { full_process: false }),
  'fast-levenshtein': ({ cut, reference }) => fast.get(cut, reference),
  'fastest-levenshtein': ({ cut, reference }) => distance(cut, reference),
};

serve<ScoringSetup, null, ScoringAnswer>(({ pairs, measure }) => {
  const read = readPairs(pairs);
  const score = SCORERS[measure];
  if (score === undefined) throw new Error(`nothing computes ${measure}`);
  return { answer: () => scoreAll(read, score) };
});
