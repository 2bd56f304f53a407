/**
 * @file The first or last tokens of a text, without tokenizing all of it.
 *
 * A file may be far longer than the budget, and tokenizing is a visible part of the time a user waits.
 * Only whole lines that can matter are tokenized: a block of lines next to the hole, doubled until it
 * yields more than the budget. The result is that of tokenizing everything as long as the tokenizer
 * never joins a line break with the beginning of a non-blank line, which holds for the byte-level
 * pre-tokenizers of the supported families and is tested.
 */

import { isBlank } from '../domain/text.js';
import type { TokenId } from '../domain/units.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';

/** Characters first tried per token of budget; code has about three to a token. */
const CHARACTERS_PER_TOKEN = 5;

/** The last `limit` tokens of a text. */
export function encodeTail(tokenizer: Tokenizer, text: string, limit: number): TokenId[] {
  for (let size = limit * CHARACTERS_PER_TOKEN; limit > 0; size *= 2) {
    const start = lineStartBefore(text, text.length - size);
    const ids = tokenizer.encode(text.slice(start));
    if (start === 0 || ids.length > limit) return ids.slice(-limit);
  }
  return [];
}

/** The first `limit` tokens of a text. */
export function encodeHead(tokenizer: Tokenizer, text: string, limit: number): TokenId[] {
  for (let size = limit * CHARACTERS_PER_TOKEN; limit > 0; size *= 2) {
    const end = lineStartAfter(text, size);
    const ids = tokenizer.encode(text.slice(0, end));
    if (end === text.length || ids.length > limit) return ids.slice(0, limit);
  }
  return [];
}

/** Offset of the last start of a non-blank line at or before `offset`; 0 if there is none. */
function lineStartBefore(text: string, offset: number): number {
  let at = offset;
  while (at > 0) {
    const start = text.lastIndexOf('\n', at - 1) + 1;
    if (!isBlank(lineAt(text, start))) return start;
    at = start - 1;
  }
  return 0;
}

/** Offset of the first start of a non-blank line after `offset`; the length if there is none. */
function lineStartAfter(text: string, offset: number): number {
  let at = offset;
  while (at < text.length) {
    const newline = text.indexOf('\n', at);
    if (newline === -1) break;
    at = newline + 1;
    if (!isBlank(lineAt(text, at))) return at;
  }
  return text.length;
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf('\n', start);
  return text.slice(start, end === -1 ? text.length : end);
}
