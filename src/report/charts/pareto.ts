/**
 * @file Quality against latency: a panel a metric and retriever, a curve over top-k or compression ratios where there is
 * one.
 */

import type { Mark, Spec } from 'vega';
import type { RetrieverName } from '../../retrieval/kinds.js';
import type { Interval } from '../../statistics/statistics.js';
import { lookAt } from './palette.js';
import { chart, FONT_SIZE, heading, label, legend, MARGIN, panel, WIDTH, type Style } from './parts.js';
import { placeLabels } from './point-labels.js';

/** One configuration: its latency in ms and its quality in percent, with 95 % intervals. */
export interface ParetoPoint {
  readonly pipeline: string;
  /** Of the pipeline among all; its look follows from it. */
  readonly position: number;
  /** Null stands in every panel. */
  readonly retriever: RetrieverName | null;
  readonly topK: number | null;
  /** By what the text budget was divided; absent where nothing divides it. */
  readonly compressionRatio?: number;
  readonly ttft: { readonly p50: number; readonly ci95: Interval | null };
  readonly es: { readonly mean: number; readonly ci95: Interval | null };
  readonly em: { readonly mean: number; readonly ci95: Interval | null };
}

const METRICS = [
  { key: 'es', title: 'Edit similarity, %' },
  { key: 'em', title: 'Exact match, %' },
] as const;

const GUTTER = 46;
const GAP = 18;
const AXIS = 42;

/** The chart of points of at least one configuration. */
export function paretoChart(
  points: readonly ParetoPoint[],
  { title, note }: { readonly title: string; readonly note: string },
  style: Style,
): Spec {
  const { size, paint } = style;
  const found = [...new Set(points.flatMap(({ retriever }) => retriever ?? []))];
  const retrievers: readonly (RetrieverName | null)[] = found.length === 0 ? [null] : found;
  const isWide = size === 'wide';
  // One retriever: both metrics side by side. Several: a column each.
  const columns = isWide ? (retrievers.length === 1 ? METRICS.length : retrievers.length) : 1;
  const panelWidth = (WIDTH[size] - 2 * MARGIN - columns * GUTTER - (columns - 1) * GAP) / columns;
  const panelHeight = isWide ? 210 : 170;

  const head = heading(style, title, note);
  const pipelines = new Map(points.map(({ pipeline, position }) => [pipeline, lookAt(position)]));
  const key = legend(
    style,
    [...pipelines].map(([name, { colour, shape }]) => ({ name, fill: paint(colour), shape })),
    { x: MARGIN, y: head.height + 12, width: WIDTH[size] - 2 * MARGIN },
  );
  const top = head.height + key.height + 26;
  const latencies = latencyScale(points);
  const panels = METRICS.flatMap((metric) => retrievers.map((retriever) => ({ metric, retriever })));
  const marks = panels.flatMap(({ metric, retriever }, i): Mark[] => {
    const x = MARGIN + GUTTER + (i % columns) * (panelWidth + GUTTER + GAP);
    const y = top + Math.floor(i / columns) * (panelHeight + AXIS + 30);
    return metricPanel({
      points: points.filter((point) => point.retriever === retriever || point.retriever === null),
      all: points,
      metric,
      title: retriever === null ? metric.title : `${metric.title}  ·  ${retriever}`,
      latencies,
      at: { x, y, width: panelWidth, height: panelHeight },
      style,
    });
  });
  const rows = Math.ceil(panels.length / columns);
  return chart(style, top + rows * (panelHeight + AXIS + 30) - 16, {
    marks: [...head.marks, ...key.marks, ...marks],
  });
}

