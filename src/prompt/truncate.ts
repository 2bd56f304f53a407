/**
 * @file The first or last tokens of a text, without tokenizing all of it.
 *
 * A file may be far longer than the budget, and tokenizing is a visible part of the time a user waits.
 * The text is therefore tokenized block by block, beginning at the hole, until the budget is full. Blocks end only
 * where the tokenizer proves that a cut changes nothing (`Tokenizer.canCut`), so the result is that of tokenizing
 * everything, and no block is tokenized twice. A text without such a place is tokenized whole.
 */

import type { TokenId } from '../domain/units.js';
import type { Tokenizer } from '../inference/tokenizer.js';

/** Characters to try for each missing token. Code has about three characters a token. */
const CHARACTERS_PER_TOKEN = 4;

/** Finding a shorter block costs more than tokenizing it. */
const MIN_BLOCK_CHARACTERS = 64;

/** The last `limit` tokens of a text. */
export function encodeTail(tokenizer: Tokenizer, text: string, limit: number): TokenId[] {
  const blocks: TokenId[][] = [];
  let missing = limit;
  for (let end = text.length; end > 0 && missing > 0;) {
    const start = cutAtOrBefore(tokenizer, text, end - blockLength(missing));
    const ids = tokenizer.encode(text.slice(start, end));
    blocks.push(ids.slice(-missing));
    missing -= ids.length;
    end = start;
  }
  return blocks.reverse().flat();
}

/** The first `limit` tokens of a text. */
export function encodeHead(tokenizer: Tokenizer, text: string, limit: number): TokenId[] {
  const blocks: TokenId[][] = [];
  let missing = limit;
  for (let start = 0; start < text.length && missing > 0;) {
    const end = cutAtOrAfter(tokenizer, text, start + blockLength(missing));
    const ids = tokenizer.encode(text.slice(start, end));
    blocks.push(ids.slice(0, missing));
    missing -= ids.length;
    start = end;
  }
  return blocks.flat();
}

function blockLength(missingTokens: number): number {
  return Math.max(MIN_BLOCK_CHARACTERS, missingTokens * CHARACTERS_PER_TOKEN);
}

function cutAtOrBefore(tokenizer: Tokenizer, text: string, offset: number): number {
  let at = Math.max(offset, 0);
  while (at > 0 && !tokenizer.canCut(text, at)) at--;
  return at;
}

function cutAtOrAfter(tokenizer: Tokenizer, text: string, offset: number): number {
  let at = Math.min(offset, text.length);
  while (at < text.length && !tokenizer.canCut(text, at)) at++;
  return at;
}
