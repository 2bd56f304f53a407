/**
 * @file Every pipeline, by its name.
 */

import { budgetRagPipeline } from './budget-rag.js';
import { compressedRandomPipeline } from './compressed-random.js';
import { compressedShuffledPipeline } from './compressed-shuffled.js';
import { compressedPipeline } from './compressed.js';
import { fullRagShuffledPipeline } from './full-rag-shuffled.js';
import { fullRagPipeline } from './full-rag.js';
import { showsSoftPrompt, type PipelineName } from './kinds.js';
import { noContextPipeline } from './no-context.js';
import type { Pipeline, PipelineFactory, PipelineResources } from './pipeline.js';
import { softPromptPipeline, withSoftPrompt } from './soft-prompt.js';

/** What makes each of them. A row of `kinds.ts` without a line here is a type error. */
export const PIPELINE_FACTORIES: Readonly<Record<PipelineName, PipelineFactory>> = {
  'no-context': noContextPipeline,
  'full-rag': fullRagPipeline,
  'budget-rag': budgetRagPipeline,
  compressed: compressedPipeline,
  'compressed-random': compressedRandomPipeline,
  'full-rag-shuffled': fullRagShuffledPipeline,
  'compressed-shuffled': compressedShuffledPipeline,
  'soft-prompt': softPromptPipeline,
};

/**
 * Makes the pipelines of a run.
 *
 * @returns One a name, in the order given.
 */
export function makePipelines(
  names: readonly PipelineName[],
  resources: PipelineResources,
): Map<PipelineName, Pipeline> {
  return new Map(
    names.map((name) => {
      const pipeline = PIPELINE_FACTORIES[name](resources);
      const { softPrompt, setting } = resources;
      const isShown = softPrompt !== null && showsSoftPrompt(name);
      return [name, isShown ? withSoftPrompt(pipeline, softPrompt, setting) : pipeline];
    }),
  );
}
