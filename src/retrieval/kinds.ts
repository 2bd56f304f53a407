/**
 * @file The names of the retrievers, and what each of them asks.
 */

/** Retrievers that score chunks themselves. */
export const SINGLE_RETRIEVERS = ['jaccard', 'unixcoder', 'bm25'] as const;
export type SingleRetrieverName = (typeof SINGLE_RETRIEVERS)[number];

/** What is compared where nothing is said. */
export const DEFAULT_RETRIEVERS: readonly RetrieverName[] = SINGLE_RETRIEVERS;

/**
 * Every retriever that searches a repository. `hybrid` fuses all single ones; the names with "+" fuse those
 * they name, in the order in which {@link SINGLE_RETRIEVERS} has them.
 */
export const SEARCHES = [
  ...SINGLE_RETRIEVERS,
  'hybrid',
  'jaccard+unixcoder',
  'jaccard+bm25',
  'unixcoder+bm25',
] as const;
export type SearchName = (typeof SEARCHES)[number];

/** Every retriever: those that search, and the chunks that a benchmark ships (`shipped.ts`). */
export const RETRIEVERS = [...SEARCHES, 'as-shipped'] as const;
export type RetrieverName = (typeof RETRIEVERS)[number];

/** Those of the given retrievers that need a repository. */
export function searchesOf(names: readonly RetrieverName[]): SearchName[] {
  return names.filter((name) => name !== 'as-shipped');
}

/** The single retrievers that a retriever asks. */
export function partsOf(name: RetrieverName): readonly SingleRetrieverName[] {
  switch (name) {
    case 'as-shipped':
      return [];
    case 'jaccard':
    case 'unixcoder':
    case 'bm25':
      return [name];
    case 'hybrid':
      return SINGLE_RETRIEVERS;
    case 'jaccard+unixcoder':
      return ['jaccard', 'unixcoder'];
    case 'jaccard+bm25':
      return ['jaccard', 'bm25'];
    case 'unixcoder+bm25':
      return ['unixcoder', 'bm25'];
  }
}

/** Whether a retriever compares vectors and so needs an encoder. */
export function usesEmbedder(name: RetrieverName): boolean {
  return partsOf(name).includes('unixcoder');
}

/**
 * The retriever that a text names; null if there is none. The order of the parts does not matter, and
 * all of them together are `hybrid`.
 *
 * @example retrieverNamed('bm25+jaccard') // => 'jaccard+bm25'
 */
export function retrieverNamed(text: string): RetrieverName | null {
  if (text.trim() === 'as-shipped') return 'as-shipped';
  const parts = text.split('+').map((part) => part.trim());
  const wanted = new Set(parts.length === 1 && parts[0] === 'hybrid' ? SINGLE_RETRIEVERS : parts);
  if (wanted.size !== parts.length && parts.length !== 1) return null;
  return (
    SEARCHES.find((name) => {
      const own = partsOf(name);
      return own.length === wanted.size && own.every((part) => wanted.has(part));
    }) ?? null
  );
}
