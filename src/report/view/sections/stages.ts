/**
 * @file Where the time until the first token goes.
 */

import { isControl, subjectOf, usesSoftTokens } from '../../../pipelines/kinds.js';
import type { ScoredRecord } from '../../../run/record.js';
import { mean } from '../../../statistics/statistics.js';
import { STAGES } from '../../numbers/stages.js';
import { number, word } from '../parts/cells.js';
import { atTopK, nameOf, scoredOf, type Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';
import { range } from '../parts/statements.js';

export function stages({ summary, shown, records, topK }: Context): Section | null {
  const rows = shown.flatMap((row) => {
    const timings = scoredOf(row, records).map(({ timing }) => timing);
    if (timings.length === 0) return [];
    const average = (read: (timing: ScoredRecord['timing']) => number): number => mean(timings.map(read))!;
    return [
      {
        row,
        name: nameOf(row),
        meanMs: {
          retrieve: average((timing) => timing.retrieveMs),
          tokenize: average((timing) => timing.tokenizeMs),
          encode: average((timing) => timing.encodeMs),
          project: average((timing) => timing.projectMs),
          prefill: average((timing) => timing.ttftMs),
        },
      },
    ];
  });
  if (rows.length === 0) return null;
  // A control makes no soft tokens of what was retrieved, so its time says nothing about making them.
  const subject = subjectOf(
    rows.flatMap(({ row: { pipeline } }) =>
      usesSoftTokens(pipeline) && !isControl(pipeline) ? [pipeline] : [],
    ),
  );
  const soft = rows.filter(({ row }) => row.pipeline === subject);
  const shares = soft.map(({ meanMs }) => {
    const total = STAGES.reduce((sum, stage) => sum + meanMs[stage], 0);
    return ((meanMs.encode + meanMs.project) / total) * 100;
  });
  return {
    id: 'stages',
    title: 'Where the time goes',
    short: 'Stages',
    intro: [],
    charts: [
      {
        kind: 'stages',
        id: 'stages',
        title:
          subject === null
            ? 'Mean time by stage, warm and cold'
            : `Making soft tokens takes ${range(shares, 0)} % of a cold ${subject}; precomputed, it takes nothing`,
        note: `${atTopK(summary, topK)}Warm: soft tokens precomputed. Cold: every stage for this task alone.`,
        rows: rows.map(({ name, meanMs }) => ({ name, meanMs })),
      },
    ],
    tables: [
      {
        caption: 'Mean milliseconds by stage, and tokens',
        columns: [
          { title: 'configuration', kind: 'text' },
          ...(['retrieve', 'tokenize', 'encode', 'project', 'warm TTFT', 'cold TTFT'] as const).map(
            (title) => ({ title, kind: 'number', better: 'lower' }) as const,
          ),
          { title: 'chunks', kind: 'number' },
          { title: 'generated tokens', kind: 'number' },
        ],
        rows: rows.map(({ row, name, meanMs }) => [
          word(name),
          ...STAGES.map((stage) => number(meanMs[stage], 2)),
          number(row.ttftColdMs.mean, 2),
          number(row.chunks.mean, 1),
          number(row.generatedTokens.mean, 1),
        ]),
      },
    ],
    notes: ['Means, so that stages add up; warm TTFT is prompt embedding and prefill.'],
  };
}
