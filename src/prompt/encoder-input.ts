/**
 * @file What the encoder reads of a chunk that shall become a soft token.
 *
 * The encoder reads the raw text of the chunk, without path and comment marks, in one of three forms:
 *
 *   unixcoder   `<s> <encoder-only> </s>` + text + `</s>`, UniXcoder's encoder-only template
 *   plain       what the encoder's own tokenizer puts around a text: `<s>` … `</s>`, `[CLS]` … `[SEP]`
 *   raw         the text alone, as LlavaCode feeds Qwen3-Embedding
 *
 * Dense retrieval by UniXcoder reads another input, which has no template.
 *
 * Source: LlavaCode `run_benchmark.py`; microsoft/CodeBERT `UniXcoder/unixcoder.py`.
 */

import { ModelError } from '../domain/errors.js';
import type { TokenId } from '../domain/units.js';
import type { Tokenizer } from '../inference/tokenizer.js';

export const ENCODER_INPUTS = ['unixcoder', 'plain', 'raw'] as const;
export type EncoderInput = (typeof ENCODER_INPUTS)[number];

/** The token that only UniXcoder's vocabulary has. */
export const UNIXCODER_MARK = '<encoder-only>';

export interface EncoderTemplate {
  readonly before: readonly TokenId[];
  readonly after: readonly TokenId[];
  /** Longest input, template included. */
  readonly maxTokens: number;
}

/**
 * The form in the ids of a vocabulary.
 *
 * @throws {ModelError} If the vocabulary lacks a token of the form.
 */
export function encoderTemplate(
  input: EncoderInput,
  tokenizer: Tokenizer,
  maxTokens: number,
): EncoderTemplate {
  switch (input) {
    case 'unixcoder':
      return unixcoderTemplate(tokenizer, maxTokens);
    case 'plain':
      return { ...tokenizer.specials, maxTokens };
    case 'raw':
      return { before: [], after: [], maxTokens };
  }
}

/**
 * UniXcoder's template in the ids of a vocabulary.
 *
 * @throws {ModelError} If the vocabulary lacks one of its tokens.
 */
export function unixcoderTemplate(tokenizer: Tokenizer, maxTokens: number): EncoderTemplate {
  const id = (name: string): TokenId => {
    const found = tokenizer.controlToken(name);
    if (found === undefined) {
      throw new ModelError(`the encoder's tokenizer has no ${name}`, [
        "UniXcoder's encoder-only template is `<s> <encoder-only> </s>` + text + `</s>`",
        'use an encoder of the UniXcoder family, or --encoder-input plain or raw for this one',
      ]);
    }
    return found;
  };
  return { before: [id('<s>'), id(UNIXCODER_MARK), id('</s>')], after: [id('</s>')], maxTokens };
}

/** Fills the template with the first tokens of a text. */
export function encoderInput(template: EncoderTemplate, text: readonly TokenId[]): TokenId[] {
  const room = template.maxTokens - template.before.length - template.after.length;
  return [...template.before, ...text.slice(0, room), ...template.after];
}
