/**
 * @file Every kind of ranker that a retriever can ask, in the order of fused names, tables and runs.
 *
 * Whoever adds a kind writes one file in `rankers/` and one line here. Names, fusions, flags, schemas and
 * contract tests follow from this list.
 */

import { BM25 } from './rankers/bm25.js';
import { JACCARD } from './rankers/jaccard.js';
import type { RankerKind } from './rankers/ranker.js';
import { UNIXCODER } from './rankers/unixcoder.js';

export const RANKERS = {
  jaccard: JACCARD,
  unixcoder: UNIXCODER,
  bm25: BM25,
} as const satisfies Readonly<Record<string, RankerKind>>;

export type RankerName = keyof typeof RANKERS;
