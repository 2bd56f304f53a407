/** @file llava-eval's scores: the two formulas of ES by themselves, or a whole metric profile. */

import { editDistance } from '../../../src/metrics/edit-similarity.js';
import { indelRatio } from '../../../src/metrics/fuzz-ratio.js';
import { scoreCompletion } from '../../../src/metrics/profile.js';
import { METRIC_PROFILES, metricProfile } from '../../../src/metrics/registry.js';
import { readPairs, scoreAll, type Pair, type ScoringAnswer, type ScoringSetup } from './scoring-job.js';
import { serve } from './serve.js';

function scorer(measure: string): (pair: Pair) => number {
  if (measure === 'fuzz ratio') return ({ cut, reference }) => indelRatio(cut, reference);
  if (measure === 'edit distance') return ({ cut, reference }) => editDistance(cut, reference);
  const name = METRIC_PROFILES.find((known) => known === measure);
  if (name === undefined) throw new Error(`nothing computes ${measure}`);
  const profile = metricProfile(name, null);
  return ({ completion, reference }) => {
    const task = { prefix: '', reference, language: 'typescript' } as const;
    return scoreCompletion(profile, completion, task).editSimilarity ?? 0;
  };
}

serve<ScoringSetup, null, ScoringAnswer>(({ pairs, measure }) => {
  const read = readPairs(pairs);
  const score = scorer(measure);
  return { answer: () => scoreAll(read, score) };
});
