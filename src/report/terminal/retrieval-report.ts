/**
 * @file How good retrieval is by itself, for the terminal in 80 columns.
 */

import type { NoChunks } from '../../run/task-chunks.js';
import type { RetrievalReport, ShareOfTasks } from '../numbers/retrieval-quality.js';

const REASONS: Readonly<Record<NoChunks, string>> = {
  'repository-missing': 'their repository was not found; pass --repos, see `llava-eval datasets inspect`',
  'file-missing': 'their file is not among those the profile reads, so it cannot be left out of the search',
  'nothing-to-retrieve': 'no other file of their repository has anything to retrieve',
};

/** What to know of a ranking before its chunks are used, a sentence a line. */
export function retrievalNotes(found: {
  readonly leaks: boolean;
  readonly tasks: number;
  /** Tasks that got nothing from anyone, by reason. */
  readonly unanswered: ReadonlyMap<NoChunks, number>;
}): string[] {
  const { leaks, tasks, unanswered } = found;
  return [
    ...(leaks ? ['the query contains the answer: these rankings are an upper bound, not a result'] : []),
    ...[...unanswered].map(
      ([reason, count]) => `${count} of ${tasks} tasks got no chunks: ${REASONS[reason]}`,
    ),
  ];
}

const COLUMNS = ['identifiers', 'newIdentifiers', 'holdsLine'] as const;

/** A table of at most 80 columns, and what its figures mean. */
export function renderRetrievalReport(report: RetrievalReport): string {
  const head = ['retriever', 'chunks', 'identifiers', 'new identifiers', 'the line itself'];
  const rows = report.rows.map((row) => [
    row.retriever,
    row.chunksPerTask.toFixed(1),
    ...COLUMNS.map((column) => percent(row[column])),
  ]);
  const counts = ['', '', ...COLUMNS.map((column) => `n = ${report.rows[0]?.[column].n ?? 0}`)];
  const table = [head, counts, ...rows];
  const widths = head.map((_, c) => Math.max(...table.map((cells) => cells[c]!.length)));
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  const lines = table.map((cells) =>
    cells
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
  return [
    `${report.tasks} tasks of ${report.dataset}, ${report.retrievalProfile}, ${report.query} query` +
      `${report.strictReference ? ', as the reference has it' : ''}, top ${report.topK}`,
    ...(report.leaks ? ['THE QUERY CONTAINS THE ANSWER: an upper bound, not a result'] : []),
    rule,
    ...lines.slice(0, 2),
    rule,
    ...lines.slice(2),
    rule,
    'Percent [95 % interval] of n tasks. identifiers: share of those in the hole',
    'that a chunk holds; new: those that are not in the code around the hole.',
    'the line itself: tasks of which a chunk holds the hole’s own line.',
    ...(report.retrieverEncoder === null ? [] : [`Vectors are those of ${report.retrieverEncoder}.`]),
    '',
  ].join('\n');
}

function percent({ mean: value, ci95 }: ShareOfTasks): string {
  if (value === null) return '–';
  const figure = (x: number): string => (x * 100).toFixed(1);
  return `${figure(value)}${ci95 === null ? '' : ` [${figure(ci95[0])}, ${figure(ci95[1])}]`}`;
}
