/**
 * @file Values along an axis, a line a series and an interval at each point: what a dose does, or how something is spread.
 */

import type { Mark, Spec } from 'vega';
import { lookAt } from './palette.js';
import { chart, FONT_SIZE, heading, label, legend, MARGIN, panel, WIDTH, type Style } from './parts.js';

export interface LinePoint {
  readonly x: number;
  readonly y: number;
  /** Ends of an interval; equal to `y` where there is none. */
  readonly low: number;
  readonly high: number;
}

export interface LineSeries {
  readonly name: string;
  /** Its look among the looks of all charts (`palette.ts`). */
  readonly position: number;
  /** Ascending x; at least one. */
  readonly points: readonly LinePoint[];
}

/** One panel; panels stand beside each other, or below each other in a narrow chart. */
export interface LinePanel {
  readonly title: string;
  /** What the x axis is, with its unit. */
  readonly axis: string;
  /** What the y axis counts in, for its ticks; `format` of d3. */
  readonly format: string;
  /** Whether the y axis reaches 0, which has a line of its own where values lie below it. */
  readonly hasZero: boolean;
  readonly series: readonly LineSeries[];
}

const HEIGHT = 190;
const GAP = 40;
const TICKS = 56;
const MOST_SYMBOLS = 12;

/** The chart of at least one panel. */
export function linesChart(
  panels: readonly LinePanel[],
  { title, note }: { readonly title: string; readonly note: string },
  style: Style,
): Spec {
  const { size, paint } = style;
  const isWide = size === 'wide';
  const head = heading(style, title, note);
  const named = new Map(panels.flatMap(({ series }) => series.map((one) => [one.name, one] as const)));
  const entries = [...named.values()].map(({ name, position }) => {
    const { colour, shape } = lookAt(position);
    return { name, fill: paint(colour), shape };
  });
  const key = legend(style, entries, { x: MARGIN, y: head.height + 12, width: WIDTH[size] - 2 * MARGIN });
  const columns = isWide ? panels.length : 1;
  const width = (WIDTH[size] - 2 * MARGIN - columns * TICKS - (columns - 1) * GAP) / columns;
  const top = head.height + key.height + 34;
  const block = HEIGHT + 76;
  const marks = panels.flatMap((one, p): Mark[] => {
    const x = MARGIN + TICKS + (isWide ? p * (width + TICKS + GAP) : 0);
    const y = top + (isWide ? 0 : p * block);
    return [
      label({ x, y: y - 16, text: one.title, weight: 'bold' }),
      linePanel(one, { x, y, width }, style),
      label({
        ...{ x: x + width / 2, y: y + HEIGHT + 32, text: one.axis, align: 'center' },
        ...{ fill: paint('muted'), fontSize: FONT_SIZE[size] - 1 },
      }),
    ];
  });
  return chart(style, top + (isWide ? block : panels.length * block) - 20, {
    marks: [...head.marks, ...key.marks, ...marks],
  });
}

function linePanel(
  { series, format, hasZero }: LinePanel,
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
  { paint }: Style,
): Mark {
  const points = series.flatMap(({ position, points: of }, s) => {
    const { colour, shape } = lookAt(position);
    return of.map((point) => ({ ...point, series: s, fill: paint(colour), shape }));
  });
  const values = points.flatMap(({ low, high, y: value }) => [low, high, value]);
  const ends = hasZero ? [...values, 0] : values;
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const room = (most - least || 1) * 0.06;
  const xs = points.map((point) => point.x);
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const at = (field: string): { scale: string; field: string } => ({ scale: 'y', field });
  const hasSymbols = series.every(({ points: of }) => of.length <= MOST_SYMBOLS);
  return panel(
    { x, y, width, height: HEIGHT },
    {
      data: [
        { name: 'points', values: points },
        ...series.map((_, s) => ({ name: `series-${s}`, values: points.filter((one) => one.series === s) })),
      ],
      scales: [
        {
          name: 'x',
          type: 'linear',
          // A single place has the axis to itself.
          domain: first === last ? [first - 0.5, last + 0.5] : [first, last],
          range: [0, width],
          zero: false,
        },
        {
          name: 'y',
          type: 'linear',
          domain: [hasZero && least === 0 ? 0 : least - room, most + room],
          range: [HEIGHT, 0],
          zero: false,
        },
      ],
      axes: [
        { scale: 'x', orient: 'bottom', tickCount: 5, format: '~r', labelOverlap: 'greedy' },
        { scale: 'y', orient: 'left', tickCount: 4, format },
      ],
      marks: [
        ...(hasZero && least < 0 ? [zeroLine(width, paint('ink'))] : []),
        ...series.map(({ position }, s): Mark => {
          const { colour, dash } = lookAt(position);
          return {
            type: 'line',
            from: { data: `series-${s}` },
            encode: {
              enter: {
                x: { scale: 'x', field: 'x' },
                y: at('y'),
                stroke: { value: paint(colour) },
                strokeWidth: { value: 2 },
                strokeDash: { value: [...dash] },
              },
            },
          };
        }),
        {
          type: 'rule',
          from: { data: 'points' },
          encode: {
            enter: {
              x: { scale: 'x', field: 'x' },
              y: at('low'),
              y2: at('high'),
              stroke: { field: 'fill' },
              strokeWidth: { value: 1.5 },
            },
          },
        },
        ...(hasSymbols ? [symbols(at('y'))] : []),
      ],
    },
  );
}

function zeroLine(width: number, stroke: string): Mark {
  return {
    type: 'rule',
    encode: {
      enter: {
        x: { value: 0 },
        x2: { value: width },
        y: { scale: 'y', value: 0 },
        stroke: { value: stroke },
      },
    },
  };
}

function symbols(y: { readonly scale: string; readonly field: string }): Mark {
  return {
    type: 'symbol',
    from: { data: 'points' },
    encode: {
      enter: {
        x: { scale: 'x', field: 'x' },
        y,
        shape: { field: 'shape' },
        size: { value: 60 },
        fill: { field: 'fill' },
      },
    },
  };
}
