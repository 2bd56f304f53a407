/**
 * @file Text rules in which the Python reference harnesses differ from JavaScript's own.
 *
 * Scores and rankings can only be compared with published ones if these rules are Python's. The rules say what counts
 * as white space, in which order strings sort, and what one character is.
 */

/**
 * Python's `str.isspace` set. JavaScript's `\s` lacks U+001C-U+001F and U+0085 and adds U+FEFF.
 * The text is the inside of a character class.
 */
// prettier-ignore
const PYTHON_SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const SPACE_RUNS = new RegExp(`[${PYTHON_SPACE}]+`, 'g');
const NOT_SPACE = new RegExp(`[^${PYTHON_SPACE}]`);
const SPACES_ABOVE_ASCII = new Set(
  [0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000].concat(
    Array.from({ length: 11 }, (_, i) => 0x2000 + i),
  ),
);

/** Whether Python's `str.isspace` holds for a UTF-16 unit. */
export function isSpace(unit: number): boolean {
  if (unit <= 0x20) return unit >= 0x1c || (unit >= 0x09 && unit <= 0x0d);
  return unit >= 0x85 && SPACES_ABOVE_ASCII.has(unit);
}

/** Python's `text.strip()`. */
export function strip(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text.charCodeAt(start))) start++;
  return stripEnd(start === 0 ? text : text.slice(start));
}

/** Python's `text.rstrip()`. */
export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** Whether Python's `text.strip()` is empty. */
export function isBlank(text: string): boolean {
  return !NOT_SPACE.test(text);
}

/** Python's `re.sub(r"\s+", " ", text)`. */
export function collapseSpace(text: string): string {
  return text.replace(SPACE_RUNS, ' ');
}

/** Python's `text.split()`: the runs of characters that are not white space. */
export function splitSpace(text: string): string[] {
  const words = collapseSpace(strip(text));
  return words === '' ? [] : words.split(' ');
}

/** What ends a line for Python's `text.splitlines()`; "\r\n" counts once. */
const LINE_END = /\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]/;

/**
 * Python's `text.splitlines()`: without the ends of lines, and without a last line that is empty.
 *
 * @example splitLines('a\fb\r\n\n') // => ['a', 'b', '']
 */
export function splitLines(text: string): string[] {
  const lines = text.split(LINE_END);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Python's `re.findall(r"\w+", text)`: letters, numeric characters and underscores of all scripts. */
export function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}_]+/gu) ?? [];
}

/** The lines of a text that are not blank, split on "\n" only, unchanged otherwise. */
export function nonBlankLines(text: string): string[] {
  return text.split('\n').filter((line) => !isBlank(line));
}

/**
 * Orders strings by code point, as Python does. JavaScript's `<` orders by UTF-16 unit, which puts
 * U+1F600 before U+FF5E.
 *
 * @returns Negative, zero or positive, for `Array.prototype.sort`.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // The first unit that differs decides. A surrogate stands for a code point above every other unit.
    const xSurrogate = x >= 0xd800 && x <= 0xdfff;
    const ySurrogate = y >= 0xd800 && y <= 0xdfff;
    if (xSurrogate !== ySurrogate) return xSurrogate ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}
