/**
 * @file Which rows a run has.
 */

import { obeysCompressionRatio, usesRetrieval, type PipelineName } from '../pipelines/kinds.js';
import type { RetrieverName } from '../retrieval/kinds.js';
import type { Configuration } from './record.js';

/** What spans the rows of a run; a part of its spec. */
export interface Axes {
  readonly pipelines: readonly PipelineName[];
  readonly retrievers: readonly RetrieverName[];
  /** Ascending. */
  readonly topK: readonly number[];
  /** Ascending; absent where texts have the length of soft tokens. */
  readonly compressionRatio?: readonly number[];
}

/**
 * Every pipeline with every retriever at every top-k, but a pipeline that retrieves nothing only once. A pipeline that
 * obeys compression ratios has each of them besides.
 *
 * @example // 3 pipelines, 3 retrievers and one top-k give 7 configurations, four top-k give 25
 */
export function configurations({ pipelines, retrievers, topK, compressionRatio }: Axes): Configuration[] {
  return pipelines.flatMap((pipeline): Configuration[] => {
    if (!usesRetrieval(pipeline)) return [{ pipeline, retriever: null, topK: null }];
    const ratios = obeysCompressionRatio(pipeline) ? (compressionRatio ?? []) : [];
    const each = retrievers.flatMap((retriever) => topK.map((k) => ({ pipeline, retriever, topK: k })));
    if (ratios.length === 0) return each;
    return each.flatMap((one) => ratios.map((ratio) => ({ ...one, compressionRatio: ratio })));
  });
}

/**
 * The configuration of another pipeline with the same retriever and top-k. If both obey compression ratios, it has the
 * same ratio.
 *
 * @example counterpart({ pipeline: 'budget-rag', retriever: 'bm25', topK: 5, compressionRatio: 4 }, 'full-rag')
 * // => { pipeline: 'full-rag', retriever: 'bm25', topK: 5 }
 */
export function counterpart(
  { retriever, topK, compressionRatio }: Configuration,
  pipeline: PipelineName,
): Configuration {
  if (!usesRetrieval(pipeline)) return { pipeline, retriever: null, topK: null };
  const isShared = compressionRatio !== undefined && obeysCompressionRatio(pipeline);
  return { pipeline, retriever, topK, ...(isShared ? { compressionRatio } : {}) };
}
