/**
 * @file JSON as it stands in files.
 */

/**
 * The value of a JSON text. A byte order mark in front, which editors on Windows write and which is not JSON, is
 * skipped.
 *
 * @throws {SyntaxError} If the text is not JSON.
 */
export function parseJson(text: string): unknown {
  return JSON.parse(withoutMark(text)) as unknown;
}

/** A text without a byte order mark in front. */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}
