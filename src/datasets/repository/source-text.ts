/**
 * @file How bytes of a source file become text, the same for tasks and for repositories.
 *
 * Line ends become "\n" as Python's text mode does it, because the published benchmarks are cut from
 * text read that way; a leading byte order mark is dropped. A text's hash is taken after that, so a
 * checkout with other line ends has the same hash.
 */

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Decodes a source file.
 *
 * @returns The text with "\n" line ends, or null where the bytes are not UTF-8 text.
 */
export function decodeSource(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null;
  try {
    return normalizeNewlines(UTF8.decode(bytes));
  } catch {
    return null;
  }
}

/** Python's universal newlines: "\r\n" and a lone "\r" become "\n". */
export function normalizeNewlines(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}
