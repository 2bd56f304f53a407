/**
 * @file Which columns a run has.
 */

import { usesRetrieval, type PipelineName } from '../pipelines/pipeline.js';
import type { RetrieverName } from '../retrieval/retriever.js';
import type { Configuration } from './record.js';

/**
 * Every pipeline with every retriever, but a pipeline that retrieves nothing only once.
 *
 * @example // 3 pipelines and 3 retrievers give 7 configurations
 */
export function configurations(
  pipelines: readonly PipelineName[],
  retrievers: readonly RetrieverName[],
): Configuration[] {
  return pipelines.flatMap((pipeline): Configuration[] =>
    usesRetrieval(pipeline)
      ? retrievers.map((retriever) => ({ pipeline, retriever }))
      : [{ pipeline, retriever: null }],
  );
}
