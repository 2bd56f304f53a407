/**
 * @file What a completion and its reference share; the one home of the package `diff`.
 */

import { diffWordsWithSpace } from 'diff';

export interface DiffPiece {
  readonly kind: 'same' | 'completion' | 'reference';
  readonly text: string;
}

/** Beyond this, a difference is unreadable and slow to find. */
const LONGEST = 4000;

/** Pieces in reading order: what both have, what only the completion has, what only the reference has. */
export function diffPieces(completion: string, reference: string): DiffPiece[] {
  if (completion.length > LONGEST || reference.length > LONGEST) {
    return [{ kind: 'completion', text: completion }];
  }
  return diffWordsWithSpace(reference, completion).map(({ value, added, removed }) => ({
    kind: added ? 'completion' : removed ? 'reference' : 'same',
    text: value,
  }));
}
