/**
 * @file The retriever `bm25`: BM25Okapi over the candidates of a task, or over the whole repository.
 */

import type { Candidates } from '../corpus/candidates.js';
import { bm25Scores, bm25Statistics, type Bm25Statistics } from '../search/bm25-score.js';
import { exhaustiveBm25, isExhaustible } from '../search/exhaustive-search.js';
import { wholeCorpusBm25 } from '../search/whole-corpus.js';
import { isWholeCorpus, lexicalRanker, wholeCorpusRanker } from './lexical-ranker.js';
import type { RankerKind } from './ranker.js';

export const BM25: RankerKind = {
  name: 'bm25',
  title: 'BM25 (Okapi)',
  needsEmbedder: false,
  isDefault: true,
  open(corpus, sets) {
    if (isWholeCorpus(corpus)) {
      return wholeCorpusRanker(() =>
        isExhaustible(corpus) ? exhaustiveBm25(corpus) : wholeCorpusBm25(corpus),
      );
    }
    const statistics = new Map<Candidates, Bm25Statistics>();
    return lexicalRanker(corpus, sets, (candidates, query) => {
      let known = statistics.get(candidates);
      if (known === undefined) statistics.set(candidates, (known = bm25Statistics(corpus, candidates)));
      return bm25Scores(corpus, candidates, known, query);
    });
  },
};
