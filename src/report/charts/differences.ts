/**
 * @file Paired differences with their intervals, one row a comparison, grouped by retriever: a forest plot.
 */

import type { Mark, Spec } from 'vega';
import { lookAt } from './palette.js';
import { chart, FONT_SIZE, gutter, heading, label, MARGIN, panel, WIDTH, type Style } from './parts.js';

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
  /** Where nothing differs: 0 for points, 0 for a change in percent. */
  readonly better: 'higher' | 'lower';
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

  const marks = panels.flatMap(({ title: panelTitle, better }, p): Mark[] => {
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
    const ends = values.flatMap(({ low, high, value }) => [low, high, value]);
    const reach = Math.max(...ends.map(Math.abs), 0.5) * 1.12;
    const low = ends.every((end) => end >= 0) ? -reach * 0.15 : -reach;
    const high = ends.every((end) => end <= 0) ? reach * 0.15 : reach;
    const named = isWide && p > 0 ? [] : places;
    return [
      label({ x, y: y - 14, text: panelTitle, weight: 'bold' }),
      ...(isWide && p > 0
        ? []
        : groups.map(({ title: name }, g) =>
            label({
              x: isWide ? left - 12 : x,
              y: y + groupTops[g]! + GROUP / 2,
              text: name,
              align: isWide ? 'right' : 'left',
              weight: 'bold',
            }),
          )),
      ...named.map(({ group, row, y: at }) =>
        label({
          x: isWide ? left - 12 : x,
          y: y + at - (isWide ? 0 : 10),
          text: groups[group]!.rows[row]!.name,
          align: isWide ? 'right' : 'left',
          fill: isWide ? paint('ink') : paint('muted'),
        }),
      ),
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
          data: [{ name: 'points', values }],
          scales: [{ name: 'x', type: 'linear', domain: [low, high], range: [0, width], zero: false }],
          axes: [
            {
              scale: 'x',
              orient: 'bottom',
              tickCount: 4,
              encode: {
                labels: {
                  update: { text: { signal: "datum.value === 0 ? '0' : format(datum.value, '+~r')" } },
                },
              },
            },
          ],
          marks: [
            {
              type: 'rule',
              encode: {
                enter: {
                  x: { scale: 'x', value: 0 },
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
    ];
  });
  return chart(style, top + (isWide ? blockHeight : panels.length * blockHeight), {
    marks: [...head.marks, ...marks],
  });
}
