/**
 * @file The names of the retrievers, and what a name says about its retriever.
 *
 * A retriever asks one ranker, or it fuses the rankings of several, or it hands on the chunks that a task
 * brings along (`shipped.ts`). The names of single ones are the keys of `all.ts`. The name of a fusion is made
 * of those, in the order of `all.ts`, so that each fusion has one spelling.
 */

import { z } from 'zod';
import { RANKERS, type RankerName } from './all.js';
import { SHIPPED } from './shipped.js';

/** All rankers together have a name of their own. */
const ALL_FUSED = 'hybrid';
const JOINT = '+';

/** Retrievers that search a repository. */
export type SearchName = RankerName | typeof ALL_FUSED | `${RankerName}${typeof JOINT}${string}`;

/**
 * The canonical name of a retriever. {@link retrieverNamed} makes one from a text, and {@link retrieverSchema}
 * from foreign data; the type alone does not rule out every misspelt fusion.
 */
export type RetrieverName = SearchName | typeof SHIPPED;

/** Retrievers that ask one ranker. */
export const SINGLE_RETRIEVERS = Object.keys(RANKERS) as readonly RankerName[];

/** What is compared where nobody names a retriever. */
export const DEFAULT_RETRIEVERS: readonly RetrieverName[] = SINGLE_RETRIEVERS.filter(
  (name) => RANKERS[name].isDefault,
);

/** The valid names in words, for messages and flags. */
export const RETRIEVERS_IN_WORDS =
  `${[...SINGLE_RETRIEVERS, ALL_FUSED].join(', ')}, ` +
  `several joined as in ${[SINGLE_RETRIEVERS[0], SINGLE_RETRIEVERS.at(-1)].join(JOINT)}, or ${SHIPPED}`;

/** Whether a retriever searches a repository, and so needs one. */
export function searchesRepository(name: RetrieverName): name is SearchName {
  return name !== SHIPPED;
}

/** Whether a retriever takes the chunks that a task brings along. */
export function takesShipped(name: RetrieverName): boolean {
  return !searchesRepository(name);
}

/** The rankers that a retriever asks, in the order of `all.ts`; none where it takes shipped chunks. */
export function partsOf(name: RetrieverName): readonly RankerName[] {
  if (!searchesRepository(name)) return [];
  if (name === ALL_FUSED) return SINGLE_RETRIEVERS;
  const parts = name.split(JOINT);
  return SINGLE_RETRIEVERS.filter((single) => parts.includes(single));
}

/** Whether a retriever compares vectors and so needs an encoder. */
export function usesEmbedder(name: RetrieverName): boolean {
  return partsOf(name).some((part) => RANKERS[part].needsEmbedder);
}

/**
 * The retriever that a text names; null if there is none. Parts may stand in any order and with blanks around
 * them, and all parts together are `hybrid`.
 *
 * @example retrieverNamed('bm25+jaccard') // => 'jaccard+bm25'
 */
export function retrieverNamed(text: string): RetrieverName | null {
  const whole = text.trim();
  if (whole === SHIPPED || whole === ALL_FUSED) return whole;
  const asked = whole.split(JOINT).map((part) => part.trim());
  const known = SINGLE_RETRIEVERS.filter((single) => asked.includes(single));
  // Fewer are known than were asked for if a part is unknown or stands there twice.
  return known.length === asked.length ? nameOf(known) : null;
}

/** The canonical name of what asks the given rankers, at least one, in the order of `all.ts`. */
function nameOf(parts: readonly RankerName[]): SearchName {
  const [first, ...others] = parts;
  if (first === undefined) throw new RangeError('a retriever asks at least one ranker');
  if (others.length === 0) return first;
  return parts.length === SINGLE_RETRIEVERS.length ? ALL_FUSED : `${first}${JOINT}${others.join(JOINT)}`;
}

/** A retriever in foreign data: exactly the valid names, each in its canonical spelling. */
export const retrieverSchema = z.custom<RetrieverName>(
  (value) => typeof value === 'string' && retrieverNamed(value) === value,
  { error: `expected ${RETRIEVERS_IN_WORDS}` },
);
