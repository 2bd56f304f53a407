/** @file The npm packages that compute BM25, each with our tokens, k1 and b, and our idf where it lets one. */

import MiniSearch from 'minisearch';
import okapi from 'okapibm25';
import wink from 'wink-bm25-text-search';

import {
  B,
  bestScores,
  K1,
  readSearched,
  searchAll,
  TOP_K,
  words,
  type RetrievalAnswer,
  type RetrievalJob,
  type RetrievalSetup,
} from './retrieval-job.js';
import { serve } from './serve.js';

interface PeerSetup extends RetrievalSetup {
  readonly engine: 'wink' | 'minisearch' | 'okapibm25';
}

type Best = (query: string) => [number, number][];

/** Most decimals that wink keeps of a term's share. */
const WINK_PRECISION = 9;

function open(engine: PeerSetup['engine'], documents: readonly string[]): Best {
  switch (engine) {
    case 'wink': {
      const index = wink();
      index.defineConfig({ fldWeights: { text: 1 }, bm25Params: { k1: K1, b: B, k: 0 } });
      index.definePrepTasks([words]);
      for (const [id, text] of documents.entries()) index.addDoc({ text }, id);
      index.consolidate(WINK_PRECISION);
      return (query) => index.search(query, TOP_K).map(([id, score]) => [Number(id), score]);
    }
    case 'minisearch': {
      const index = new MiniSearch({
        fields: ['text'],
        tokenize: words,
        processTerm: (term) => term,
        searchOptions: { bm25: { k: K1, b: B, d: 0 } },
      });
      index.addAll(documents.map((text, id) => ({ id, text })));
      return (query) =>
        index
          .search(query)
          .slice(0, TOP_K)
          .map(({ id, score }) => [id, score]);
    }
    case 'okapibm25':
      return (query) => bestScores(okapi.default(documents, words(query), { k1: K1, b: B }));
  }
}

serve<PeerSetup, RetrievalJob, RetrievalAnswer>(({ searched, engine }) => {
  const { documents, queries } = readSearched(searched);
  const best = open(engine, documents);
  return { answer: (job) => searchAll(queries.slice(0, job.queries), best) };
});
