/**
 * @file Random texts of the pieces on which cuts and comparisons of code can differ.
 */

import type { Rng } from '../../src/tensor/rng.js';

/** Ends of lines and white space of all kinds, characters beyond the BMP, a lone surrogate, code. */
// prettier-ignore
export const PIECES = [
  'a', 'b', 'c', 'A', '1', '_', ' ', '  ', '\t', '\n', '\n', '\n    ', '\r\n', '\r', '\f', '\v', '\x1c', '\x1f', '\u0085',
  '\u00a0', '\u2028', '\u2029', '\u3000', '\ufeff', 'é', 'e\u0301', '😀', '𝒳', '\udc00', '"', "'", '`', '#', '//', '/*', '*/',
  '"""', "'''", ';', '{', '}', '(', ')', 'fooBar', 'foo Bar', 'return', 'None', 'größe',
] as const;

/** At most so many pieces, one after the other. */
export function randomText(rng: Rng, most: number, pieces: readonly string[] = PIECES): string {
  return Array.from({ length: rng.int(most + 1) }, () => pieces[rng.int(pieces.length)]!).join('');
}
