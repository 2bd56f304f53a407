/**
 * @file Reads what a chart's SVG draws, in the coordinates of the chart: texts, lines and shapes, in the order
 * in which they are painted.
 *
 * It knows the elements that the charts are made of and nothing else; anything unknown is an error, so that a
 * mark cannot pass by unseen.
 */

import assert from 'node:assert/strict';

/** Left, top, right, bottom. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

export interface DrawnText {
  readonly kind: 'text';
  readonly text: string;
  readonly x: number;
  /** The base line. */
  readonly y: number;
  readonly isBold: boolean;
  /** By an estimate of the width: 0.56 em a character, as the charts themselves count. */
  readonly box: Box;
}

export interface DrawnShape {
  /** `path` covers bars, symbols and curves. */
  readonly kind: 'line' | 'path';
  /** Middle of the box: for a symbol about the place it stands at. */
  readonly x: number;
  readonly y: number;
  readonly box: Box;
  /** Corners in the order of drawing; of arcs the end. */
  readonly corners: readonly (readonly [x: number, y: number])[];
  readonly fill: string | null;
  readonly stroke: string | null;
}

export type Drawn = DrawnText | DrawnShape;

export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly marks: readonly Drawn[];
  readonly texts: readonly DrawnText[];
  readonly shapes: readonly DrawnShape[];
}

/** Reads the SVG of a chart. */
export function readSvg(svg: string): Drawing {
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)!.map(Number);
  const marks: Drawn[] = [];
  const offsets: (readonly [number, number])[] = [[0, 0]];
  for (const [, closing, name, attributes, selfClosing, content] of svg.matchAll(
    /<(\/?)([a-z]+)((?: [\w:-]+="[^"]*")*)(\/?)>([^<]*)/g,
  )) {
    const attribute = (wanted: string): string | null =>
      new RegExp(` ${wanted}="([^"]*)"`).exec(attributes!)?.[1] ?? null;
    const number = (wanted: string): number => Number(attribute(wanted) ?? 0);
    if (closing === '/') {
      if (name === 'g') offsets.pop();
      continue;
    }
    const [dx, dy] = translation(attribute('transform'));
    const [left, top] = offsets.at(-1)!;
    const at = [left + dx, top + dy] as const;
    if (name === 'svg' || name === 'style') continue;
    if (name === 'g') {
      if (selfClosing !== '/') offsets.push(at);
    } else if (attribute('opacity') === '0') {
      // A tick label that Vega leaves out for want of room.
      continue;
    } else if (name === 'text') {
      marks.push(textAt(at, unescaped(content!), attribute));
    } else if (name === 'line') {
      marks.push(shapeOf('line', [at, [at[0] + number('x2'), at[1] + number('y2')]], [], attribute));
    } else if (name === 'path') {
      marks.push(pathAt(at, attribute('d')!, attribute));
    } else {
      assert.fail(`the chart draws a <${name}>, which is not known here`);
    }
  }
  return {
    width: width!,
    height: height!,
    marks,
    texts: marks.filter((mark) => mark.kind === 'text'),
    shapes: marks.filter((mark) => mark.kind !== 'text'),
  };
}

type Attribute = (name: string) => string | null;

function textAt([x, y]: readonly [number, number], text: string, attribute: Attribute): DrawnText {
  const size = Number.parseFloat(attribute('font-size')!);
  const width = text.length * size * 0.56;
  const anchor = attribute('text-anchor');
  const from = x - (anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0);
  return {
    kind: 'text',
    text,
    x,
    y,
    isBold: attribute('font-weight') === 'bold',
    // Ascenders reach 0.75 em above the base line, descenders 0.2 em below it.
    box: [from, y - 0.75 * size, from + width, y + 0.2 * size],
  };
}

/** Upper-case commands are absolute; h and v are the relative edges of a rectangle. */
function pathAt([left, top]: readonly [number, number], d: string, attribute: Attribute): DrawnShape {
  const corners: (readonly [number, number])[] = [];
  const round: (readonly [number, number])[] = [];
  let x = 0;
  let y = 0;
  for (const [, command, rest] of d.matchAll(/([A-Za-z])([^A-Za-z]*)/g)) {
    const numbers = [...rest!.matchAll(/-?[\d.]+(?:e-?\d+)?/g)].map(Number);
    if (command === 'Z') continue;
    if (command === 'M' || command === 'L') [x, y] = numbers as [number, number];
    else if (command === 'h') x += numbers[0]!;
    else if (command === 'v') y += numbers[0]!;
    else if (command === 'A') {
      // The circles of the charts are two half turns about their place.
      const radius = numbers[0]!;
      [x, y] = numbers.slice(5) as [number, number];
      round.push([left - radius, top - radius], [left + radius, top + radius]);
    } else assert.fail(`the chart draws a path with ${command}, which is not known here: ${d}`);
    corners.push([left + x, top + y]);
  }
  return shapeOf('path', corners, round, attribute);
}

function shapeOf(
  kind: DrawnShape['kind'],
  corners: readonly (readonly [number, number])[],
  round: readonly (readonly [number, number])[],
  attribute: Attribute,
): DrawnShape {
  const xs = [...corners, ...round].map(([x]) => x);
  const ys = [...corners, ...round].map(([, y]) => y);
  const box: Box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  return {
    kind,
    x: (box[0] + box[2]) / 2,
    y: (box[1] + box[3]) / 2,
    box,
    corners,
    fill: attribute('fill'),
    stroke: attribute('stroke'),
  };
}

function translation(transform: string | null): readonly [number, number] {
  if (transform === null) return [0, 0];
  const [, x, y] = /^translate\((-?[\d.e-]+),(-?[\d.e-]+)\)$/.exec(transform) ?? [];
  assert.ok(x !== undefined, `the chart is moved by ${transform}, which is not known here`);
  return [Number(x), Number(y)];
}

function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}
