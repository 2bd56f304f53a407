/**
 * @file A probe for the terminal in 80 columns.
 */

import { fixed, interval, signed, wrapped } from '../format.js';
import { framedTable, USUAL_COLUMNS } from '../terminal/table.js';
import type { Probe, ProbeDifference, ProbeEstimate } from './probe-json.js';
import { collapseSentence, identifiersSentence, smoothnessSentence } from './view.js';
import { carriedName, perturbationName } from './words.js';

/** The tables and a sentence on each, without colour, ending in a newline. @param width Columns of the terminal. */
export function renderProbeTable(probe: Probe, width = USUAL_COLUMNS): string {
  const { collapse, smoothness, identifiers } = probe;
  const blocks = [
    {
      head: ['vectors', 'number', 'width', 'mean cosine', 'effective rank'],
      rows: (
        [
          ['encoder', collapse.encoder],
          ['soft tokens', collapse.softTokens],
        ] as const
      ).map(([name, of]) => [
        name,
        String(of.vectors),
        String(of.width),
        fixed(of.meanCosine, 4),
        fixed(of.effectiveRank, 1),
      ]),
      sentence: collapseSentence(probe),
    },
    {
      head: ['soft tokens', 'nats a token', 'other %', 'ES %'],
      rows:
        smoothness.tasks.length === 0
          ? []
          : smoothness.rows.map(({ perturbation, nats, changed, similarity }) => [
              perturbationName(perturbation),
              differenceText(nats),
              fixed(changed.mean, 1),
              fixed(similarity.mean, 1),
            ]),
      sentence: smoothnessSentence(probe),
    },
    {
      head: ['names behind', 'nats a token', 'recall %'],
      rows:
        identifiers.chunks.length === 0
          ? []
          : identifiers.rows.map(({ behind, nats, recall }) => [
              carriedName(behind),
              estimateText(nats, 3),
              estimateText(recall, 1),
            ]),
      sentence: identifiersSentence(probe),
    },
  ];
  return blocks
    .filter(({ rows }) => rows.length > 0)
    .flatMap(({ head, rows, sentence }) => [
      ...framedTable(
        head.map((title, c) => ({ title, isNumber: c > 0 })),
        rows,
        width,
      ),
      ...(sentence === null ? [] : wrapped(sentence, Math.min(width, 78))),
      '',
    ])
    .concat(LEGEND)
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

const LEGEND = [
  'other %: tasks with another completion than behind unchanged soft tokens; ES %:',
  'its ES to that one. Brackets: 95 % intervals. *: shown after correction (Holm).',
];

function differenceText(of: ProbeDifference | null): string {
  if (of === null) return fixed(null, 0);
  const mark = of.verdict === 'tied' ? '' : ' *';
  return `${signed(of.delta, 3)} ${interval(of.ci95, 3)}${mark}`;
}

function estimateText({ mean, ci95 }: ProbeEstimate, digits: number): string {
  return `${fixed(mean, digits)} ${interval(ci95, digits)}`.trimEnd();
}
