/**
 * @file `compressed-shuffled`: the control for soft tokens. `compressed`, with the chunks of another task of another
 * repository.
 *
 * Its soft tokens are as real as those of `compressed`: a projector that says the same of all chunks gives both the
 * same. What `compressed` gains over it is due to what was retrieved for the task.
 */

import { compressedPipeline } from './compressed.js';
import type { Pipeline, PipelineResources } from './pipeline.js';

export function compressedShuffledPipeline(
  resources: Pick<PipelineResources, 'setting' | 'compressor'>,
): Pipeline {
  return { ...compressedPipeline(resources), name: 'compressed-shuffled' };
}
