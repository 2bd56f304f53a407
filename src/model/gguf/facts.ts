/**
 * @file What a GGUF file says beside weights and tokenizer: its architecture, and where generation ends.
 */

import { tokenId } from '../../domain/units.js';
import type { DecoderFacts } from '../../prompt/fim.js';
import type { MetadataValue } from './header.js';

/** Keys of the tokens that end a text, a turn or a message. */
const END_KEYS = ['eos_token_id', 'eot_token_id', 'eom_token_id'] as const;

/** @param vocabularySize Rows of the embedding table; ids beyond them are left out. */
export function ggufFacts(
  metadata: ReadonlyMap<string, MetadataValue>,
  vocabularySize: number,
): DecoderFacts {
  const ends = new Set(END_KEYS.map((key) => metadata.get(`tokenizer.ggml.${key}`)));
  const name = metadata.get('general.architecture');
  return {
    modelType: typeof name === 'string' ? name : null,
    vocabularySize,
    endIds: [...ends].flatMap((end) => {
      const isId = typeof end === 'number' && Number.isInteger(end) && end >= 0 && end < vocabularySize;
      return isId ? [tokenId(end)] : [];
    }),
  };
}
