/**
 * @file `compressed`: each retrieved chunk as one soft token, or as k of them.
 *
 * chunk text -> encoder (frozen) -> unit vector -> projector -> k soft tokens, in the order of the
 * projector's output.
 *
 * Source: LlavaCode (arXiv:2510.19644).
 */

import { stopwatch } from '../domain/clock.js';
import type { Encoder } from '../inference/encoder.js';
import type { Projector } from '../inference/projector.js';
import { splitSoftTokens } from '../inference/soft-tokens.js';
import { assemblePrompt } from '../prompt/assemble.js';
import { encoderInput, type EncoderTemplate } from '../prompt/encoder-input.js';
import { encodeHead } from '../prompt/truncate.js';
import { normalizeRows } from '../tensor/matrix.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import { inFileContext, type PromptSetting } from './in-file.js';
import { NO_TEXT, type Pipeline } from './pipeline.js';

/** How a chunk becomes a vector, and a vector a soft token. */
export interface Compressor {
  readonly encoder: Encoder;
  readonly tokenizer: Tokenizer;
  readonly template: EncoderTemplate;
  /** Whether the projector was trained on vectors of length 1. */
  readonly normalize: boolean;
  readonly projector: Projector;
  /** k: width of the projector's output over that of the decoder. */
  readonly tokensPerChunk: number;
}

export function compressedPipeline(setting: PromptSetting, compressor: Compressor): Pipeline {
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
