/**
 * @file The pipelines of a run, over the models that are open.
 */

import { budgetRagPipeline } from '../pipelines/budget-rag.js';
import { compressedPipeline, type Compressor } from '../pipelines/compressed.js';
import { compressedRandomPipeline } from '../pipelines/compressed-random.js';
import { fullRagPipeline } from '../pipelines/full-rag.js';
import { noContextPipeline } from '../pipelines/no-context.js';
import type { Pipeline, PipelineName } from '../pipelines/pipeline.js';
import { encoderTemplate } from '../prompt/encoder-input.js';
import type { Comparison } from './comparison.js';
import type { LoadedModels } from './models/load-models.js';

/** One pipeline a name of the run. */
export function openPipelines({ settings, open, prompt, run }: Comparison): Map<PipelineName, Pipeline> {
  const { models } = open;
  const make = (name: PipelineName): Pipeline => {
    switch (name) {
      case 'no-context':
        return noContextPipeline(prompt);
      case 'full-rag':
        return fullRagPipeline(prompt);
      case 'budget-rag':
        return budgetRagPipeline(prompt, models.softTokensPerChunk);
      case 'compressed':
        return compressedPipeline(prompt, compressorOf(models));
      case 'compressed-random':
        return compressedRandomPipeline(prompt, compressorOf(models), run.spec.seed);
    }
  };
  return new Map(settings.axes.pipelines.map((name) => [name, make(name)]));
}

function compressorOf({ compression, softTokensPerChunk }: LoadedModels): Compressor {
  if (compression === null) throw new RangeError('the models were loaded without compression');
  const { encoder, tokenizer, projector, conventions } = compression;
  const { input, maxTokens, normalize } = conventions;
  const template = encoderTemplate(input, tokenizer, maxTokens);
  return { encoder, tokenizer, template, normalize, projector, tokensPerChunk: softTokensPerChunk };
}
