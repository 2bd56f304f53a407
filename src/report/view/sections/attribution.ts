/**
 * @file What gains over the decoder alone are due to: the retrieved code, or something being there at all.
 */

import type { Attribution } from '../../numbers/attribution.js';
import type { Comparison } from '../../numbers/verdicts.js';
import { configurationLabel } from '../../../run/record.js';
import { difference, natsDifference, share, word } from '../parts/cells.js';
import type { Context } from '../parts/context.js';
import { explanation } from '../parts/explained.js';
import type { Cell, Section } from '../parts/section.js';

/** The metrics in which a gain is taken apart. */
const METRICS: readonly { readonly title: string; readonly cell: (one: Comparison) => Cell | null }[] = [
  {
    title: 'nats a token',
    cell: ({ likelihood }) => (likelihood === null ? null : natsDifference(likelihood.perToken)),
  },
  { title: 'ES points', cell: ({ editSimilarity }) => difference(editSimilarity) },
  { title: 'EM points', cell: ({ exactMatch }) => difference(exactMatch) },
];

export function attribution({ summary, topK }: Context): Section | null {
  const shown = summary.attributions.filter(({ of }) => of.topK === topK);
  if (shown.length === 0) return null;
  const bases = [...new Set(shown.map(({ base }) => base.pipeline))];
  const label = ({ of, base }: Attribution): string =>
    `${configurationLabel(of, [])}${bases.length > 1 ? ` − ${base.pipeline}` : ''}`;
  const shares = shown.filter(({ ownShareOfText }) => ownShareOfText !== null);
  return {
    id: 'attribution',
    title: 'What the gain is due to',
    short: 'Due to what',
    intro: [
      'A gain over the decoder alone can be due to the retrieved code, or to something being there at all: a longer prompt, a ' +
        'constant that all soft tokens say. A control that shows the chunks of another task of another repository tells the ' +
        'two apart, and the parts add up: the whole gain is (own chunks − chunks of another task) + (chunks of another task − ' +
        'none).',
      ...shown.map((one) => explanation(one)),
    ],
    charts: [],
    tables: [
      {
        caption: 'Gains and their parts, paired by task, with 95 % intervals',
        columns: [
          { title: 'gain of', kind: 'text' },
          { title: 'metric', kind: 'text' },
          { title: 'in all', kind: 'number' },
          { title: 'due to its own chunks', kind: 'number' },
          { title: 'due to chunks being there', kind: 'number' },
        ],
        rows: shown.flatMap((one) =>
          METRICS.flatMap(({ title, cell }) => {
            const cells = [one.total, one.own, one.presence].flatMap((part) => cell(part) ?? []);
            return cells.length < 3 ? [] : [[word(label(one)), word(title), ...cells]];
          }),
        ),
      },
      ...(shares.length === 0
        ? []
        : [
            {
              caption: 'Share of the own part of full text that is won back, with 95 % intervals',
              columns: [
                { title: 'configuration', kind: 'text' as const },
                { title: 'likelihood', kind: 'number' as const, better: 'higher' as const },
                { title: 'ES', kind: 'number' as const, better: 'higher' as const },
              ],
              rows: shares.map((one) => [
                word(label(one)),
                share(one.ownShareOfText!.likelihood),
                share(one.ownShareOfText!.editSimilarity),
              ]),
            },
          ]),
    ],
    notes: [
      'Nats: fewer are better. Points: more are better. Each part is a comparison of the run, corrected with all others.',
      ...(shares.some(({ ownShareOfText: of }) => of!.likelihood === null || of!.editSimilarity === null)
        ? [
            '–: in this metric nothing of full text is shown to be due to its chunks, so that there is nothing to win back.',
          ]
        : []),
    ],
  };
}
