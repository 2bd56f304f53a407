/**
 * @file Which rows a run has.
 */

import { usesRetrieval, type PipelineName } from '../pipelines/kinds.js';
import type { RetrieverName } from '../retrieval/kinds.js';
import type { Configuration } from './record.js';

/** What spans the rows of a run; a part of its spec. */
export interface Axes {
  readonly pipelines: readonly PipelineName[];
  readonly retrievers: readonly RetrieverName[];
  /** Ascending. */
  readonly topK: readonly number[];
}

/**
 * Every pipeline with every retriever at every top-k, but a pipeline that retrieves nothing only once.
 *
 * @example // 3 pipelines, 3 retrievers and one top-k give 7 configurations, four top-k give 25
 */
export function configurations({ pipelines, retrievers, topK }: Axes): Configuration[] {
  return pipelines.flatMap((pipeline): Configuration[] =>
    usesRetrieval(pipeline)
      ? retrievers.flatMap((retriever) => topK.map((k) => ({ pipeline, retriever, topK: k })))
      : [{ pipeline, retriever: null, topK: null }],
  );
}
