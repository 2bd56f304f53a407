/**
 * @file What `doctor` says of one thing that a run may need.
 */

import { messageOf, UserError } from '../domain/errors.js';

/** Usable or not, and if not, what to do. */
export interface Finding {
  readonly name: string;
  readonly isUsable: boolean;
  readonly detail: string;
  /** What to do about it, one sentence a line; none where it is usable. */
  readonly hints: readonly string[];
}

/** Something that cannot be used, by what it failed with. */
export function unusable(name: string, error: unknown): Finding {
  const hints = error instanceof UserError ? error.hints : [];
  return { name, isUsable: false, detail: messageOf(error), hints };
}
