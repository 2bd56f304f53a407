/**
 * @file The text of a completion as it grows, one token at a time.
 *
 * Decoding all tokens anew after each token costs more than the rest of the harness's work for a token. Where the text
 * of ids is the texts of pieces joined, only the newest piece is decoded.
 */

import type { TokenId } from '../domain/units.js';
import type { Tokenizer } from '../inference/tokenizer.js';

/** Stands for bytes that are no character. They may be the beginning of a character that is not yet whole. */
const REPLACEMENT = '\uFFFD';

/**
 * Takes the tokens of one completion in order. After each it returns what `decode` returns for all tokens so far.
 *
 * @example
 * const text = textStream(tokenizer);
 * text(ids[0]); // === tokenizer.decode(ids.slice(0, 1))
 * text(ids[1]); // === tokenizer.decode(ids.slice(0, 2))
 */
export function textStream(tokenizer: Tokenizer): (token: TokenId) => string {
  let whole = '';
  // Tokens behind `whole`: one, or more while a character is not complete.
  let rest: TokenId[] = [];
  return (token) => {
    rest.push(token);
    const text = whole + tokenizer.decode(rest);
    if (tokenizer.decodesPiecewise && !text.endsWith(REPLACEMENT)) {
      whole = text;
      rest = [];
    }
    return text;
  };
}
