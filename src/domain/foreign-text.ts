/**
 * @file Text that somebody else wrote, on its way to a person.
 *
 * Ids, paths and code come from files of strangers. A terminal obeys control characters in them: they move the
 * cursor, colour what follows, set titles and paste. Characters that turn the direction of writing make a name look
 * like another one.
 */

/**
 * What is shown by its code: control characters but for tabs and line ends, DEL, the controls of Latin-1 (a terminal
 * takes U+009B for the beginning of a sequence), line and paragraph separators, and marks of direction.
 */
const UNPRINTABLE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069]|\r(?!\n)/g;

/**
 * The text with unprintable characters as `\u` and four digits. Inside a JSON text that is the same value, so JSON
 * may pass through here.
 *
 * @example printable('a\u001b[31m') // => 'a\\u001b[31m'
 */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A text of at most so many characters; a longer one ends in "…". */
export function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
