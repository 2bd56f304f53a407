/**
 * @file JSON as it stands in files, which somebody else may have written.
 *
 * `JSON.parse` takes any nesting, but what comes after it does not: schemas, walks and `JSON.stringify` call
 * themselves for each level and end with a full stack. So a text that nests too deep is refused here, once.
 */

/** Levels of arrays and objects. Files of models and records have at most some ten, configurations included. */
export const MOST_LEVELS = 200;

/**
 * The value of a JSON text. A byte order mark in front, which editors on Windows write and which is not JSON, is
 * skipped.
 *
 * @throws {SyntaxError} If it is not JSON, or if it nests deeper than {@link MOST_LEVELS}.
 */
export function parseJson(text: string): unknown {
  requireShallow(text);
  return JSON.parse(withoutMark(text)) as unknown;
}

/** A text without a byte order mark in front. */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Counts brackets outside of strings. A text that is no JSON is left to the parser. */
function requireShallow(text: string): void {
  let levels = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++levels > MOST_LEVELS) throw new SyntaxError(`it nests deeper than ${MOST_LEVELS} levels`);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        levels--;
        break;
    }
  }
}

/** Where the string that begins at a quote ends; the end of the text if it does not. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}
