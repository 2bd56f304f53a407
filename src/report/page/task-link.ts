/**
 * @file The address of one task: the page with `#task=` and the id of the task behind it. No document here: both are pure
 * functions.
 */

const PREFIX = '#task=';

/** The fragment of a task. @example taskFragment('shop/0001') // => '#task=shop%2F0001' */
export function taskFragment(id: string): string {
  return PREFIX + encodeURIComponent(id);
}

/** The id that a fragment names; null where it names none. */
export function taskOfFragment(fragment: string): string | null {
  if (!fragment.startsWith(PREFIX)) return null;
  try {
    return decodeURIComponent(fragment.slice(PREFIX.length));
  } catch {
    // A percent sign that begins no character: somebody typed it.
    return null;
  }
}
