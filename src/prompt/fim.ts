/**
 * @file Fill-in-the-middle markers per model family, as token ids.
 *
 * Prompts are assembled from ids and a marker is an id, never a piece of text, so source code that
 * happens to spell a marker cannot break a prompt.
 */

import { ModelError } from '../domain/errors.js';
import type { TokenId } from '../domain/units.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';

export const PROMPT_FAMILIES = ['qwen2.5-coder'] as const;
export type PromptFamily = (typeof PROMPT_FAMILIES)[number];

interface FimMarkers {
  readonly prefix: string;
  readonly suffix: string;
  readonly middle: string;
  /** Generation ends before any of these. */
  readonly stop: readonly string[];
}

const MARKERS: Readonly<Record<PromptFamily, FimMarkers>> = {
  /** Source: QwenLM/Qwen2.5-Coder, `examples/Qwen2.5-Coder-fim.py`. */
  'qwen2.5-coder': {
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    stop: [
      '<|endoftext|>',
      '<|im_end|>',
      '<|fim_prefix|>',
      '<|fim_middle|>',
      '<|fim_suffix|>',
      '<|fim_pad|>',
      '<|repo_name|>',
      '<|file_sep|>',
    ],
  },
};

/** The markers of one model as ids of its own vocabulary. */
export interface FimTokens {
  readonly family: PromptFamily;
  readonly prefix: TokenId;
  readonly suffix: TokenId;
  readonly middle: TokenId;
  readonly stop: ReadonlySet<TokenId>;
}

/**
 * Looks the markers of a family up in a vocabulary.
 *
 * @throws {ModelError} If the prefix, suffix or middle marker is missing; stop markers that a
 *         vocabulary lacks cannot be generated and are left out.
 */
export function fimTokens(family: PromptFamily, tokenizer: Tokenizer): FimTokens {
  const markers = MARKERS[family];
  const missing = [markers.prefix, markers.suffix, markers.middle].filter(
    (name) => tokenizer.controlToken(name) === undefined,
  );
  const [prefix, suffix, middle] = [markers.prefix, markers.suffix, markers.middle].map((name) =>
    tokenizer.controlToken(name),
  );
  if (prefix === undefined || suffix === undefined || middle === undefined) {
    throw new ModelError(`the decoder's tokenizer has no ${missing.join(', ')}`, [
      `prompts of the family ${family} mark the code before and after the hole with these tokens`,
      'use a decoder trained for fill-in-the-middle with these markers (Qwen2.5-Coder, or the embedded nano)',
    ]);
  }
  const stop = markers.stop.flatMap((name) => tokenizer.controlToken(name) ?? []);
  return { family, prefix, suffix, middle, stop: new Set(stop) };
}
