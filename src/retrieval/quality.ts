/**
 * @file Whether retrieved chunks hold what a task needs, without asking a decoder.
 *
 * - **identifiers**: the share of the hole's identifiers that occur in the chunks. Those that the code around
 *   the hole already shows are of little use; the *new* ones are what retrieval is for.
 * - **line**: whether a chunk holds the hole's own line. A copy of the file, a fork or a test that repeats
 *   the line gives the answer away, and no published harness removes it.
 *
 * Identifiers are CrossCodeEval's (`metrics/cceval.ts`): words outside quotes that are no keywords.
 */

import type { Chunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';
import { splitLines, strip, wordsOf } from '../domain/text.js';
import { identifiers } from '../metrics/cceval.js';

export interface ContextQuality {
  readonly chunks: number;
  /** Share of the hole's identifiers that a chunk holds; null where the hole has none. */
  readonly identifiers: number | null;
  /** The same of those that are neither in the prefix nor in the suffix; null where there are none. */
  readonly newIdentifiers: number | null;
  /** Whether a line of a chunk is the hole's line; null where that line has no identifier, as in `});`. */
  readonly holdsLine: boolean | null;
}

/**
 * Judges the chunks of one task.
 *
 * @example // hole `total = sum(prices)`, prefix names `prices`; a chunk has `def sum(` and nothing else:
 * // identifiers 1 / 3, newIdentifiers 1 / 2, holdsLine false
 */
export function contextQuality(
  task: Pick<CompletionTask, 'prefix' | 'reference' | 'suffix' | 'language'>,
  chunks: readonly Pick<Chunk, 'text'>[],
): ContextQuality {
  const wanted = [...new Set(identifiers(task.reference, task.language))];
  const around = new Set([...wordsOf(task.prefix), ...wordsOf(task.suffix)]);
  const fresh = wanted.filter((name) => !around.has(name));
  const offered = new Set(chunks.flatMap(({ text }) => wordsOf(text)));
  const share = (names: readonly string[]): number | null =>
    names.length === 0 ? null : names.filter((name) => offered.has(name)).length / names.length;

  const line = holeLine(task);
  const isTelling = identifiers(line, task.language).length > 0;
  return {
    chunks: chunks.length,
    identifiers: share(wanted),
    newIdentifiers: share(fresh),
    holdsLine: isTelling
      ? chunks.some(({ text }) => splitLines(text).some((other) => strip(other) === line))
      : null,
  };
}

/** The first line of the hole that is not blank, with what stands before and after it in the file, stripped. */
function holeLine({
  prefix,
  reference,
  suffix,
}: Pick<CompletionTask, 'prefix' | 'reference' | 'suffix'>): string {
  const before = prefix.slice(prefix.lastIndexOf('\n') + 1);
  const newline = suffix.indexOf('\n');
  const after = newline === -1 ? suffix : suffix.slice(0, newline);
  // A reference that ends with its newline leaves nothing of the suffix on its line.
  const rows = splitLines(before + reference + (/[\r\n]$/.test(reference) ? '' : after)).map(strip);
  return rows.find((row) => row !== '') ?? '';
}
