/**
 * @file `fuzz.ratio` of fuzzywuzzy and thefuzz: an integer percentage, by two formulas.
 *
 * Both are 2 x M / (|a| + |b|), lengths in code points, rounded half to even. What M counts depends on
 * what happens to be installed beside fuzzywuzzy, so a profile names its formula:
 * - Indel (python-Levenshtein, rapidfuzz, thefuzz): M is the longest common subsequence;
 * - difflib (plain fuzzywuzzy): M adds up longest common blocks, left and right of the longest first.
 *   It depends on the order of the two texts, and in a second text of 200 characters or more it
 *   ignores frequent ones.
 *
 * "cbbcbaaac" against "accc" is 46 by Indel and 31 by difflib.
 *
 * Source: fuzzywuzzy 0.18 `fuzz.py`, `StringMatcher.py`; thefuzz 0.22; the documentation of Python's
 * `difflib.SequenceMatcher`. Checked against all of them, see test/golden/metrics.json.
 */

import { roundHalfEven } from './rounding.js';

/**
 * `fuzz.ratio` where python-Levenshtein or rapidfuzz computes it. Symmetric.
 *
 * @returns An integer from 0 to 100; 100 for two empty texts.
 * @example indelRatio('fooab', 'fooba') // => 80
 */
export function indelRatio(a: string, b: string): number {
  if (a === b) return 100;
  const [x, y] = [codePoints(a), codePoints(b)];
  const total = x.length + y.length;
  // As rapidfuzz computes it: the order of operations decides what happens at a tie.
  const distance = total - 2 * commonSubsequence(x, y);
  return roundHalfEven((1 - distance / total) * 100, 0);
}

/**
 * `fuzz.ratio` where only Python's difflib is there. Not symmetric: as in Python, the second text is
 * the one that is indexed.
 *
 * @returns An integer from 0 to 100; 100 for two empty texts.
 * @example difflibRatio('cbbcbaaac', 'accc') // => 31
 */
export function difflibRatio(a: string, b: string): number {
  if (a === b) return 100;
  const [x, y] = [codePoints(a), codePoints(b)];
  return roundHalfEven(100 * ((2 * matchingCharacters(x, y)) / (x.length + y.length)), 0);
}

function codePoints(text: string): Uint32Array {
  const points = new Uint32Array(text.length);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!;
    points[count++] = point;
    if (point > 0xffff) i++;
  }
  return points.subarray(0, count);
}

/**
 * Length of a longest common subsequence, 32 cells of the textbook table at a time.
 *
 * A row of the table rises by 0 or 1 from cell to cell; bit i of `rising` is 0 where it rises at a[i].
 * One addition per word moves every rise to the first place where the next character of b allows it.
 *
 * Source: H. Hyyrö, "Bit-parallel LCS-length computation revisited" (AWOCA 2004).
 */
function commonSubsequence(a: Uint32Array, b: Uint32Array): number {
  const words = Math.ceil(a.length / 32);
  const places = new Map<number, Uint32Array>();
  for (const [i, point] of a.entries()) {
    let bits = places.get(point);
    if (bits === undefined) places.set(point, (bits = new Uint32Array(words)));
    bits[i >>> 5]! |= 1 << (i & 31);
  }
  const rising = new Uint32Array(words).fill(0xffff_ffff);
  for (const point of b) {
    const bits = places.get(point);
    if (bits === undefined) continue;
    let carry = 0;
    for (let word = 0; word < words; word++) {
      const row = rising[word]!;
      const hits = (row & bits[word]!) >>> 0;
      const sum = row + hits + carry;
      carry = sum > 0xffff_ffff ? 1 : 0;
      rising[word] = (sum | (row & ~hits)) >>> 0;
    }
  }
  let length = 0;
  for (let i = 0; i < a.length; i++) length += ~(rising[i >>> 5]! >>> (i & 31)) & 1;
  return length;
}

/** From this length on, difflib's `autojunk` ignores frequent characters of the second text. */
const AUTOJUNK_LENGTH = 200;

/**
 * The sum of the sizes of difflib's matching blocks: the longest common block, then the same again in
 * what lies left of it and in what lies right of it.
 */
function matchingCharacters(a: Uint32Array, b: Uint32Array): number {
  const positions = indexPositions(b);
  // Length of the common block that ends at b[j], for the previous and the current a[i].
  let previous = new Uint32Array(b.length + 1);
  let current = new Uint32Array(b.length + 1);
  let matches = 0;
  const open: [aLow: number, aHigh: number, bLow: number, bHigh: number][] = [[0, a.length, 0, b.length]];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const [aLow, aHigh, bLow, bHigh] = part;
    let [bestA, bestB, size] = [aLow, bLow, 0];
    previous.fill(0, bLow, bHigh + 1);
    for (let i = aLow; i < aHigh; i++) {
      current.fill(0, bLow, bHigh + 1);
      for (const j of positions.get(a[i]!) ?? []) {
        if (j < bLow) continue;
        if (j >= bHigh) break;
        // Index j + 1, so that the block ending before b[bLow] has length 0.
        const length = (j === bLow ? 0 : previous[j]!) + 1;
        current[j + 1] = length;
        if (length > size) [bestA, bestB, size] = [i - length + 1, j - length + 1, length];
      }
      [previous, current] = [current, previous];
    }
    // Ignored characters do not begin a block but lengthen one.
    while (bestA > aLow && bestB > bLow && a[bestA - 1] === b[bestB - 1]) {
      bestA--;
      bestB--;
      size++;
    }
    while (bestA + size < aHigh && bestB + size < bHigh && a[bestA + size] === b[bestB + size]) size++;
    if (size === 0) continue;
    matches += size;
    open.push([aLow, bestA, bLow, bestB], [bestA + size, aHigh, bestB + size, bHigh]);
  }
  return matches;
}

/** Where each character stands in the text, ascending; frequent characters of a long text are left out. */
function indexPositions(text: Uint32Array): Map<number, number[]> {
  const positions = new Map<number, number[]>();
  for (const [j, point] of text.entries()) {
    const known = positions.get(point);
    if (known === undefined) positions.set(point, [j]);
    else known.push(j);
  }
  if (text.length >= AUTOJUNK_LENGTH) {
    const most = Math.floor(text.length / 100) + 1;
    for (const [point, where] of positions) if (where.length > most) positions.delete(point);
  }
  return positions;
}
