/**
 * @file Paired differences with their intervals, one row a comparison, grouped by retriever: a forest plot.
 */

import type { Mark, Spec } from 'vega';
import { lookAt } from './palette.js';
import {
  chart,
  clearLabel,
  FONT_SIZE,
  gutter,
  heading,
  label,
  MARGIN,
  panel,
  WIDTH,
  type Style,
} from './parts.js';

export interface DifferencePoint {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Whether the difference is shown; drawn filled then, and hollow otherwise. */
  readonly isShown: boolean;
}

/** One comparison: a point per panel, null where there is none. */
export interface DifferenceRow {
  /** Of the compared pipeline among all; its look follows from it. */
  readonly position: number;
  readonly name: string;
  readonly points: readonly (DifferencePoint | null)[];
}

export interface DifferenceGroup {
  readonly title: string;
  readonly rows: readonly DifferenceRow[];
}

export interface DifferencePanel {
  readonly title: string;
  readonly better: 'higher' | 'lower';
  /**
   * `change` for changes in percent of something above 0, which fall by less than 100 % and rise without bound: their
   * axis is a logarithm, so that a half and a double are equally far from no change. Default: `points`, as they are.
   */
  readonly scale?: 'points' | 'change';
}

const ROW = 26;
const GROUP = 28;
const GUTTER = { wide: 210, narrow: 8 } as const;

/** The chart of at least one row and one panel. */
export function differencesChart(
  groups: readonly DifferenceGroup[],
  panels: readonly DifferencePanel[],
  { title, note }: { readonly title: string; readonly note: string },
  style: Style,
): Spec {
  const { size, paint } = style;
  const isWide = size === 'wide';
  const head = heading(style, title, note);
  const names = groups.flatMap((group) => group.rows.map(({ name }) => name));
  const left = MARGIN + gutter(size, GUTTER, names);
  const gap = 26;
  const columns = isWide ? panels.length : 1;
  const width = (WIDTH[size] - left - MARGIN - (columns - 1) * gap) / columns;
  const rowHeight = isWide ? ROW : ROW + 14;
  const places: { group: number; row: number; y: number }[] = [];
  const groupTops: number[] = [];
  let bodyHeight = 0;
  for (const [group, { rows }] of groups.entries()) {
    groupTops.push(bodyHeight);
    bodyHeight += GROUP;
    for (const row of rows.keys()) {
      places.push({ group, row, y: bodyHeight + rowHeight / 2 });
      bodyHeight += rowHeight;
    }
  }
  const blockHeight = bodyHeight + 74;
  const top = head.height + 10;

  const marks = panels.flatMap(({ title: panelTitle, better, scale = 'points' }, p): Mark[] => {
    const x = left + (isWide ? p * (width + gap) : 0);
    const y = top + (isWide ? 0 : p * blockHeight) + 26;
    const values = places.flatMap(({ group, row, y: at }) => {
      const { points, position } = groups[group]!.rows[row]!;
      const point = points[p];
      if (point === null || point === undefined) return [];
      const { colour, shape } = lookAt(position);
      const fill = paint(colour);
      return [
        {
          ...point,
          y: at + (isWide ? 0 : 8),
          stroke: fill,
          fill: point.isShown ? fill : paint('surface'),
          shape,
        },
      ];
    });
    const axis = axisOf(
      scale,
      values.flatMap(({ low, high, value }) => [low, high, value]),
    );
    const drawn = values.map(({ low, high, value, ...rest }) => ({
      ...rest,
      ...{ low: axis.place(low), high: axis.place(high), value: axis.place(value) },
    }));
    const named = isWide && p > 0 ? [] : places;
    return [
      label({ x, y: y - 14, text: panelTitle, weight: 'bold' }),
      label({
        x: x + width / 2,
        y: y + bodyHeight + 32,
        text: better === 'higher' ? 'worse ←  → better' : 'better ←  → worse',
        align: 'center',
        fill: paint('muted'),
        fontSize: FONT_SIZE[size] - 1,
      }),
      panel(
        { x: x, y: y, width: width, height: bodyHeight },
        {
          data: [{ name: 'points', values: drawn }],
          scales: [{ name: 'x', type: axis.type, domain: [...axis.domain], range: [0, width], zero: false }],
          axes: [
            {
              scale: 'x',
              orient: 'bottom',
              ...axis.ticks,
              labelOverlap: 'greedy',
              encode: { labels: { update: { text: { signal: axis.label } } } },
            },
          ],
          marks: [
            {
              type: 'rule',
              encode: {
                enter: {
                  x: { scale: 'x', value: axis.place(0) },
                  y: { value: 0 },
                  y2: { value: bodyHeight },
                  stroke: { value: paint('ink') },
                  strokeWidth: { value: 1.25 },
                },
              },
            },
            {
              type: 'rule',
              from: { data: 'points' },
              encode: {
                enter: {
                  x: { scale: 'x', field: 'low' },
                  x2: { scale: 'x', field: 'high' },
                  y: { field: 'y' },
                  stroke: { field: 'stroke' },
                  strokeWidth: { value: 2 },
                },
              },
            },
            {
              type: 'symbol',
              from: { data: 'points' },
              encode: {
                enter: {
                  x: { scale: 'x', field: 'value' },
                  y: { field: 'y' },
                  shape: { field: 'shape' },
                  size: { value: 80 },
                  fill: { field: 'fill' },
                  stroke: { field: 'stroke' },
                  strokeWidth: { value: 2 },
                },
              },
            },
          ],
        },
      ),
      // After the panel, whose grid lines would cross the names of a narrow chart.
      ...(isWide && p > 0
        ? []
        : groups.flatMap(({ title: name }, g) => {
            const at = y + groupTops[g]! + GROUP / 2;
            return isWide
              ? [label({ x: left - 12, y: at, text: name, align: 'right', weight: 'bold' })]
              : clearLabel(style, { x, y: at, text: name, weight: 'bold' });
          })),
      ...named.flatMap(({ group, row, y: at }) => {
        const text = groups[group]!.rows[row]!.name;
        return isWide
          ? [label({ x: left - 12, y: y + at, text, align: 'right', fill: paint('ink') })]
          : clearLabel(style, { x, y: y + at - 10, text, fill: paint('muted') });
      }),
    ];
  });
  return chart(style, top + (isWide ? blockHeight : panels.length * blockHeight), {
    marks: [...head.marks, ...marks],
  });
}

