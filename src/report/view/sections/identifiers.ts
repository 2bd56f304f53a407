/**
 * @file Identifiers: what CrossCodeEval's profiles add to EM and ES.
 */

import { extraScoresOf } from '../../../metrics/registry.js';
import { configurationLabel } from '../../../run/record.js';
import { number, word } from '../parts/cells.js';
import type { Context } from '../parts/context.js';
import type { Column, Section } from '../parts/section.js';

export function identifiers({ summary }: Context): Section | null {
  const scores = extraScoresOf(summary.spec.metricProfile);
  const rows = summary.rows.flatMap(({ extras, ...row }) =>
    extras === undefined
      ? []
      : [
          [
            word(configurationLabel(row, summary.spec.topK)),
            ...scores.map(({ name }) => number(extras[name] ?? null, 2)),
          ],
        ],
  );
  if (rows.length === 0) return null;
  return {
    id: 'identifiers',
    title: 'Identifiers',
    short: 'Identifiers',
    intro: [`As ${summary.spec.metricProfile} compares them: equal lists for EM, sets for the others.`],
    charts: [],
    tables: [
      {
        caption: 'Identifiers of completions against those of references, in percent',
        columns: [
          { title: 'configuration', kind: 'text' },
          ...scores.map(({ title }): Column => ({
            title,
            kind: 'number',
            better: 'higher',
          })),
        ],
        rows,
      },
    ],
    notes: [],
  };
}
