/**
 * @file The pipelines of a run, over the models that are open.
 */

import { makePipelines } from '../pipelines/all.js';
import type { Compressor } from '../pipelines/compressor.js';
import type { PipelineName } from '../pipelines/kinds.js';
import type { Pipeline } from '../pipelines/pipeline.js';
import { encoderTemplate } from '../prompt/encoder-input.js';
import type { Comparison } from './comparison.js';
import type { LoadedModels } from './models/load-models.js';

/** One pipeline a name of the run. */
export function openPipelines({ settings, open, prompt, run }: Comparison): Map<PipelineName, Pipeline> {
  const { models } = open;
  return makePipelines(settings.axes.pipelines, {
    setting: prompt,
    seed: run.spec.seed,
    softPrompt: models.softPrompt?.vectors ?? null,
    tokensPerChunk: models.softTokensPerChunk,
    compressor: () => compressorOf(models),
  });
}

/** @throws {RangeError} If the models were loaded without compression: a pipeline then needs what its row denies. */
function compressorOf({ compression, softTokensPerChunk }: LoadedModels): Compressor {
  if (compression === null) throw new RangeError('the models were loaded without compression');
  const { encoder, tokenizer, projector, conventions } = compression;
  const { input, maxTokens, normalize } = conventions;
  const template = encoderTemplate(input, tokenizer, maxTokens);
  return { encoder, tokenizer, template, normalize, projector, tokensPerChunk: softTokensPerChunk };
}
