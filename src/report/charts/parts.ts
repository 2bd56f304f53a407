/**
 * @file What all charts are put together from: marks at fixed places, in the colours of a theme.
 *
 * Every chart is laid out by hand to the pixel (`autosize: none`), so its bytes do not depend on how wide a
 * machine thinks a word is. A chart comes in two widths; the narrow one is for telephones.
 */

import type { GroupMark, Mark, Spec } from 'vega';
import type { Paint } from './palette.js';

export type Size = 'wide' | 'narrow';

/** How to draw, beside what. */
export interface Style {
  readonly size: Size;
  readonly paint: Paint;
}

export const WIDTH: Readonly<Record<Size, number>> = { wide: 880, narrow: 358 };
export const FONT_SIZE: Readonly<Record<Size, number>> = { wide: 12, narrow: 11 };

/** Free space at the edge of a chart. */
export const MARGIN = 16;

/** System fonts: the page loads nothing. */
const FONT = 'system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif';

/** A value for every mark, as Vega writes it. */
const value = <T>(constant: T): { value: T } => ({ value: constant });

/** A title on as many lines as it needs, and how far down it reaches. */
export function heading(
  { size, paint }: Style,
  title: string,
  note: string,
): { readonly marks: Mark[]; readonly height: number } {
  const fontSize = FONT_SIZE[size] + 2;
  const lineHeight = fontSize + 5;
  const width = WIDTH[size] - 2 * MARGIN;
  const titleLines = wrap(title, fontSize * 1.06, width);
  const noteLines = wrap(note, FONT_SIZE[size], width);
  const titleHeight = titleLines.length * lineHeight;
  const marks = [
    ...titleLines.map((text, i) =>
      label({ x: MARGIN, y: MARGIN + i * lineHeight, text, weight: 'bold', fontSize }),
    ),
    ...noteLines.map((text, i) =>
      label({
        x: MARGIN,
        y: MARGIN + titleHeight + i * (FONT_SIZE[size] + 4),
        text,
        fill: paint('muted'),
      }),
    ),
  ];
  return { marks, height: MARGIN + titleHeight + noteLines.length * (FONT_SIZE[size] + 4) + 4 };
}

/** Breaks a text at spaces into lines of about a width. */
export function wrap(text: string, fontSize: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const last = lines.at(-1);
    const joined = last === undefined ? word : `${last} ${word}`;
    if (last === undefined || roughWidth(joined, fontSize) > width) lines.push(word);
    else lines[lines.length - 1] = joined;
  }
  return lines;
}

/** A specification whose size is final. */
export function chart(
  { size, paint }: Style,
  height: number,
  content: Pick<Spec, 'marks' | 'data' | 'scales'>,
): Spec {
  return {
    width: WIDTH[size],
    height,
    padding: 0,
    autosize: { type: 'none' },
    config: {
      axis: {
        domain: false,
        ticks: false,
        grid: true,
        gridColor: paint('rule'),
        labelColor: paint('muted'),
        labelFont: FONT,
        labelFontSize: FONT_SIZE[size] - 1,
        labelPadding: 6,
        labelOverlap: false,
        titleColor: paint('ink'),
      },
      text: { font: FONT, fontSize: FONT_SIZE[size], fill: paint('ink') },
    },
    ...content,
  };
}

/**
 * A panel of its own, with scales, axes and marks; grid lines end at its edges.
 */
export function panel(
  at: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  content: Pick<GroupMark, 'data' | 'scales' | 'axes' | 'marks'>,
): Mark {
  return {
    type: 'group',
    encode: {
      enter: {
        x: { value: at.x },
        y: { value: at.y },
        width: { value: at.width },
        height: { value: at.height },
      },
    },
    // Axes take the length of their grid lines from these signals, which are otherwise those of the chart.
    signals: [
      { name: 'width', value: at.width },
      { name: 'height', value: at.height },
    ],
    ...content,
  };
}

export interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly align?: 'left' | 'center' | 'right';
  readonly fill?: string;
  readonly weight?: 'bold' | 'normal';
  readonly fontSize?: number;
  readonly angle?: number;
}

