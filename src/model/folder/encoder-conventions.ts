/**
 * @file The input conventions of an encoder without a `bundle.json`, found out from its files.
 *
 * Source: sentence-transformers, `modules.json` and `1_Pooling/config.json`; LlavaCode's published code
 * for UniXcoder and Qwen3-Embedding.
 */

import { join } from 'node:path';

import { z } from 'zod';

import { ModelError } from '../../domain/errors.js';
import { UNIXCODER_MARK, type EncoderInput } from '../../prompt/encoder-input.js';
import type { Tokenizer } from '../../inference/tokenizer.js';
import { readJsonIfThere } from '../../files/json-file.js';

/** How chunks become vectors for a projector. */
export interface EncoderConventions {
  readonly input: EncoderInput;
  /** Longest input, template included. */
  readonly maxTokens: number;
  /** Whether vectors are made unit length. */
  readonly normalize: boolean;
}

/** LlavaCode cuts chunks to this many ids for every encoder, and scales every vector to unit length. */
const LLAVACODE = { maxTokens: 512, normalize: true } as const;

const poolingSchema = z.looseObject({
  pooling_mode_cls_token: z.boolean().default(false),
  pooling_mode_mean_tokens: z.boolean().default(false),
  pooling_mode_lasttoken: z.boolean().default(false),
});
const configSchema = z.looseObject({ model_type: z.string() });

/**
 * The conventions of an encoder folder.
 *
 * UniXcoder is known by `<encoder-only>` in its vocabulary and gets its template. Qwen3-Embedding gets
 * bare ids, as LlavaCode feeds it: the end token it would append is masked out there. Every other
 * encoder gets what its own tokenizer puts around a text.
 *
 * @throws {ModelError} If the folder asks for a pooling that this program does not compute.
 */
export function encoderConventions(dir: string, tokenizer: Tokenizer): EncoderConventions {
  const modelType = readJsonIfThere(join(dir, 'config.json'), configSchema)?.model_type ?? '';
  const isCausal = modelType.startsWith('qwen');
  const pooling = readJsonIfThere(join(dir, '1_Pooling', 'config.json'), poolingSchema);
  if (pooling !== null) {
    const agrees = isCausal ? pooling.pooling_mode_lasttoken : pooling.pooling_mode_mean_tokens;
    if (!agrees) {
      const asked = pooling.pooling_mode_cls_token ? 'the first token' : 'another pooling';
      throw new ModelError(`${dir}: this encoder was trained for ${asked} of its last layer`, [
        `computed is ${isCausal ? 'the last token' : 'the mean over the tokens'}, as 1_Pooling/config.json would have to say`,
        'vectors of another pooling mean something else; choose another encoder',
      ]);
    }
  }
  const hasTemplate = tokenizer.controlToken(UNIXCODER_MARK) !== undefined;
  return { ...LLAVACODE, input: hasTemplate ? 'unixcoder' : isCausal ? 'raw' : 'plain' };
}
