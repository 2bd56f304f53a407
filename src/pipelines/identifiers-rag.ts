/**
 * @file `identifiers-rag`: of the retrieved chunks the names that the prompt does not hold yet, as one comment.
 *
 * A name is worth the sum, over the chunks that have it, of one over the rank of the chunk, times
 * ln(1 + N / n): n of the N chunks of the repository have the name. So names of many and of good chunks come first, and
 * names that are everywhere come last. Names that stand in the code around the hole are left out. Whole names are shown
 * as long as they fit. The text has the length of the soft tokens of `compressed`, or what `--compression-ratio` says.
 */

import { languageFacts, type Language } from '../domain/languages.js';
import { wordsOf } from '../domain/text.js';
import type { TokenId } from '../domain/units.js';
import { keywordsOf } from '../metrics/keywords.js';
import { partsPipeline } from './parts.js';
import type { Pipeline, PipelineResources, WordCounts } from './pipeline.js';

/** Shorter names say little. */
const LEAST_CHARACTERS = 3;

export function identifiersRagPipeline(resources: PipelineResources): Pipeline {
  const countsOf = resources.wordCounts();
  return partsPipeline('identifiers-rag', resources, ({ language, repository }, chunks, tools) => {
    const { left, right } = tools.inFile;
    const held = new Set(wordsOf(`${tools.decode(left)}\n${tools.decode(right)}`));
    const names = rankedNames(
      chunks.map(({ text }) => text),
      language,
      countsOf(repository),
    ).filter((name) => !held.has(name));
    return [{ kind: 'ids', ids: comment(names, language, tools.budgetTokens, (text) => tools.encode(text)) }];
  });
}

/** The names of texts, the most valuable first. @param texts Best first. */
function rankedNames(texts: readonly string[], language: Language, counts: WordCounts): string[] {
  const keywords = keywordsOf(language);
  const worth = new Map<string, number>();
  for (const [i, text] of texts.entries()) {
    for (const word of new Set(wordsOf(text))) {
      if (word.length < LEAST_CHARACTERS || /^\d/.test(word) || keywords.has(word)) continue;
      worth.set(word, (worth.get(word) ?? 0) + 1 / (i + 1));
    }
  }
  const rarity = (word: string): number => Math.log(1 + counts.chunks / Math.max(1, counts.of(word)));
  // A repository that nobody searched has no counts: all names are equally rare then.
  const value = (word: string): number => worth.get(word)! * (counts.chunks === 0 ? 1 : rarity(word));
  // Sorting is stable: of equals the one that came first stays first.
  return [...worth.keys()].sort((a, b) => value(b) - value(a));
}

/** A comment of as many names as fit, in their order; empty if none fits. */
function comment(
  names: readonly string[],
  language: Language,
  budget: number,
  encode: (text: string) => TokenId[],
): TokenId[] {
  const end = encode('\n');
  const ids: TokenId[] = [];
  for (const name of names) {
    const before = ids.length === 0 ? `${languageFacts(language).comment} ` : ', ';
    const next = encode(`${before}${name}`);
    if (ids.length + next.length + end.length <= budget) ids.push(...next);
  }
  return ids.length === 0 ? [] : [...ids, ...end];
}
