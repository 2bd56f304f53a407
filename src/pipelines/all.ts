/**
 * @file Every pipeline, by its name.
 */

import { budgetRagPipeline } from './budget-rag.js';
import { compressedRandomPipeline } from './compressed-random.js';
import { compressedShuffledPipeline } from './compressed-shuffled.js';
import { compressedPipeline } from './compressed.js';
import { expandedPipeline } from './expanded.js';
import { fullRagShuffledPipeline } from './full-rag-shuffled.js';
import { fullRagPipeline } from './full-rag.js';
import {
  learnPipelineKind,
  showsSoftPrompt,
  type BuiltInPipelineName,
  type PipelineKind,
  type PipelineName,
} from './kinds.js';
import { identifiersRagPipeline } from './identifiers-rag.js';
import { noContextPipeline } from './no-context.js';
import type { Pipeline, PipelineFactory, PipelineResources } from './pipeline.js';
import { prunedRagPipeline } from './pruned-rag.js';
import { signaturesRagPipeline } from './signatures-rag.js';
import { softPromptPipeline, withSoftPrompt } from './soft-prompt.js';

/** What makes each of them. A row of `kinds.ts` without a line here is a type error. */
export const PIPELINE_FACTORIES: Readonly<Record<BuiltInPipelineName, PipelineFactory>> = {
  'no-context': noContextPipeline,
  'full-rag': fullRagPipeline,
  'budget-rag': budgetRagPipeline,
  compressed: compressedPipeline,
  'compressed-random': compressedRandomPipeline,
  'full-rag-shuffled': fullRagShuffledPipeline,
  'compressed-shuffled': compressedShuffledPipeline,
  'soft-prompt': softPromptPipeline,
  'signatures-rag': signaturesRagPipeline,
  'identifiers-rag': identifiersRagPipeline,
  expanded: expandedPipeline,
  'pruned-rag': prunedRagPipeline,
};

const FACTORIES = new Map<PipelineName, PipelineFactory>(Object.entries(PIPELINE_FACTORIES));

/**
 * Adds the pipeline of a plug-in, or replaces one that was added under its name before.
 *
 * @throws {RangeError} If the program itself has the name.
 */
export function addPipeline(kind: PipelineKind, factory: PipelineFactory): void {
  if (kind.name in PIPELINE_FACTORIES) throw new RangeError(`${kind.name} is a pipeline of the program`);
  learnPipelineKind(kind);
  FACTORIES.set(kind.name, factory);
}

/**
 * Makes a pipeline of a run.
 *
 * @throws {RangeError} If the name is only known from a run folder: its plug-in was not loaded.
 */
export function makePipeline(name: PipelineName, resources: PipelineResources): Pipeline {
  const factory = FACTORIES.get(name);
  if (factory === undefined) throw new RangeError(`nothing makes the pipeline ${name}`);
  const pipeline = factory(resources);
  const { softPrompt, setting } = resources;
  const isShown = softPrompt !== null && showsSoftPrompt(name);
  return isShown ? withSoftPrompt(pipeline, softPrompt, setting) : pipeline;
}

/**
 * Makes several.
 *
 * @returns One a name, in the order given.
 */
export function makePipelines(
  names: readonly PipelineName[],
  resources: PipelineResources,
): Map<PipelineName, Pipeline> {
  return new Map(names.map((name) => [name, makePipeline(name, resources)]));
}

/** The names of all pipelines that can be run: those of the program, then those of plug-ins that were loaded. */
export function runnablePipelines(): readonly PipelineName[] {
  return [...FACTORIES.keys()];
}
