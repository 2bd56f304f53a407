/**
 * @file How much of the gain of text is won back, and whether a control wins back as much.
 */

import { kindOf, pipelineInRole, readingOf, type PipelineName } from '../../../pipelines/kinds.js';
import { configurationLabel } from '../../../run/record.js';
import { share, word } from '../parts/cells.js';
import type { Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';

const FULL_TEXT = pipelineInRole('full-text');
const NO_RETRIEVAL = pipelineInRole('no-retrieval');

export function recovered({ summary, comparisons }: Context): Section | null {
  const rows = summary.rows.filter((row) => row.recovery !== null);
  if (rows.length === 0) return null;
  const hasNats = rows.some(({ likelihood }) => likelihood !== null);
  const controls = new Map(
    comparisons.flatMap(({ of, base }): [string, readonly [of: PipelineName, control: PipelineName]][] =>
      readingOf(of.pipeline, base.pipeline) === 'control'
        ? [[`${of.pipeline} ${base.pipeline}`, [of.pipeline, base.pipeline]]]
        : [],
    ),
  );
  return {
    id: 'recovery',
    title: 'How much of the gain of text is won back',
    short: 'Won back',
    intro: [
      `Of what ${FULL_TEXT} gains over ${NO_RETRIEVAL}, with the same retriever: 100 % is all of it, 0 % nothing.`,
      ...[...controls.values()].map(
        ([of, control]) =>
          `${control} has the ${kindOf(control).title}: what it wins back is not owed to what was retrieved, and what ` +
          `${of} has above it is.`,
      ),
    ],
    charts: [],
    tables: [
      {
        caption: `Share of the gain of ${FULL_TEXT} over ${NO_RETRIEVAL} that is won back, with 95 % intervals`,
        columns: [
          { title: 'configuration', kind: 'text' },
          ...(hasNats ? [{ title: 'likelihood', kind: 'number' as const, better: 'higher' as const }] : []),
          { title: 'EM', kind: 'number', better: 'higher' },
          { title: 'ES', kind: 'number', better: 'higher' },
        ],
        rows: rows.map((row) => [
          word(configurationLabel(row, summary.spec.topK)),
          ...(hasNats ? [share(row.recovery?.likelihood ?? null)] : []),
          share(row.recovery?.exactMatch ?? null),
          share(row.recovery?.editSimilarity ?? null),
        ]),
      },
    ],
    notes: rows.some(({ recovery }) => recovery?.exactMatch === null || recovery?.editSimilarity === null)
      ? [`–: no gain of ${FULL_TEXT} is shown in this metric, so that there is nothing to win back.`]
      : [],
  };
}
