/**
 * @file Every kind of ranker that a retriever can ask, in the order of fused names, tables and runs.
 *
 * Whoever adds a kind writes one file in `rankers/` and one line here. Names, fusions, flags, schemas and
 * contract tests follow from this list.
 */

import { Registry } from '../domain/registry.js';
import { BM25 } from './rankers/bm25.js';
import { JACCARD } from './rankers/jaccard.js';
import type { RankerKind } from './rankers/ranker.js';
import { UNIXCODER } from './rankers/unixcoder.js';

export const RANKERS = {
  jaccard: JACCARD,
  unixcoder: UNIXCODER,
  bm25: BM25,
} as const satisfies Readonly<Record<string, RankerKind>>;

/** The name of a ranker: of the program or of a plug-in. */
export type RankerName = string;

const KNOWN = new Registry<RankerKind>(Object.values(RANKERS));

/** The names of all rankers: those of the program, then those of plug-ins. */
export function rankerNames(): readonly RankerName[] {
  return KNOWN.names;
}

/** What asks the rankers of plug-ins, too. @throws {RangeError} If there is none of that name. */
export function rankerNamed(name: RankerName): RankerKind {
  const kind = KNOWN.find(name);
  if (kind === undefined) throw new RangeError(`there is no ranker ${name}`);
  return kind;
}

/**
 * Adds the ranker of a plug-in, or replaces one that was added under its name before.
 *
 * @throws {RangeError} If the program itself has the name.
 */
export function addRanker(kind: RankerKind): void {
  KNOWN.add(kind);
}
