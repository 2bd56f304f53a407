/**
 * @file Quality of every configuration, and latency where it was measured: the table on top.
 */

import { SAMPLES_FOR } from '../../../statistics/statistics.js';
import { timedRows, type Summary, type SummaryRow } from '../../numbers/summary.js';
import { count, estimate, nats, number, word } from '../parts/cells.js';
import type { Context } from '../parts/context.js';
import type { Cell, Column, Section } from '../parts/section.js';

interface OverviewColumn extends Column {
  readonly cell: (row: SummaryRow) => Cell;
}

const lower = { kind: 'number', better: 'lower' } as const;

export function overview({ summary }: Context): Section {
  const { rows } = summary;
  const times = timeColumns(summary);
  const title = times.length === 0 ? 'Quality' : 'Quality and latency';
  const higher = { kind: 'number', better: 'higher' } as const;
  const columns: readonly OverviewColumn[] = [
    { title: 'pipeline', kind: 'text', cell: (row) => word(row.pipeline) },
    { title: 'retriever', kind: 'text', cell: (row) => word(row.retriever ?? '') },
    ...(summary.spec.topK.length > 1
      ? [{ title: 'k', kind: 'number' as const, cell: (row: SummaryRow) => count(row.topK) }]
      : []),
    ...(summary.spec.compressionRatio === undefined
      ? []
      : [
          {
            title: 'ratio',
            kind: 'number' as const,
            cell: (row: SummaryRow) => count(row.compressionRatio ?? null),
          },
        ]),
    { title: 'n', kind: 'number', cell: (row) => count(row.tasks.scored) },
    { title: 'EM %', ...higher, cell: (row) => estimate(row.exactMatch) },
    { title: 'ES %', ...higher, cell: (row) => estimate(row.editSimilarity) },
    ...(rows.some(({ likelihood }) => likelihood !== null)
      ? [
          {
            title: 'nats a token',
            ...lower,
            cell: (row: SummaryRow) =>
              row.likelihood === null ? number(null, 3) : nats(row.likelihood.perToken),
          },
        ]
      : []),
    ...times,
    { title: 'prompt tokens', kind: 'number', cell: (row) => number(row.promptTokens.mean, 0) },
  ];
  return {
    id: 'overview',
    title,
    short: 'Overview',
    intro: [],
    charts: [],
    tables: [
      {
        caption: `${title} of every configuration, with 95 % intervals`,
        columns: columns.map(({ title, kind, better }) => ({
          ...{ title, kind },
          ...(better === undefined ? {} : { better }),
        })),
        rows: rows.map((row) => columns.map(({ cell }) => cell(row))),
      },
    ],
    notes: [
      ...(rows.some(({ likelihood }) => likelihood !== null)
        ? ['Nats a token: cross entropy of the true completion, fewer are better.']
        : []),
      ...(times.length === 0
        ? ['Times were not measured in this run (--no-timing).']
        : [
            'TTFT runs from handing over the prompt, soft tokens precomputed as an editor would keep them, to the first ' +
              'token id on the host. Cold TTFT adds retrieval, tokenizing, encoding and projecting.',
            `A percentile is given where the sample supports it: p90 from ${SAMPLES_FOR.p90} tasks, p95 from ` +
              `${SAMPLES_FOR.p95}, p99 from ${SAMPLES_FOR.p99}.`,
          ]),
    ],
  };
}

/** Empty in a run that is not timed. */
function timeColumns({ rows }: Summary): OverviewColumn[] {
  const timed = timedRows(rows);
  if (timed.length === 0) return [];
  return [
    { title: 'TTFT p50 ms', ...lower, cell: ({ ttftMs }) => number(ttftMs?.p50 ?? null, 1) },
    // A percentile that no row has enough tasks for has no column.
    ...(['p90', 'p95', 'p99'] as const)
      .filter((percentile) => timed.some(({ ttftMs }) => ttftMs[percentile] !== null))
      .map((percentile) => ({
        title: percentile,
        ...lower,
        cell: ({ ttftMs }: SummaryRow) => number(ttftMs?.[percentile] ?? null, 1),
      })),
    { title: 'cold p50 ms', ...lower, cell: ({ ttftColdMs }) => number(ttftColdMs?.p50 ?? null, 1) },
  ];
}
