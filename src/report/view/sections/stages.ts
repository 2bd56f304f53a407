/**
 * @file Where the time until the first token goes.
 */

import { isControl, subjectOf, usesSoftTokens } from '../../../pipelines/kinds.js';
import type { RecordNumber } from '../../../run/record-table.js';
import { mean } from '../../../statistics/statistics.js';
import { stagesOf } from '../../numbers/stages.js';
import { timedRows, type TimedRow } from '../../numbers/summary.js';
import { number, word } from '../parts/cells.js';
import { atTopK, nameOf, scoredOf, type Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';
import { range } from '../parts/statements.js';

export function stages({ summary, shown, records, topK }: Context): Section | null {
  const rows = timedRows(shown).flatMap((row) => {
    if (row.tasks.scored === 0) return [];
    const average = (name: RecordNumber): number => mean(scoredOf(row, name, records))!;
    return [
      {
        row,
        name: nameOf(row),
        meanMs: {
          retrieve: average('retrieveMs'),
          tokenize: average('tokenizeMs'),
          encode: average('encodeMs'),
          project: average('projectMs'),
          ...(average('modelMs') > 0 ? { model: average('modelMs') } : {}),
          prefill: average('ttftMs'),
        },
      },
    ];
  });
  if (rows.length === 0) return null;
  const present = stagesOf(rows.map(({ meanMs }) => meanMs));
  // A control makes no soft tokens of what was retrieved, so its time says nothing about making them.
  const subject = subjectOf(
    rows.flatMap(({ row: { pipeline } }) =>
      usesSoftTokens(pipeline) && !isControl(pipeline) ? [pipeline] : [],
    ),
  );
  const soft = rows.filter(({ row }) => row.pipeline === subject);
  const shares = soft.map(({ meanMs }) => {
    const total = present.reduce((sum, stage) => sum + (meanMs[stage] ?? 0), 0);
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
          ...[...present.map((stage) => (stage === 'prefill' ? 'warm TTFT' : stage)), 'cold TTFT'].map(
            (title) => ({ title, kind: 'number', better: 'lower' }) as const,
          ),
          { title: 'chunks', kind: 'number' },
          { title: 'generated tokens', kind: 'number' },
        ],
        rows: rows.map(({ row, name, meanMs }) => [
          word(name),
          ...present.map((stage) => number(meanMs[stage] ?? 0, 2)),
          number(row.ttftColdMs.mean, 2),
          number(row.chunks.mean, 1),
          number(row.generatedTokens.mean, 1),
        ]),
      },
      ...transport(rows, records),
    ],
    notes: ['Means, so that stages add up; warm TTFT is prompt embedding and prefill.'],
  };
}

/** What it takes to send a prompt as embeddings instead of ids; no table where the decoder is not behind a wire. */
function transport(
  rows: readonly { readonly row: TimedRow; readonly name: string }[],
  records: Context['records'],
): Section['tables'] {
  const sent = rows.flatMap(({ row, name }) => {
    const embedded = scoredOf(row, 'embeddedMs', records);
    const ids = scoredOf(row, 'ttftMs', records);
    const both = Array.from(embedded, (value, i) => [ids[i]!, value] as const).filter(
      ([, value]) => !Number.isNaN(value),
    );
    if (both.length === 0) return [];
    const [asIds, asEmbeddings] = [0, 1].map((at) => mean(both.map((pair) => pair[at]!))!);
    return [{ name, asIds: asIds!, asEmbeddings: asEmbeddings! }];
  });
  if (sent.length === 0) return [];
  return [
    {
      caption:
        'Mean warm TTFT in milliseconds of the same prompts as ids and as embeddings: transport of embeddings',
      columns: [
        { title: 'configuration', kind: 'text' },
        ...['as ids', 'as embeddings', 'transport'].map(
          (title) => ({ title, kind: 'number', better: 'lower' }) as const,
        ),
      ],
      rows: sent.map(({ name, asIds, asEmbeddings }) => [
        word(name),
        number(asIds, 2),
        number(asEmbeddings, 2),
        number(asEmbeddings - asIds, 2),
      ]),
    },
  ];
}