/** How a panel places values. */
interface Axis {
  readonly type: 'linear' | 'log';
  readonly domain: readonly [number, number];
  /** Where a value stands in the domain. */
  readonly place: (value: number) => number;
  readonly ticks: { readonly tickCount: number } | { readonly values: number[] };
  /** Vega's expression for the text of a tick. */
  readonly label: string;
}

/** Where nothing differs at all there is still an axis: a hundredth, of points, of nats or of a time. */
const LEAST_REACH = 0.01;

/** Room for all ends, and little of it on the side where nothing lies. */
function axisOf(scale: 'points' | 'change', ends: readonly number[]): Axis {
  const isChange = scale === 'change';
  const place = isChange
    ? (percent: number): number => 1 + percent / 100
    : (points: number): number => points;
  const length = isChange ? (percent: number): number => Math.log(place(percent)) : place;
  const reach = Math.max(...ends.map((end) => Math.abs(length(end))), LEAST_REACH) * 1.12;
  const low = ends.every((end) => end >= 0) ? -reach * 0.15 : -reach;
  const high = ends.every((end) => end <= 0) ? reach * 0.15 : reach;
  if (!isChange) {
    return {
      ...{ type: 'linear', domain: [low, high], place, ticks: { tickCount: 4 } },
      label: "datum.value === 0 ? '0' : format(datum.value, '+~r')",
    };
  }
  const domain = [Math.exp(low), Math.exp(high)] as const;
  return {
    ...{ type: 'log', domain, place, ticks: { values: changeTicks(domain) } },
    // Rounded to whole percents, a fall by 99.6 % would be one by all.
    label: "datum.value === 1 ? '0' : format((datum.value - 1) * 100, datum.value < 0.01 ? '+.1f' : '+.0f')",
  };
}

/** Ratios at which a change has a tick, coarse ones first: quarters and fourfolds, halves and doubles, then steps. */
const TICK_LISTS: readonly (readonly number[])[] = [
  [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5].map((power) => 4 ** power),
  [-10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((power) => 2 ** power),
  ...[25, 10, 5, 2, 1].map((step) =>
    Array.from({ length: Math.floor(180 / step) }, (_, i) => 1 + ((i + 1) * step - 90 + (90 % step)) / 100),
  ),
];

/** The coarsest ticks of which three are in the domain; the finest there are where none has so many. */
function changeTicks([low, high]: readonly [number, number]): number[] {
  const inside = TICK_LISTS.map((list) => list.filter((tick) => tick >= low && tick <= high));
  return inside.find((ticks) => ticks.length >= 3) ?? inside.at(-1)!;
}
