/**
 * @file The names of the retrievers, and what a name says about its retriever.
 *
 * A retriever asks one ranker, or it fuses the rankings of several, or it hands on the chunks that a task
 * brings along (`shipped.ts`). The names of single ones are the keys of `all.ts`. The name of a fusion is made
 * of those, in the order of `all.ts`, so that each fusion has one spelling.
 */

import { z } from 'zod';
import { rankerNamed, rankerNames, RANKERS, type RankerName } from './all.js';
import { SHIPPED } from './shipped.js';

/** The program's own rankers together have a name of their own, which means the same beside plug-ins. */
const ALL_FUSED = 'hybrid';
const JOINT = '+';

/** The name of a retriever that searches a repository. */
export type SearchName = string;

/**
 * The canonical name of a retriever: of the program, of a plug-in, or of a run folder that other people made.
 * {@link retrieverNamed} makes one from a text.
 */
export type RetrieverName = string;

/** The program's own retrievers that ask one ranker. */
export const SINGLE_RETRIEVERS = Object.keys(RANKERS) as readonly (keyof typeof RANKERS)[];

/** What is compared where nobody names a retriever. */
export const DEFAULT_RETRIEVERS: readonly RetrieverName[] = SINGLE_RETRIEVERS.filter(
  (name) => RANKERS[name].isDefault,
);

/** The valid names in words, for messages and flags. */
export function retrieversInWords(): string {
  const single = rankerNames();
  return (
    `${[...single, ALL_FUSED].join(', ')}, ` +
    `several joined as in ${[single[0], single.at(-1)].join(JOINT)}, or ${SHIPPED}`
  );
}

/** Names that a ranker may not have. */
export function isReservedName(name: string): boolean {
  return name === ALL_FUSED || name === SHIPPED || name.includes(JOINT);
}

/** Whether a retriever searches a repository, and so needs one. */
export function searchesRepository(name: RetrieverName): boolean {
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
  return rankerNames().filter((single) => parts.includes(single));
}

/** Whether a retriever compares vectors and so needs an encoder. */
export function usesEmbedder(name: RetrieverName): boolean {
  return partsOf(name).some((part) => rankerNamed(part).needsEmbedder);
}

/**
 * The retriever that a text names; null if there is none. Parts may stand in any order and with blanks around
 * them, and the program's own parts together are `hybrid`.
 *
 * @example retrieverNamed('bm25+jaccard') // => 'jaccard+bm25'
 */
export function retrieverNamed(text: string): RetrieverName | null {
  const whole = text.trim();
  if (whole === SHIPPED || whole === ALL_FUSED) return whole;
  const asked = whole.split(JOINT).map((part) => part.trim());
  const known = rankerNames().filter((single) => asked.includes(single));
  // Fewer are known than were asked for if a part is unknown or stands there twice.
  return known.length === asked.length ? nameOf(known) : null;
}

/** The canonical name of what asks the given rankers, at least one, in the order of `all.ts`. */
function nameOf(parts: readonly RankerName[]): SearchName {
  if (parts.length === 0) throw new RangeError('a retriever asks at least one ranker');
  const whole = parts.join(JOINT);
  return whole === SINGLE_RETRIEVERS.join(JOINT) && parts.length > 1 ? ALL_FUSED : whole;
}

/** A retriever that somebody asks for: exactly the valid names, each in its canonical spelling. */
export const retrieverSchema = z.custom<RetrieverName>(
  (value) => typeof value === 'string' && retrieverNamed(value) === value,
  { error: () => `expected ${retrieversInWords()}` },
);
