/**
 * @file How a decoder would be prompted, for those who look at it.
 */

import type { Tokenizer } from '../inference/tokenizer.js';
import { familyDoubt, promptOrder, recognizeFamily, type DecoderFacts } from '../prompt/fim.js';

/** The family, its order, and what may be wrong about it, by name. */
export function promptFacts(tokenizer: Tokenizer, facts: DecoderFacts): Readonly<Record<string, string>> {
  const family = recognizeFamily(tokenizer, facts);
  const doubt = familyDoubt(family, facts);
  return {
    'prompt family': family,
    'prompt order': promptOrder(family),
    ...(doubt === null ? {} : { 'prompt note': doubt }),
  };
}
