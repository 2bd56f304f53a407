/**
 * @file Have the soft tokens collapsed? Vectors before and after the projector.
 */

import { fixed } from '../format.js';
import { number, word } from '../view/parts/cells.js';
import type { Section } from '../view/parts/section.js';
import type { Probe } from './probe-json.js';

/** Of all charts' looks: the encoder's vectors, and the projector's. */
const POSITIONS = { encoder: 0, projector: 3 } as const;

export function collapseSection({ collapse }: Probe): Section {
  const { encoder, softTokens, agreement, found, measured, meanNorm } = collapse;
  const row = (name: string, of: typeof encoder) => [
    word(name),
    number(of.vectors, 0),
    number(of.width, 0),
    number(of.meanCosine, 4),
    number(of.effectiveRank, 1),
  ];
  return {
    id: 'collapse',
    title: 'Collapse',
    short: 'Collapse',
    intro: [
      'A projector that says the same of every chunk has collapsed: its vectors have a mean cosine of 1 and an effective rank ' +
        'of 1. The decoder then cannot tell chunks apart, whatever the vectors are.',
    ],
    charts: [
      {
        kind: 'lines',
        id: 'cosines',
        title: 'Cosines of all pairs of chunks, before and after the projector',
        note: 'A peak at 1 behind the projector is a collapse. Bins of 0.05.',
        panels: [
          {
            title: 'share of pairs, %',
            axis: 'cosine of two chunks',
            format: '~r',
            hasZero: true,
            series: [
              { name: 'encoder', position: POSITIONS.encoder, points: spread(agreement.encoded) },
              { name: 'projector', position: POSITIONS.projector, points: spread(agreement.projected) },
            ],
          },
        ],
      },
    ],
    tables: [
      {
        caption: 'Vectors before and after the projector',
        columns: [
          { title: 'vectors', kind: 'text' },
          { title: 'number', kind: 'number' },
          { title: 'width', kind: 'number' },
          { title: 'mean cosine', kind: 'number' },
          { title: 'effective rank', kind: 'number' },
        ],
        rows: [row('encoder', encoder), row('soft tokens', softTokens)],
      },
      {
        caption: 'How far the cosines of all pairs agree before and after the projector',
        columns: [
          { title: 'measure', kind: 'text' },
          { title: 'value', kind: 'number' },
        ],
        rows: [
          [word('mean square of the differences'), number(agreement.meanSquare, 5)],
          [word('Frobenius norm / √2'), number(agreement.frobenius, 3)],
          [word('correlation'), number(agreement.correlation, 4)],
        ],
      },
    ],
    notes: [
      `${measured} of ${found} different chunks were measured. A soft token has a mean norm of ${fixed(meanNorm, 3)}.`,
      'The mean square is the alignment loss of LlavaCode’s code, the Frobenius norm that of its paper. The second grows with ' +
        'the number of chunks. The effective rank is of the unit vectors less their mean.',
    ],
  };
}

/** Shares of bins from -1 to 1, in percent at the middles of the bins. */
function spread(shares: readonly number[]) {
  return shares.map((share, i) => {
    const y = share * 100;
    return { x: (2 * (i + 0.5)) / shares.length - 1, y, low: y, high: y };
  });
}