function metricPanel(from: {
  readonly points: readonly ParetoPoint[];
  readonly all: readonly ParetoPoint[];
  readonly metric: (typeof METRICS)[number];
  readonly title: string;
  readonly latencies: { readonly domain: readonly number[]; readonly ticks: readonly number[] };
  readonly at: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly style: Style;
}): Mark[] {
  const { points, metric, latencies, at, style } = from;
  const { paint, size } = style;
  const values = points.map((point) => ({
    pipeline: point.pipeline,
    fill: paint(lookAt(point.position).colour),
    shape: lookAt(point.position).shape,
    x: point.ttft.p50,
    x1: point.ttft.ci95?.[0] ?? point.ttft.p50,
    x2: point.ttft.ci95?.[1] ?? point.ttft.p50,
    y: point[metric.key].mean,
    y1: point[metric.key].ci95?.[0] ?? point[metric.key].mean,
    y2: point[metric.key].ci95?.[1] ?? point[metric.key].mean,
    k: point.topK,
    ratio: point.compressionRatio ?? null,
  }));
  // With compression ratios there is a curve over them for each top-k, from the shortest text on.
  const curveOf = ({ pipeline, topK, compressionRatio }: ParetoPoint): string =>
    compressionRatio === undefined ? pipeline : `${pipeline} at ${topK}`;
  const curves = [...new Map(points.map((point) => [curveOf(point), lookAt(point.position)]))]
    .map(([pipeline, look]) => ({
      ...{ pipeline, look },
      values: values
        .filter((_, i) => curveOf(points[i]!) === pipeline)
        .sort((a, b) => (b.ratio ?? 0) - (a.ratio ?? 0) || (a.k ?? 0) - (b.k ?? 0)),
    }))
    .filter((curve) => curve.values.length > 1);
  const ends = from.all.flatMap((point) => [
    point[metric.key].ci95?.[0] ?? point[metric.key].mean,
    point[metric.key].ci95?.[1] ?? point[metric.key].mean,
  ]);
  const quality = padded(Math.min(...ends), Math.max(...ends));
  const scaled = (axis: 'x' | 'y', field: string) => ({ scale: axis, field });
  const pixels = ({ x, y }: { readonly x: number; readonly y: number }) => ({
    x:
      (at.width * Math.log(x / latencies.domain[0]!)) / Math.log(latencies.domain[1]! / latencies.domain[0]!),
    y: (at.height * (quality[1] - y)) / (quality[1] - quality[0]),
  });
  // Of each curve the first and the last point are named, once, where there is room. Those between follow from the line.
  const named = placeLabels(
    (metric.key === 'es' ? curves : []).flatMap(({ look, values: along }) =>
      [along[0]!, along.at(-1)!].map((point) => ({
        ...{ ...pixels(point), fill: point.fill, side: look.labelSide },
        text: point.ratio === null ? `k=${point.k}` : `${point.ratio}x`,
      })),
    ),
    values.map(pixels),
    { width: at.width, height: at.height, fontSize: FONT_SIZE[size] - 2 },
  );
  return [
    label({ x: at.x, y: at.y - 12, text: from.title, weight: 'bold' }),
    label({
      x: at.x + at.width / 2,
      y: at.y + at.height + 32,
      text: 'TTFT p50, ms, log scale',
      align: 'center',
      fill: paint('muted'),
    }),
    panel(at, {
      data: [
        { name: 'points', values },
        { name: 'named', values: named },
        ...curves.map((curve) => ({ name: curve.pipeline, values: curve.values })),
      ],
      scales: [
        { name: 'x', type: 'log', domain: [...latencies.domain], range: [0, at.width] },
        { name: 'y', type: 'linear', domain: [...quality], range: [at.height, 0], zero: false },
      ],
      axes: [
        // In a narrow panel the ticks of a decade stand closer than their labels are wide.
        { scale: 'x', orient: 'bottom', values: [...latencies.ticks], format: '~r', labelOverlap: 'greedy' },
        { scale: 'y', orient: 'left', tickCount: 5 },
      ],
      marks: [
        {
          type: 'text',
          encode: {
            enter: {
              x: { value: 6 },
              y: { value: 10 },
              text: { value: '↖ better' },
              baseline: { value: 'middle' },
              fill: { value: paint('muted') },
              fontSize: { value: FONT_SIZE[size] - 1 },
            },
          },
        },
        ...(['x', 'y'] as const).map((axis): Mark => {
          const other = axis === 'x' ? 'y' : 'x';
          return {
            type: 'rule',
            from: { data: 'points' },
            encode: {
              enter: {
                [axis]: scaled(axis, `${axis}1`),
                [`${axis}2`]: scaled(axis, `${axis}2`),
                [other]: scaled(other, other),
                stroke: { field: 'fill' },
                strokeWidth: { value: 1.5 },
                strokeOpacity: { value: curves.length > 0 ? 0.3 : 0.55 },
              },
            },
          };
        }),
        ...curves.map(({ pipeline, look }): Mark => ({
          type: 'line',
          from: { data: pipeline },
          encode: {
            enter: {
              x: scaled('x', 'x'),
              y: scaled('y', 'y'),
              stroke: { value: paint(look.colour) },
              strokeWidth: { value: 2 },
              strokeDash: { value: [...look.dash] },
            },
          },
        })),
        {
          type: 'symbol',
          from: { data: 'points' },
          encode: {
            enter: {
              x: scaled('x', 'x'),
              y: scaled('y', 'y'),
              shape: { field: 'shape' },
              fill: { field: 'fill' },
              stroke: { value: paint('surface') },
              strokeWidth: { value: 1 },
              size: { value: 90 },
            },
          },
        },
        {
          type: 'text',
          from: { data: 'named' },
          encode: {
            enter: {
              x: { field: 'x' },
              y: { field: 'y' },
              dx: { field: 'dx' },
              dy: { field: 'dy' },
              align: { field: 'align' },
              baseline: { value: 'middle' },
              text: { field: 'text' },
              fontSize: { value: FONT_SIZE[size] - 2 },
              fontWeight: { value: 'bold' },
              fill: { field: 'fill' },
            },
          },
        },
      ],
    }),
  ];
}

/** A domain around all latencies, and ticks at 1, 2 and 5 times powers of ten within it. */
export function latencyScale(points: readonly Pick<ParetoPoint, 'ttft'>[]): {
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
} {
  const ends = points.flatMap(({ ttft }) => [
    ttft.ci95?.[0] ?? ttft.p50,
    ttft.p50,
    ttft.ci95?.[1] ?? ttft.p50,
  ]);
  return logScale(Math.min(...ends), Math.max(...ends));
}

/** The same for a lowest and a highest value above zero. */
export function logScale(
  lowest: number,
  highest: number,
): { readonly domain: readonly [number, number]; readonly ticks: readonly number[] } {
  const domain: [number, number] = [lowest / 1.15, highest * 1.15];
  for (const steps of [
    [1, 2, 5],
    [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9],
  ]) {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(domain[0])); power <= Math.ceil(Math.log10(domain[1])); power++) {
      for (const step of steps) {
        const tick = Number((step * 10 ** power).toPrecision(2));
        if (tick >= domain[0] && tick <= domain[1]) ticks.push(tick);
      }
    }
    if (ticks.length >= 3) return { domain, ticks };
  }
  return { domain, ticks: [lowest, highest].map((end) => Number(end.toPrecision(3))) };
}

/** Some room on both sides, but no percentages below 0 or above 100. */
function padded(low: number, high: number): readonly [number, number] {
  const room = Math.max((high - low) * 0.12, 0.5);
  return [Math.max(0, low - room), Math.min(100, high + room)];
}
