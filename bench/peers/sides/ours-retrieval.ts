/**
 * @file llava-eval's BM25: the ranker that `retrieve` asks.
 *
 * `whole` is the profile `global`, which prunes; `candidates` scores every candidate of the task as the
 * other profiles do, here without their caps, over the same chunks.
 */

import { lexicalTokens } from '../../../src/retrieval/lexical-tokens.js';
import { buildCorpus } from '../../../src/retrieval/corpus/corpus.js';
import { retrievalProfile, type RetrievalProfile } from '../../../src/retrieval/profile.js';
import { openRankers } from '../../../src/retrieval/retriever.js';
import { matrixOf } from '../../../src/tensor/matrix.js';
import {
  readSearched,
  searchAll,
  TOP_K,
  type RetrievalAnswer,
  type RetrievalJob,
  type RetrievalSetup,
} from './retrieval-job.js';
import { serve } from './serve.js';

interface OwnSetup extends RetrievalSetup {
  readonly search: 'whole' | 'candidates';
}

serve<OwnSetup, RetrievalJob, RetrievalAnswer>(async ({ searched, search }) => {
  const { files, queries } = readSearched(searched);
  const global = retrievalProfile('global');
  const uncapped = {
    kind: 'nearest-files',
    maxDistance: Infinity,
    maxFiles: Infinity,
    maxChunks: Infinity,
  } as const;
  const profile: RetrievalProfile = search === 'whole' ? global : { ...global, candidates: uncapped };
  const corpus = buildCorpus({ name: 'all', files }, profile, lexicalTokens);
  const embedder = (): never => {
    throw new Error('BM25 needs no encoder');
  };
  const ranker = openRankers(['bm25'], corpus, { embedder }).get('bm25')!;
  // A target that is no file: no chunk is left out.
  const task = { path: 'none.ts', prefix: '', reference: '', suffix: '' };
  await ranker.prepare([task], matrixOf(0, 0, new Float32Array(0)), 0);
  return {
    answer: (job) =>
      searchAll(queries.slice(0, job.queries), async (query) =>
        (await ranker.rank(task, query, TOP_K)).map(({ chunk, score }) => [chunk, score]),
      ),
  };
});
