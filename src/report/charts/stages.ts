/**
 * @file Where the time until the first token goes, one bar a configuration: what is always waited for, and
 * what only a cold start adds.
 */

import type { Spec } from 'vega';
import { fixed } from '../format.js';
import { stagesOf, type ByStage } from '../numbers/stages.js';
import type { Colour } from './palette.js';
import {
  chart,
  gutter,
  heading,
  label,
  legend,
  MARGIN,
  panel,
  rowLabels,
  WIDTH,
  type Style,
} from './parts.js';

/** One configuration: mean ms of each part, which add up to its mean cold TTFT. */
export interface StageRow {
  readonly name: string;
  readonly meanMs: ByStage<number>;
}

export const STAGE_TITLES: Readonly<Record<keyof ByStage<unknown>, string>> = {
  retrieve: 'retrieve',
  tokenize: 'tokenize',
  encode: 'encode chunks',
  project: 'project',
  model: 'decoder chooses text',
  prefill: 'prefill (warm TTFT)',
};

/** Only runs whose pipelines ask the decoder have the stage, so it borrows a colour that no stage has. */
function colourOf(stage: keyof ByStage<unknown>): Colour {
  return stage === 'model' ? 'slot-6' : stage;
}

const ROW = { wide: 30, narrow: 46 } as const;
const GUTTER = { wide: 190, narrow: 8 } as const;
const RIGHT = { wide: 116, narrow: 92 } as const;

/** The chart of at least one row. */
export function stagesChart(
  rows: readonly StageRow[],
  { title, note }: { readonly title: string; readonly note: string },
  style: Style,
): Spec {
  const { size, paint } = style;
  const head = heading(style, title, note);
  // The warm part first: it starts at zero in every bar and can be compared by eye.
  const present = stagesOf(rows.map(({ meanMs }) => meanMs));
  const order = ['prefill', ...present.filter((stage) => stage !== 'prefill')] as const;
  const key = legend(
    style,
    order.map((stage) => ({ name: STAGE_TITLES[stage], fill: paint(colourOf(stage)), shape: 'square' })),
    { x: MARGIN, y: head.height + 12, width: WIDTH[size] - 2 * MARGIN },
  );
  const names = rows.map(({ name }) => name);
  const left = MARGIN + gutter(size, GUTTER, names);
  const width = WIDTH[size] - left - RIGHT[size] - MARGIN;
  const top = head.height + key.height + 20;
  const height = rows.length * ROW[size];
  const total = (row: StageRow): number => order.reduce((sum, stage) => sum + (row.meanMs[stage] ?? 0), 0);
  const middle = (i: number): number => (i + 0.5) * ROW[size] + (size === 'narrow' ? 9 : 0);
  const pieces = rows.flatMap((row, i) => {
    let from = 0;
    return order.map((stage) => {
      const to = from + (row.meanMs[stage] ?? 0);
      const piece = { y: middle(i), from, to, fill: paint(colourOf(stage)) };
      from = to;
      return piece;
    });
  });
  return chart(style, top + height + 44, {
    marks: [
      ...head.marks,
      ...key.marks,
      ...rows.map((row, i) =>
        label({
          x: left + width + RIGHT[size],
          y: top + middle(i),
          text: `${fixed(row.meanMs.prefill, 1)} | ${fixed(total(row), 1)}`,
          align: 'right',
          weight: 'bold',
        }),
      ),
      label({
        x: left + width + RIGHT[size],
        y: top - 6,
        text: 'warm | cold',
        align: 'right',
        fill: paint('muted'),
      }),
      panel(
        { x: left, y: top, width: width, height: height },
        {
          data: [{ name: 'pieces', values: pieces }],
          scales: [
            {
              name: 'x',
              type: 'linear',
              domain: [0, Math.max(...rows.map(total)) * 1.02],
              range: [0, width],
              zero: true,
            },
          ],
          axes: [{ scale: 'x', orient: 'bottom', tickCount: size === 'wide' ? 8 : 4 }],
          marks: [
            {
              type: 'rect',
              from: { data: 'pieces' },
              encode: {
                enter: {
                  x: { scale: 'x', field: 'from' },
                  x2: { scale: 'x', field: 'to' },
                  yc: { field: 'y' },
                  height: { value: 16 },
                  fill: { field: 'fill' },
                  stroke: { value: paint('surface') },
                  strokeWidth: { value: 0.75 },
                },
              },
            },
          ],
        },
      ),
      ...rowLabels(style, {
        ...{ names, top, left, width, height: ROW[size] },
        axis: 'mean time, ms (lower is better)',
      }),
    ],
  });
}
