/**
 * @file Whether retrieval found anything: a run in which it mostly did not says little about retrieval.
 */

import { borrowsChunks } from '../../pipelines/kinds.js';
import { configurationLabel } from '../../run/record.js';
import type { SummaryRow } from './summary.js';

/** A retriever at a top-k that gave most tasks nothing. */
export interface NothingFound {
  /** As tables call it: the retriever, with its top-k in a sweep. */
  readonly name: string;
  /** Tasks that were scored, and those of them that got a chunk. */
  readonly tasks: number;
  readonly found: number;
}

/**
 * The retrievers that gave fewer than half of their tasks a chunk.
 *
 * @param topKs Those of the whole run.
 */
export function nothingFound(rows: readonly SummaryRow[], topKs: readonly number[]): NothingFound[] {
  const seen = new Map<string, NothingFound>();
  for (const row of retrieving(rows)) {
    const name = configurationLabel(row, topKs).replace(`${row.pipeline}/`, '');
    const { scored } = row.tasks;
    if (isMostlyEmpty(row) && !seen.has(name))
      seen.set(name, { name, tasks: scored, found: row.chunks.found });
  }
  return [...seen.values()];
}

/** Whether no retriever of a run gave half of its tasks a chunk: the run then has no answer about retrieval. */
export function isWithoutRetrieval(rows: readonly SummaryRow[]): boolean {
  const all = retrieving(rows);
  return all.length > 0 && all.every(isMostlyEmpty);
}

/** Rows of pipelines that show a task its own chunks and were scored. */
function retrieving(rows: readonly SummaryRow[]): SummaryRow[] {
  return rows.filter(
    ({ pipeline, retriever, tasks }) => retriever !== null && !borrowsChunks(pipeline) && tasks.scored > 0,
  );
}

function isMostlyEmpty({ tasks, chunks }: SummaryRow): boolean {
  return chunks.found < tasks.scored / 2;
}

/** @example 'retrieval found nothing for 75 of 80 tasks (jaccard)' */
export function describeNothingFound(found: readonly NothingFound[]): string {
  const parts = found.map(({ name, tasks, found: some }) => `${tasks - some} of ${tasks} tasks (${name})`);
  return `retrieval found nothing for ${parts.join(', ')}`;
}
