/**
 * @file What the encoder reads of a chunk when the chunk is to become a soft token.
 *
 * The raw text of the chunk, no path, no comment marks, in UniXcoder's encoder-only template:
 * `<s> <encoder-only> </s>` + text + `</s>`. Not the input of dense retrieval, which has no template.
 *
 * Source: LlavaCode `run_benchmark.py`; microsoft/CodeBERT `UniXcoder/unixcoder.py`.
 */

import { ModelError } from '../domain/errors.js';
import type { TokenId } from '../domain/units.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';

export interface EncoderTemplate {
  readonly before: readonly TokenId[];
  readonly after: readonly TokenId[];
  /** Longest input, template included. */
  readonly maxTokens: number;
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
        'use an encoder of the UniXcoder family, or a bundle made for this one',
      ]);
    }
    return found;
  };
  return { before: [id('<s>'), id('<encoder-only>'), id('</s>')], after: [id('</s>')], maxTokens };
}

/** Fills the template with the first tokens of a text. */
export function encoderInput(template: EncoderTemplate, text: readonly TokenId[]): TokenId[] {
  const room = template.maxTokens - template.before.length - template.after.length;
  return [...template.before, ...text.slice(0, room), ...template.after];
}