/** One piece of text; `y` is its vertical middle. */
export function label({ x, y, text, align = 'left', fill, weight, fontSize, angle }: Label): Mark {
  return {
    type: 'text',
    encode: {
      enter: {
        x: value(x),
        y: value(y),
        text: value(text),
        align: value(align),
        baseline: { value: 'middle' },
        ...(fill === undefined ? {} : { fill: value(fill) }),
        ...(weight === undefined ? {} : { fontWeight: value(weight) }),
        ...(fontSize === undefined ? {} : { fontSize: value(fontSize) }),
        ...(angle === undefined ? {} : { angle: value(angle) }),
      },
    },
  };
}

/** Rows with a name each, of which a chart has one panel. */
export interface Rows {
  readonly names: readonly string[];
  readonly top: number;
  readonly left: number;
  readonly width: number;
  /** Of one row. */
  readonly height: number;
  /** Under the axis: what is measured, its unit, its direction. */
  readonly axis: string;
}

/**
 * Names left of the rows, or above them where the chart is narrow, and the title of the axis below. To be drawn after the
 * panel, whose grid lines would cross the names of a narrow chart.
 */
export function rowLabels(style: Style, { names, top, left, width, height, axis }: Rows): Mark[] {
  const { size, paint } = style;
  return [
    ...names.flatMap((text, i) =>
      size === 'wide'
        ? [label({ x: left - 12, y: top + (i + 0.5) * height, text, align: 'right' })]
        : clearLabel(style, { x: left, y: top + i * height + 12, text }),
    ),
    label({
      x: left + width / 2,
      y: top + names.length * height + 32,
      text: axis,
      align: 'center',
      fill: paint('muted'),
    }),
  ];
}

/** A label that begins at a place inside a panel, on a ground that keeps grid lines from crossing it. */
export function clearLabel({ size, paint }: Style, of: Omit<Label, 'align' | 'fontSize'>): Mark[] {
  const width = roughWidth(of.text, FONT_SIZE[size]);
  const ground: Mark = {
    type: 'rect',
    encode: {
      enter: {
        x: value(of.x - 2),
        width: value(width + 4),
        yc: value(of.y),
        height: value(FONT_SIZE[size] + 4),
        fill: value(paint('surface')),
      },
    },
  };
  return [ground, label(of)];
}

/**
 * Room for the names left of the rows: the usual one, or more where a name is wider. In a narrow chart the names stand
 * above their rows.
 */
export function gutter(size: Size, usual: Readonly<Record<Size, number>>, names: readonly string[]): number {
  if (size === 'narrow') return usual.narrow;
  // A name ends 12 px before its row, and the margin is 16 px wide: 4 px stay free at the edge.
  return Math.max(usual.wide, ...names.map((name) => Math.ceil(roughWidth(name, FONT_SIZE.wide))));
}

export interface Entry {
  readonly name: string;
  readonly fill: string;
  /** A symbol of Vega. */
  readonly shape: string;
}

/** About what a text takes at a size: enough to keep entries of a legend apart. */
export function roughWidth(text: string, fontSize: number): number {
  return text.length * fontSize * 0.56;
}

/** Entries from left to right, with as many lines as they need. */
export function legend(
  { size, paint }: Style,
  entries: readonly Entry[],
  at: { readonly x: number; readonly y: number; readonly width: number },
): { readonly marks: Mark[]; readonly height: number } {
  const fontSize = FONT_SIZE[size];
  const lineHeight = fontSize + 8;
  let x = at.x;
  let line = 0;
  const marks = entries.flatMap(({ name, fill, shape }) => {
    const width = 18 + roughWidth(name, fontSize) + 14;
    if (x > at.x && x + width > at.x + at.width) {
      x = at.x;
      line++;
    }
    const y = at.y + line * lineHeight;
    const entry = [
      symbol({ x: x + 6, y, shape, fill, stroke: paint('surface'), area: 80 }),
      label({ x: x + 18, y, text: name }),
    ];
    x += width;
    return entry;
  });
  return { marks, height: (line + 1) * lineHeight };
}

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly shape: string;
  readonly fill: string;
  readonly stroke: string;
  readonly area: number;
  readonly strokeWidth?: number;
}

export function symbol({ x, y, shape, fill, stroke, area, strokeWidth = 1 }: Point): Mark {
  return {
    type: 'symbol',
    encode: {
      enter: {
        x: value(x),
        y: value(y),
        shape: value(shape),
        fill: value(fill),
        stroke: value(stroke),
        strokeWidth: value(strokeWidth),
        size: value(area),
      },
    },
  };
}
