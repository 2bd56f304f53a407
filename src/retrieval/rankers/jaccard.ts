/**
 * @file The retriever `jaccard`: the share of terms that query and chunk have in common.
 */

import { jaccardScores } from '../search/jaccard-score.js';
import { wholeCorpusJaccard } from '../search/whole-corpus.js';
import { isWholeCorpus, lexicalRanker, wholeCorpusRanker } from './lexical-ranker.js';
import type { RankerKind } from './ranker.js';

export const JACCARD: RankerKind = {
  name: 'jaccard',
  title: 'Jaccard similarity of term sets',
  needsEmbedder: false,
  isDefault: true,
  open: (corpus, sets) =>
    isWholeCorpus(corpus)
      ? wholeCorpusRanker(() => wholeCorpusJaccard(corpus))
      : lexicalRanker(corpus, sets, (candidates, query) => jaccardScores(corpus, candidates, query)),
};
