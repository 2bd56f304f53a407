/**
 * @file What text scores when it has to be as fast as a shorter prompt.
 */

import { kindOf, pipelineInRole, readingOf } from '../../../pipelines/kinds.js';
import { qualityAt } from '../../numbers/equal-latency.js';
import { timedRows, type Summary, type TimedRow } from '../../numbers/summary.js';
import type { Comparison } from '../../numbers/verdicts.js';
import { count, difference, number, ttftChange, word } from '../parts/cells.js';
import type { Context } from '../parts/context.js';
import type { Cell, Section, Table } from '../parts/section.js';

const FULL_TEXT = pipelineInRole('full-text');
const NO_RETRIEVAL = pipelineInRole('no-retrieval');

/** Two answers: measured against a base of equal length, and read off the curve of text over top-k in a sweep. */
export function equalLatency(context: Context): Section | null {
  const measured = measuredPairs(context);
  const estimated = estimatedRows(context);
  if (measured.length === 0 && estimated.length === 0) return null;
  return {
    id: 'equal-latency',
    title: 'Quality at equal latency',
    short: 'Equal latency',
    intro: [
      // Several pipelines may be held against one base.
      ...[...new Set(measured.map(([{ base }]) => base.pipeline))].map(
        (base) =>
          `${base} is ${kindOf(base).title}, so that both are equally fast and only quality is left to differ.`,
      ),
      ...(estimated.length > 0
        ? [
            `The curve of text goes through ${NO_RETRIEVAL} and ${FULL_TEXT} at every top-k of the sweep; between its ` +
              'points quality is taken to grow in proportion to TTFT. An estimate, without an interval.',
          ]
        : []),
    ],
    charts: [],
    tables: [...measured.map(measuredTable), ...estimated.map(estimatedTable)],
    notes: estimated.some(({ rows }) => rows.some((row) => row.some(({ sort }) => sort === null)))
      ? ['–: nothing of the curve of text is as fast.']
      : [],
  };
}

/** The comparisons with bases of equal length, pair of pipelines by pair. */
function measuredPairs({ comparisons }: Context): (readonly [Comparison, ...Comparison[]])[] {
  const pairs = new Map<string, [Comparison, ...Comparison[]]>();
  for (const comparison of comparisons) {
    const { of, base, ttftRatio } = comparison;
    // Whether prompts of equal length are equally fast is for the clock to say.
    if (ttftRatio === null || readingOf(of.pipeline, base.pipeline) !== 'equal-length') continue;
    const key = `${of.pipeline} ${base.pipeline}`;
    const known = pairs.get(key);
    if (known === undefined) pairs.set(key, [comparison]);
    else known.push(comparison);
  }
  return [...pairs.values()];
}

function measuredTable(comparisons: readonly [Comparison, ...Comparison[]]): Table {
  const { of, base } = comparisons[0];
  return {
    caption: `${of.pipeline} against ${base.pipeline}`,
    columns: [
      { title: `${of.pipeline} − ${base.pipeline}`, kind: 'text' },
      { title: 'tasks', kind: 'number' },
      { title: 'EM points', kind: 'number' },
      { title: 'ES points', kind: 'number' },
      { title: 'TTFT', kind: 'number' },
    ],
    rows: comparisons.map((comparison) => [
      word(comparison.of.retriever ?? ''),
      count(comparison.pairs),
      difference(comparison.exactMatch),
      difference(comparison.editSimilarity),
      ttftChange(comparison),
    ]),
  };
}

interface Estimated {
  readonly pipeline: string;
  readonly rows: readonly (readonly Cell[])[];
}

/** Rows of the pipelines that are compared with text of full length, beside what such text has at their TTFT. */
function estimatedRows({ shown, summary }: Context): Estimated[] {
  const pipelines = [...new Set(shown.map(({ pipeline }) => pipeline))].filter(
    (pipeline) => readingOf(pipeline, FULL_TEXT) === 'full-text',
  );
  return pipelines.flatMap((pipeline) => {
    const rows = timedRows(shown).flatMap((row) => {
      const cells = row.pipeline === pipeline ? interpolated(row, summary) : null;
      return cells === null ? [] : [cells];
    });
    return rows.length === 0 ? [] : [{ pipeline, rows }];
  });
}

function estimatedTable({ pipeline, rows }: Estimated): Table {
  return {
    caption: `${pipeline} against the curve of text over top-k, interpolated at the TTFT of ${pipeline}`,
    columns: [
      { title: 'retriever', kind: 'text' },
      { title: 'TTFT p50 ms', kind: 'number' },
      { title: `EM %, ${pipeline}`, kind: 'number' },
      { title: 'EM %, text', kind: 'number' },
      { title: `ES %, ${pipeline}`, kind: 'number' },
      { title: 'ES %, text', kind: 'number' },
    ],
    rows,
  };
}

function interpolated(row: TimedRow, summary: Summary): Cell[] | null {
  const text = timedRows(summary.rows).filter(
    (other) =>
      other.pipeline === NO_RETRIEVAL || (other.pipeline === FULL_TEXT && other.retriever === row.retriever),
  );
  // A curve needs two points with retrieval at least: a sweep.
  if (text.filter(({ pipeline }) => pipeline === FULL_TEXT).length < 2) return null;
  const ttft = row.ttftMs.p50;
  if (ttft === null) return null;
  const at = (read: (other: TimedRow) => number | null): number | null =>
    qualityAt(
      text.flatMap((other) => {
        const quality = read(other);
        return quality === null || other.ttftMs.p50 === null ? [] : [{ ttftMs: other.ttftMs.p50, quality }];
      }),
      ttft,
    );
  return [
    word(row.retriever ?? ''),
    number(ttft, 1),
    number(row.exactMatch.mean, 2),
    number(
      at((other) => other.exactMatch.mean),
      2,
    ),
    number(row.editSimilarity.mean, 2),
    number(
      at((other) => other.editSimilarity.mean),
      2,
    ),
  ];
}
