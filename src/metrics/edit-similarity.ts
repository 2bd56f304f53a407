/**
 * @file Edit similarity, and the one home of the Levenshtein package.
 *
 * ES = 1 - Levenshtein / longer length, unit costs, lengths in code points (Python's characters).
 * Not to be confused with `fuzz.ratio` (2 x matches / total length): "fooab" against "fooba" is
 * 0.6 here and 0.8 there.
 */

import levenshtein from 'fast-levenshtein';

const SURROGATE = /[\ud800-\udfff]/;

/**
 * Levenshtein distance with unit costs, counted in code points.
 *
 * The package counts UTF-16 units, so where a text holds a surrogate every distinct code point of
 * the two texts is first renamed to one unit of its own.
 *
 * @throws {RangeError} If the texts hold more than 65,536 distinct code points.
 * @example editDistance("s = '😀'", "s = 'x'") // => 1 (2 in UTF-16 units)
 */
export function editDistance(a: string, b: string): number {
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return levenshtein.get(a, b);
  const unitOf = new Map<string, string>();
  const rename = (text: string): string => {
    let renamed = '';
    for (const character of text) {
      let unit = unitOf.get(character);
      if (unit === undefined) {
        if (unitOf.size === 0x10000) throw new RangeError('more than 65,536 distinct code points');
        unit = String.fromCharCode(unitOf.size);
        unitOf.set(character, unit);
      }
      renamed += unit;
    }
    return renamed;
  };
  return levenshtein.get(rename(a), rename(b));
}

/** Length in code points. */
export function codePointLength(text: string): number {
  if (!SURROGATE.test(text)) return text.length;
  return Array.from(text).length;
}

/**
 * 1 - distance / longer length, in [0, 1]. Higher is better.
 *
 * @returns null when both texts are empty: there is nothing to compare, and the published profiles
 *          disagree on what that means (0, 1 or an error), so the profile decides.
 * @example editSimilarity('return x\ny', 'return x') // => 0.8
 */
export function editSimilarity(a: string, b: string): number | null {
  const longer = Math.max(codePointLength(a), codePointLength(b));
  return longer === 0 ? null : 1 - editDistance(a, b) / longer;
}
