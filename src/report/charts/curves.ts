/**
 * @file Curves of a training: panels of lines over the samples seen, with intervals.
 */

import type { Mark, Spec } from 'vega';
import { FILE_PAINT, SLOTS } from './palette.js';
import { chart, heading, label, legend, MARGIN, panel, WIDTH, type Style } from './parts.js';

export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  /** Null where the point has no interval. */
  readonly interval: readonly [low: number, high: number] | null;
}

export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** Lines that share axes. */
export interface CurvePanel {
  readonly title: string;
  /** What the vertical axis measures. */
  readonly unit: string;
  /** Whether a line stands at 0. */
  readonly hasZero: boolean;
  readonly curves: readonly Curve[];
}

export interface CurvesInput {
  readonly title: string;
  readonly note: string;
  /** What the horizontal axis counts. */
  readonly along: string;
  readonly panels: readonly CurvePanel[];
}

const PANEL_HEIGHT = 190;
/** Room for the numbers left of a panel. */
const LEFT = 62;
/** Between the end of a panel and the next title: axis and its name. */
const BELOW = 62;

/** The chart as a file. Vega is loaded here, at first use. */
export async function drawCurves(input: CurvesInput): Promise<string> {
  const { draw, svgFile } = await import('./vega.js');
  return svgFile(await draw(curvesChart(input, { size: 'wide', paint: FILE_PAINT }), input.title));
}

/** Panels below each other. */
export function curvesChart({ title, note, along, panels }: CurvesInput, style: Style): Spec {
  const { size, paint } = style;
  const head = heading(style, title, note);
  const x = MARGIN + LEFT;
  const width = WIDTH[size] - x - MARGIN;
  let top = head.height + 14;
  const marks = panels.flatMap((one): Mark[] => {
    const at = top;
    const names = one.curves.map(({ name }, i) => ({ name, fill: paint(slotOf(i)), shape: 'circle' }));
    const key = legend(style, names, { x, y: at + 22, width });
    const y = at + 22 + key.height + 6;
    top = y + PANEL_HEIGHT + BELOW;
    return [
      label({ x, y: at, text: `${one.title}, ${one.unit}`, weight: 'bold' }),
      ...key.marks,
      drawnPanel(one, { x, y, width }, style),
      label({
        ...{ x: x + width / 2, y: y + PANEL_HEIGHT + 34, text: along },
        ...{ align: 'center', fill: paint('muted') },
      }),
    ];
  });
  return chart(style, top, { marks: [...head.marks, ...marks] });
}

function slotOf(i: number): (typeof SLOTS)[number] {
  // The first colour is the grey of the plain base.
  return SLOTS[(i + 1) % SLOTS.length]!;
}

function drawnPanel(
  { curves, hasZero }: CurvePanel,
  place: { readonly x: number; readonly y: number; readonly width: number },
  { paint }: Style,
): Mark {
  const points = curves.flatMap((curve) => curve.points);
  const ends = points.flatMap(({ y, interval }) => [y, ...(interval ?? [])]);
  const values = curves.flatMap((curve, i) =>
    curve.points.map(({ x, y, interval }) => ({
      ...{ x, y, low: interval?.[0] ?? y, high: interval?.[1] ?? y, curve: i, colour: paint(slotOf(i)) },
    })),
  );
  const at = { x: { scale: 'x', field: 'x' }, stroke: { field: 'colour' } };
  return panel(
    { ...place, height: PANEL_HEIGHT },
    {
      data: [{ name: 'points', values }],
      scales: [
        {
          name: 'x',
          type: 'linear',
          domain: domainOf(
            points.map((point) => point.x),
            true,
          ),
          range: [0, place.width],
          zero: false,
        },
        {
          name: 'y',
          type: 'linear',
          domain: domainOf(ends, hasZero),
          range: [PANEL_HEIGHT, 0],
          zero: false,
          nice: true,
        },
      ],
      axes: [
        { scale: 'x', orient: 'bottom', tickCount: 6, grid: false },
        { scale: 'y', orient: 'left', tickCount: 5 },
      ],
      marks: [
        ...(hasZero ? [zeroLine(place.width, paint('ink'))] : []),
        {
          type: 'rule',
          from: { data: 'points' },
          encode: {
            enter: {
              ...at,
              ...{ y: { scale: 'y', field: 'low' }, y2: { scale: 'y', field: 'high' } },
              ...{ strokeWidth: { value: 1.5 }, strokeOpacity: { value: 0.5 } },
            },
          },
        },
        {
          type: 'group',
          from: { facet: { name: 'lines', data: 'points', groupby: 'curve' } },
          marks: [
            {
              type: 'line',
              from: { data: 'lines' },
              encode: { enter: { ...at, y: { scale: 'y', field: 'y' }, strokeWidth: { value: 2 } } },
            },
          ],
        },
        {
          type: 'symbol',
          from: { data: 'points' },
          encode: {
            enter: {
              ...at,
              ...{ y: { scale: 'y', field: 'y' }, fill: { field: 'colour' }, size: { value: 26 } },
            },
          },
        },
      ],
    },
  );
}

function zeroLine(width: number, stroke: string): Mark {
  return {
    type: 'rule',
    encode: {
      enter: {
        ...{ x: { value: 0 }, x2: { value: width }, y: { scale: 'y', value: 0 } },
        ...{ stroke: { value: stroke }, strokeWidth: { value: 1.25 } },
      },
    },
  };
}

/** Both ends, with room where all values are one. */
function domainOf(values: readonly number[], withZero: boolean): [number, number] {
  const all = withZero ? [...values, 0] : values;
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
