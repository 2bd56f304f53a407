/**
 * @file Every chart of a report, from its numbers to its SVGs.
 */

import type { Spec } from 'vega';
import { differencesChart, type DifferenceGroup, type DifferencePanel } from './differences.js';
import { linesChart, type LinePanel } from './lines.js';
import { latencyChart, type LatencyRow } from './latency.js';
import { FILE_PAINT, PAGE_PAINT } from './palette.js';
import { paretoChart, type ParetoPoint } from './pareto.js';
import type { Style } from './parts.js';
import { stagesChart, type StageRow } from './stages.js';

/** Names of the files of a run, without their extension. */
export const CHART_IDS = ['pareto', 'ttft', 'stages', 'retrievers', 'likelihood'] as const;
/** Those of a probe. */
export const PROBE_CHART_IDS = ['cosines', 'interpolation', 'noise', 'identifiers'] as const;

interface Named {
  /** The last one is that of a training. */
  readonly id: (typeof CHART_IDS | typeof PROBE_CHART_IDS)[number] | 'curves';
  /** What the chart shows, as a claim. */
  readonly title: string;
  /** How to read it. */
  readonly note: string;
}

export type ChartInput = Named &
  (
    | { readonly kind: 'pareto'; readonly points: readonly ParetoPoint[] }
    | { readonly kind: 'latency'; readonly rows: readonly LatencyRow[] }
    | { readonly kind: 'stages'; readonly rows: readonly StageRow[] }
    | { readonly kind: 'lines'; readonly panels: readonly LinePanel[] }
    | {
        readonly kind: 'differences';
        readonly groups: readonly DifferenceGroup[];
        readonly panels: readonly DifferencePanel[];
      }
  );

/** A chart drawn for the places it goes to. */
export interface DrawnChart {
  readonly id: Named['id'];
  readonly title: string;
  /** A file of its own. */
  readonly file: string;
  /** Elements for the page, in its colours. */
  readonly wide: string;
  readonly narrow: string;
}

/** Draws all charts; Vega is loaded here, at first use. */
export async function drawCharts(inputs: readonly ChartInput[]): Promise<DrawnChart[]> {
  if (inputs.length === 0) return [];
  const { draw, svgFile } = await import('./vega.js');
  const drawn: DrawnChart[] = [];
  for (const input of inputs) {
    const { id, title } = input;
    const [file, wide, narrow] = await Promise.all([
      draw(specification(input, { size: 'wide', paint: FILE_PAINT }), title),
      draw(specification(input, { size: 'wide', paint: PAGE_PAINT }), title),
      draw(specification(input, { size: 'narrow', paint: PAGE_PAINT }), title),
    ]);
    drawn.push({ id, title, file: svgFile(file), wide: wide.element, narrow: narrow.element });
  }
  return drawn;
}

function specification(input: ChartInput, style: Style): Spec {
  switch (input.kind) {
    case 'pareto':
      return paretoChart(input.points, input, style);
    case 'latency':
      return latencyChart(input.rows, input, style);
    case 'stages':
      return stagesChart(input.rows, input, style);
    case 'lines':
      return linesChart(input.panels, input, style);
    case 'differences':
      return differencesChart(input.groups, input.panels, input, style);
  }
}
