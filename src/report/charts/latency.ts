/**
 * @file How TTFT is distributed, one row a configuration: every task a dot where they are few, the middle half
 * a box, the median a line with its number.
 */

import type { Mark, Spec } from 'vega';
import { quantile, SAMPLES_FOR } from '../../statistics/statistics.js';
import { fixed } from '../format.js';
import {
  chart,
  FONT_SIZE,
  gutter,
  heading,
  label,
  MARGIN,
  panel,
  rowLabels,
  WIDTH,
  type Style,
} from './parts.js';
import { lookAt } from './palette.js';
import { logScale } from './pareto.js';

/** One configuration and its TTFT in ms, one a scored task; at least one. */
export interface LatencyRow {
  /** Of its pipeline among all; its look follows from it. */
  readonly position: number;
  readonly name: string;
  readonly ttftMs: readonly number[];
}

/** Above this, dots would be a smear. */
const MOST_DOTS = 400;

const ROW = { wide: 36, narrow: 48 } as const;
const GUTTER = { wide: 190, narrow: 8 } as const;
const RIGHT = 60;

/** The chart of at least one row. */
export function latencyChart(
  rows: readonly LatencyRow[],
  { title, note }: { readonly title: string; readonly note: string },
  style: Style,
): Spec {
  const { size, paint } = style;
  const head = heading(style, title, note);
  const names = rows.map(({ name }) => name);
  const left = MARGIN + gutter(size, GUTTER, names);
  const width = WIDTH[size] - left - RIGHT - MARGIN;
  const top = head.height + 12;
  const height = rows.length * ROW[size];
  const all = rows.flatMap(({ ttftMs }) => ttftMs.map(positive));
  // Not spread into arguments: a large run has more values than a call may have.
  const scale = logScale(
    all.reduce((a, b) => Math.min(a, b)),
    all.reduce((a, b) => Math.max(a, b)),
  );

  const boxes = rows.map(({ position, ttftMs }, i) => {
    const at = (q: number): number => positive(quantile(ttftMs, q)!);
    const isTailKnown = ttftMs.length >= SAMPLES_FOR.p90;
    return {
      y: (i + 0.5) * ROW[size] + (size === 'narrow' ? 9 : 0),
      fill: paint(lookAt(position).colour),
      p10: at(isTailKnown ? 0.1 : 0.25),
      p25: at(0.25),
      p50: at(0.5),
      p75: at(0.75),
      p90: at(isTailKnown ? 0.9 : 0.75),
      text: fixed(at(0.5), 1),
    };
  });
  const dots = rows.flatMap(({ ttftMs }, i) =>
    ttftMs.length > MOST_DOTS
      ? []
      : ttftMs.map((value, j) => ({
          x: positive(value),
          // Spread over the row by the fractional part of multiples of the golden ratio: even, not random.
          y: boxes[i]!.y + (((j * 0.618_033_988_75) % 1) - 0.5) * 16,
          fill: boxes[i]!.fill,
        })),
  );
  const span = (from: string, to: string, thickness: number, opacity: number): Mark => ({
    type: 'rect',
    from: { data: 'boxes' },
    encode: {
      enter: {
        x: { scale: 'x', field: from },
        x2: { scale: 'x', field: to },
        yc: { field: 'y' },
        height: { value: thickness },
        fill: { field: 'fill' },
        fillOpacity: { value: opacity },
      },
    },
  });
  return chart(style, top + height + 44, {
    marks: [
      ...head.marks,
      panel(
        { x: left, y: top, width: width, height: height },
        {
          data: [
            { name: 'boxes', values: boxes },
            { name: 'dots', values: dots },
          ],
          scales: [{ name: 'x', type: 'log', domain: [...scale.domain], range: [0, width] }],
          axes: [{ scale: 'x', orient: 'bottom', values: [...scale.ticks], format: '~r' }],
          marks: [
            {
              type: 'symbol',
              from: { data: 'dots' },
              encode: {
                enter: {
                  x: { scale: 'x', field: 'x' },
                  y: { field: 'y' },
                  size: { value: 9 },
                  fill: { field: 'fill' },
                  fillOpacity: { value: 0.4 },
                },
              },
            },
            span('p10', 'p90', 1.5, 0.9),
            span('p25', 'p75', 16, 0.35),
            {
              type: 'rect',
              from: { data: 'boxes' },
              encode: {
                enter: {
                  xc: { scale: 'x', field: 'p50' },
                  width: { value: 3 },
                  yc: { field: 'y' },
                  height: { value: 20 },
                  fill: { field: 'fill' },
                },
              },
            },
            {
              type: 'text',
              from: { data: 'boxes' },
              encode: {
                enter: {
                  x: { value: width + RIGHT },
                  y: { field: 'y' },
                  text: { field: 'text' },
                  align: { value: 'right' },
                  baseline: { value: 'middle' },
                  fontWeight: { value: 'bold' },
                  fontSize: { value: FONT_SIZE[size] },
                },
              },
            },
          ],
        },
      ),
      ...rowLabels(style, {
        ...{ names, top, left, width, height: ROW[size] },
        axis: 'TTFT, ms, log scale (lower is better)',
      }),
      label({ x: left + width + RIGHT, y: top - 4, text: 'median', align: 'right', fill: paint('muted') }),
    ],
  });
}

/** A clock that ticks in coarse steps can say 0; a log axis cannot show it. */
function positive(value: number): number {
  return Math.max(value, 0.001);
}
