/**
 * @file `full-rag-shuffled`: the control for text. `full-rag`, with the chunks of another task of another repository.
 *
 * What `full-rag` gains over it is due to what was retrieved for the task. What it gains over `no-context` itself is due
 * to text being there at all: a longer prompt, code of the same language, a comment before the code.
 */

import { fullRagPipeline } from './full-rag.js';
import type { Pipeline, PipelineResources } from './pipeline.js';

export function fullRagShuffledPipeline(resources: Pick<PipelineResources, 'setting'>): Pipeline {
  return { ...fullRagPipeline(resources), name: 'full-rag-shuffled' };
}
