/**
 * @file The pipelines of a run, over the models that are open.
 */

import { makePipeline } from '../pipelines/all.js';
import type { Compressor } from '../pipelines/compressor.js';
import type { Pipeline } from '../pipelines/pipeline.js';
import { encoderTemplate } from '../prompt/encoder-input.js';
import { pipelineKey } from '../run/record.js';
import type { RepositoryIndex } from '../run/repository-index.js';
import type { Comparison } from './comparison.js';
import type { LoadedModels } from './models/load-models.js';

/** One pipeline for each name of the run and compression ratio, by `pipelineKey`. */
export async function openPipelines(
  { open, prompt, run }: Comparison,
  index: Pick<RepositoryIndex, 'wordCounts'>,
): Promise<Map<string, Pipeline>> {
  const { models, configurations } = open;
  const pipelines = new Map<string, Pipeline>();
  for (const configuration of configurations) {
    const key = pipelineKey(configuration);
    if (pipelines.has(key)) continue;
    const pipeline = makePipeline(configuration.pipeline, {
      setting: prompt,
      seed: run.spec.seed,
      softPrompt: models.softPrompt?.vectors ?? null,
      tokensPerChunk: models.softTokensPerChunk,
      compressionRatio: configuration.compressionRatio ?? null,
      expandedChunks: run.spec.expandedChunks ?? 0,
      wordCounts: () => index.wordCounts(),
      compressor: () => compressorOf(models),
      decoder: () => models.decoder.decoder,
    });
    await pipeline.ready?.();
    pipelines.set(key, pipeline);
  }
  return pipelines;
}

/**
 * What turns chunks into soft tokens.
 *
 * @throws {RangeError} If the models were loaded without compression: a pipeline then needs what its row denies.
 */
export function compressorOf({ compression, softTokensPerChunk }: LoadedModels): Compressor {
  if (compression === null) throw new RangeError('the models were loaded without compression');
  const { encoder, tokenizer, projector, conventions } = compression;
  const { input, maxTokens, normalize } = conventions;
  const template = encoderTemplate(input, tokenizer, maxTokens);
  return { encoder, tokenizer, template, normalize, projector, tokensPerChunk: softTokensPerChunk };
}
