/**
 * @file A Vega specification to an SVG; the one home of Vega.
 *
 * The same specification gives the same bytes: text is measured by Vega's own estimate, not by a canvas that
 * may or may not be installed, layout is fixed by the specification, and coordinates have two decimals.
 */

import { parse, textMetrics, View, type Spec } from 'vega';
import { darkRules, FILE_PAINT } from './palette.js';

/** A drawn chart, for two places. */
export interface Svg {
  readonly width: number;
  readonly height: number;
  /** The element, without a background of its own. */
  readonly element: string;
}

/**
 * Draws a chart.
 *
 * @param title What the chart shows, for those who do not see it.
 */
export async function draw(spec: Spec, title: string): Promise<Svg> {
  textMetrics.canvas(false);
  const view = new View(parse(spec), { renderer: 'none' });
  const drawn = await view.toSVG();
  view.finalize();
  const width = Number(spec.width);
  const height = Number(spec.height);
  const inner = drawn
    .replace(/^<svg[^>]*>/, '')
    .replace(/<\/svg>$/, '')
    // The chart is one image with one label; Vega's roles for its parts would be read out one by one.
    .replace(/ (?:class|role|aria-[a-z]+|pointer-events)="[^"]*"/g, '')
    .replace(/<path d="[^"]*"(?: display="none")?\/>(?=<)/g, (path) => (isInvisible(path) ? '' : path))
    .replace(/ (d|transform|x2|y2|x|y|width|height)="([^"]*)"/g, (_, name: string, value: string) => {
      return ` ${name}="${value.replace(/-?\d+\.\d+(?:e-?\d+)?/g, (number) => shortNumber(Number(number)))}"`;
    });
  const element =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeAttribute(title)}">${inner}</svg>`;
  return { width, height, element };
}

/** The chart as a file: on a surface of its own, readable on a light and on a dark page. */
export function svgFile({ width, height, element }: Svg): string {
  const surface =
    `<style>${darkRules(element)}</style>` +
    `<rect width="${width}" height="${height}" rx="8" fill="${FILE_PAINT('surface')}"/>`;
  return `${element.replace('>', `>${surface}`)}\n`;
}

function isInvisible(path: string): boolean {
  return !/ (?:fill|stroke)=/.test(path);
}

function shortNumber(value: number): string {
  return String(Number(value.toFixed(2)));
}

function escapeAttribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
