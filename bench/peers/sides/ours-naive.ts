/** @file The plain scan of our own formula, as a side to measure. */

import { FORMULAS, naiveBest, naiveScan } from '../naive-bm25.js';
import {
  readSearched,
  searchAll,
  type RetrievalAnswer,
  type RetrievalJob,
  type RetrievalSetup,
} from './retrieval-job.js';
import { serve } from './serve.js';

serve<RetrievalSetup, RetrievalJob, RetrievalAnswer>(({ searched }) => {
  const { documents, queries } = readSearched(searched);
  const scan = naiveScan(documents, FORMULAS.ours);
  return { answer: (job) => searchAll(queries.slice(0, job.queries), (query) => naiveBest(scan, query)) };
});
