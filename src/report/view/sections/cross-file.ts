/**
 * @file Quality on the lines where retrieval can help most.
 */

import { pipelineInRole } from '../../../pipelines/kinds.js';
import { configurationLabel } from '../../../run/record.js';
import { count, difference, estimate, natsDifference, word } from '../parts/cells.js';
import type { Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';

const NO_RETRIEVAL = pipelineInRole('no-retrieval');

export function crossFile({ summary }: Context): Section | null {
  if (summary.crossFileRows.length === 0) return null;
  const tasks = Math.max(...summary.crossFileRows.map((row) => row.tasks.total));
  const hasNats = summary.crossFileRows.some(({ likelihood }) => likelihood !== null);
  return {
    id: 'cross-file',
    title: 'Lines that use an identifier of another file',
    short: 'Cross-file',
    intro: [
      `${tasks} of ${summary.dataset.tasks} tasks: those in which the line to be completed uses an identifier that is ` +
        'declared in another file of the repository, where retrieval can help most.',
    ],
    charts: [],
    tables: [
      {
        caption: 'Quality on lines that use an identifier of another file',
        columns: [
          { title: 'configuration', kind: 'text' },
          { title: 'n', kind: 'number' },
          { title: 'EM %', kind: 'number', better: 'higher' },
          { title: 'ES %', kind: 'number', better: 'higher' },
          ...(hasNats ? [{ title: `nats against ${NO_RETRIEVAL}`, kind: 'number' as const }] : []),
          { title: `EM against ${NO_RETRIEVAL}`, kind: 'number' },
          { title: `ES against ${NO_RETRIEVAL}`, kind: 'number' },
        ],
        rows: summary.crossFileRows.map((row) => [
          word(configurationLabel(row, summary.spec.topK)),
          count(row.tasks.scored),
          estimate(row.exactMatch),
          estimate(row.editSimilarity),
          ...(hasNats
            ? [row.vsNoContext?.likelihood ? natsDifference(row.vsNoContext.likelihood.perToken) : word('')]
            : []),
          row.vsNoContext === null ? word('') : difference(row.vsNoContext.exactMatch),
          row.vsNoContext === null ? word('') : difference(row.vsNoContext.editSimilarity),
        ]),
      },
    ],
    notes: [],
  };
}
