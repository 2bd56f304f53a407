/**
 * @file A result as JSON that people read too.
 */

/** Indented, ending in a newline. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
