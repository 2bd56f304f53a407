/** @file The known name that a mistyped one most likely meant, and the words for it. */

import { codePointLength, editDistance } from './edit-similarity.js';

/**
 * The known name with the fewest edits from what was typed, upper and lower case taken as equal.
 *
 * A name counts as near within two edits, or within a third of its letters if that is more, and
 * only if some letter of it was typed.
 *
 * @param known The names that would have been accepted; of equally near ones the first is taken.
 * @returns A member of `known`, or null if none is near.
 * @example nearestName('topk', ['tasks', 'topK']) // => 'topK'
 */
export function nearestName(mistyped: string, known: readonly string[]): string | null {
  const typed = mistyped.toLowerCase();
  let best: { name: string; distance: number } | null = null;
  for (const name of known) {
    const distance = editDistance(typed, name.toLowerCase());
    if (best === null || distance < best.distance) best = { name, distance };
  }
  if (best === null) return null;
  const letters = codePointLength(best.name);
  const near = best.distance <= Math.max(2, Math.floor(letters / 3)) && best.distance < letters;
  return near ? best.name : null;
}

/**
 * What to say to somebody who used a name that is not known: the one that was probably meant, else all.
 *
 * @example whatWasMeant('maxToken', ['path', 'maxTokens']) // => 'did you mean "maxTokens"?'
 * @example whatWasMeant('colour', ['path', 'layers']) // => 'known: path, layers'
 */
export function whatWasMeant(name: string, known: readonly string[]): string {
  const meant = nearestName(name, known);
  return meant === null ? `known: ${known.join(', ')}` : `did you mean "${meant}"?`;
}
