/**
 * @file `compressed`: each retrieved chunk as one soft token, or as k of them.
 *
 * chunk text -> encoder (frozen) -> unit vector -> projector -> k soft tokens, in the order of the
 * projector's output.
 *
 * Source: LlavaCode (arXiv:2510.19644).
 */

import { stopwatch } from '../domain/clock.js';
import { splitSoftTokens } from '../inference/soft-tokens.js';
import { assemblePrompt } from '../prompt/assemble.js';
import { encoderInput } from '../prompt/encoder-input.js';
import { encodeHead } from '../prompt/truncate.js';
import { normalizeRows } from '../tensor/matrix.js';
import { inFileContext } from './in-file.js';
import { NO_TEXT, type Pipeline, type PipelineResources } from './pipeline.js';

export function compressedPipeline(resources: Pick<PipelineResources, 'setting' | 'compressor'>): Pipeline {
  const { setting } = resources;
  const compressor = resources.compressor();
  return {
    name: 'compressed',
    async prepare(task, chunks) {
      const { clock, format, placement } = setting;
      const { template, tokenizer } = compressor;
      const tokenizing = stopwatch(clock);
      const inFile = inFileContext(setting, task);
      const context = { kind: 'soft', count: chunks.length * compressor.tokensPerChunk } as const;
      const prompt = assemblePrompt(format, { ...inFile, context, placement });
      const ordered = setting.chunkOrder === 'best-last' ? chunks.toReversed() : chunks;
      const inputs = ordered.map(({ text }) =>
        encoderInput(template, encodeHead(tokenizer, text, template.maxTokens)),
      );
      const tokenizeMs = tokenizing();

      const encoding = stopwatch(clock);
      const vectors = await compressor.encoder.encode(inputs);
      const encodeMs = encoding();

      const projecting = stopwatch(clock);
      const projected = await compressor.projector.project(
        compressor.normalize ? normalizeRows(vectors) : vectors,
      );
      const soft = splitSoftTokens(projected, compressor.tokensPerChunk);
      return { prompt, soft, text: NO_TEXT, inFile, tokenizeMs, encodeMs, projectMs: projecting() };
    },
  };
}
