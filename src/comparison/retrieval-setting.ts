/**
 * @file What the commands that retrieve have in common: a profile with its terms and its way of asking.
 */

import { DataError, UsageError } from '../domain/errors.js';
import type { CompletionTask } from '../domain/task.js';
import { lexicalTokens } from '../retrieval/lexical-tokens.js';
import {
  askingOf,
  QUERY_KINDS,
  retrievalProfile,
  type QueryKind,
  type RetrievalProfile,
  type RetrievalProfileName,
} from '../retrieval/profile.js';
import { takesShipped, type RetrieverName } from '../retrieval/kinds.js';
import type { Terms } from '../domain/terms.js';
import type { RetrievalSetting } from '../run/repository-index.js';
import { loadCodexTerms } from '../tokenizer/codex.js';

/**
 * Resolves the names given on the command line.
 *
 * @throws {UsageError} If the profile has no such query.
 */
export async function retrievalSetting(
  name: RetrievalProfileName,
  query: QueryKind = 'last-n',
  isStrict = false,
): Promise<RetrievalSetting> {
  const profile = retrievalProfile(name);
  const asking = askingOf(profile, query, isStrict);
  if (asking === null) {
    const known = QUERY_KINDS.filter((kind) => profile.queries[kind] !== null);
    throw new UsageError(`the retrieval profile ${name} has no ${query} query`, [
      `its harness asks with: ${known.join(', ')}`,
    ]);
  }
  return { profile, asking, terms: await termsOf(profile) };
}

/**
 * The chunks a task is given: as many as asked for, or the number that the profile's harness is known for.
 *
 * @throws {UsageError} If the profile's harness never returns so many.
 * @example requestedTopK(retrievalProfile('cceval'), undefined) // => 5
 */
export function requestedTopK({ name, topK }: RetrievalProfile, asked: number | undefined): number {
  if (asked === undefined) return topK.usual;
  if (asked > topK.most) {
    throw new UsageError(
      `--top-k ${asked}: the retrieval profile ${name} keeps at most ${topK.most} chunks`,
      [`ask for ${topK.most} or fewer, or take another --retrieval-profile`],
    );
  }
  return asked;
}

async function termsOf({ terms }: RetrievalProfile): Promise<Terms> {
  switch (terms) {
    case 'lexical':
      return lexicalTokens;
    case 'codex-bpe':
      return loadCodexTerms();
  }
}

/**
 * Refuses tasks without shipped chunks where they are asked for.
 *
 * @param dataset What messages call the dataset.
 * @throws {DataError} Naming the first such task.
 */
export function requireShipped(
  dataset: string,
  tasks: readonly CompletionTask[],
  retrievers: readonly RetrieverName[],
): void {
  const taking = retrievers.find(takesShipped);
  if (taking === undefined) return;
  const bare = tasks.filter(({ shipped }) => shipped === undefined);
  if (bare.length === 0) return;
  throw new DataError(`${dataset}: task "${bare[0]!.id}" ships no chunks`, [
    `${taking} needs them; ${bare.length} of ${tasks.length} tasks have none`,
    'they are crossfile_context, context or crossfile_array of a record; take a file that has them, or retrievers that search',
  ]);
}
