/**
 * @file How smooth is the space of soft tokens? What moved soft tokens do to likelihood and completions.
 */

import type { ChartInput } from '../charts/charts.js';
import type { LinePoint, LineSeries } from '../charts/lines.js';
import { fixed, interval, signed } from '../format.js';
import { estimate, testResult, word } from '../view/parts/cells.js';
import type { Cell, Section } from '../view/parts/section.js';
import type { Probe, ProbeDifference, ProbeEstimate } from './probe-json.js';
import { perturbationName } from './words.js';

type Row = Probe['smoothness']['rows'][number];

/** Null where no task was read. */
export function smoothnessSection({ smoothness }: Probe): Section | null {
  const { rows, tasks, unchanged } = smoothness;
  if (tasks.length === 0) return null;
  return {
    id: 'smoothness',
    title: 'Smoothness',
    short: 'Smoothness',
    intro: [
      'The soft tokens of a prompt are moved and nothing else: towards those of other chunks, by noise, and to random vectors of ' +
        'the same norm. A decoder that reads chunks from them finds the true completion less likely the further they are moved. ' +
        'One that uses their presence alone does not mind.',
    ],
    charts: [
      chartOf(rows, 'interpolation', 'From the own chunks to others', 'share of the other chunks'),
      chartOf(rows, 'noise', 'More and more noise', 'norm of the noise, in mean norms'),
    ],
    tables: [
      {
        caption: 'Against unchanged soft tokens, paired by task, with 95 % intervals',
        columns: [
          { title: 'soft tokens', kind: 'text' },
          { title: 'nats a token', kind: 'number' },
          { title: 'corrected p', kind: 'number' },
          { title: 'other completion, %', kind: 'number' },
          { title: 'ES to the unchanged, %', kind: 'number' },
        ],
        rows: rows.map(({ perturbation, nats, changed, similarity }) => [
          word(perturbationName(perturbation)),
          natsCell(nats),
          testResult(nats?.pAdjusted ?? null),
          estimate(changed),
          estimate(similarity),
        ]),
      },
    ],
    notes: [
      `${tasks.length} tasks. Behind unchanged soft tokens the true completion takes ${fixed(unchanged.mean, 3)} nats a token.`,
      ...unreadNotes(smoothness),
      'Noise has the same direction at every norm, drawn for each soft token. The norm is in mean norms of a soft token.',
    ],
  };
}

/** A difference in nats with its interval and its verdict. */
export function natsCell(of: ProbeDifference | null): Cell {
  if (of === null) return { text: '–', sort: null };
  return {
    text: `${signed(of.delta, 3)} ${interval(of.ci95, 3)}`.trimEnd(),
    sort: of.delta,
    verdict: of.verdict,
  };
}

function unreadNotes({ unread, withoutNats }: Probe['smoothness']): string[] {
  return [
    ...(unread.noChunks === 0
      ? []
      : [`${unread.noChunks} tasks were left out, as nothing was retrieved for them.`]),
    ...(unread.promptTooLong === 0
      ? []
      : [`${unread.promptTooLong} tasks were left out, as their prompts are too long for the decoder.`]),
    ...(unread.noOtherChunk === 0
      ? []
      : [`${unread.noOtherChunk} tasks were left out, as every chunk that was found is their own.`]),
    ...(withoutNats === 0 ? [] : [`${withoutNats} readings have no likelihood.`]),
  ];
}

/** Looks: of what is moved, and of random vectors. */
const POSITIONS = { moved: 3, random: 4 } as const;

function chartOf(
  rows: readonly Row[],
  id: 'interpolation' | 'noise',
  title: string,
  axis: string,
): ChartInput {
  const moved = rows.flatMap((row) => {
    const x = placeOf(row, id);
    return x === null ? [] : [{ x, row }];
  });
  const end = Math.max(...moved.map(({ x }) => x));
  const random = rows.find(({ perturbation }) => perturbation.kind === 'random');
  const series = (start: number, point: (row: Row) => Omit<LinePoint, 'x'> | null): LineSeries[] => {
    const at = (x: number, row: Row): LinePoint[] => {
      const found = point(row);
      return found === null ? [] : [{ x, ...found }];
    };
    const points = moved.flatMap(({ x, row }) => at(x, row));
    if (points.length === 0) return [];
    return [
      {
        ...{ name: id === 'noise' ? 'soft tokens with noise' : 'interpolated', position: POSITIONS.moved },
        points: [{ x: 0, y: start, low: start, high: start }, ...points],
      },
      ...(random === undefined
        ? []
        : [
            {
              ...{ name: 'random vectors', position: POSITIONS.random },
              // A level to compare with; its interval is in the table.
              points: [0, end].flatMap((x) =>
                at(x, random).map((one) => ({ ...one, low: one.y, high: one.y })),
              ),
            },
          ]),
    ];
  };
  const panels = [
    {
      title: 'nats a token, difference',
      format: '~r',
      hasZero: true,
      series: series(0, ({ nats }) => differencePoint(nats)),
    },
    {
      title: 'other completion, %',
      format: '~r',
      hasZero: true,
      series: series(0, ({ changed }) => estimatePoint(changed)),
    },
    {
      title: 'ES to the unchanged, %',
      format: '~r',
      hasZero: true,
      series: series(100, (row) => estimatePoint(row.similarity)),
    },
  ];
  return {
    ...{ kind: 'lines', id, title },
    note: 'Against unchanged soft tokens; 95 % intervals over tasks and repositories.',
    panels: panels.filter((panel) => panel.series.length > 0).map((panel) => ({ ...panel, axis })),
  };
}

/** Where a row stands on the axis of a chart; null if it is not on it. */
function placeOf({ perturbation }: Row, id: 'interpolation' | 'noise'): number | null {
  if (perturbation.kind === 'interpolated') return id === 'interpolation' ? perturbation.alpha : null;
  return perturbation.kind === 'noise' && id === 'noise' ? perturbation.ratio : null;
}

function differencePoint(of: ProbeDifference | null): Omit<LinePoint, 'x'> | null {
  if (of === null || of.delta === null) return null;
  return { y: of.delta, low: of.ci95?.[0] ?? of.delta, high: of.ci95?.[1] ?? of.delta };
}

function estimatePoint({ mean, ci95 }: ProbeEstimate): Omit<LinePoint, 'x'> | null {
  return mean === null ? null : { y: mean, low: ci95?.[0] ?? mean, high: ci95?.[1] ?? mean };
}
