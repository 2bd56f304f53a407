/**
 * @file The colours of charts and page, in one place for both themes, and the looks of pipelines.
 *
 * A pipeline has no look of its own. Its position among all kinds (`pipelines/kinds.ts`, `positionsOf`) gives it a
 * colour, a shape, a dash and a side for labels, so that a new pipeline needs no edit here. Colours lie in slots.
 * Neighbouring slots differ in hue and in lightness, and shapes carry the difference in greyscale and under colour
 * vision deficiencies. Each slot has a contrast of at least 3:1 against the grounds that it stands on, and text has
 * at least 4.5:1. `test/report/palette.test.ts` computes both.
 */

import { STAGES } from '../numbers/stages.js';

/** Colours of pipelines. */
export const SLOTS = [
  'slot-0',
  'slot-1',
  'slot-2',
  'slot-3',
  'slot-4',
  'slot-5',
  'slot-6',
  'slot-7',
  'slot-8',
  'slot-9',
  'slot-10',
  'slot-11',
] as const;
export type Slot = (typeof SLOTS)[number];

/** Names of the colours; each is a custom property of the page. */
export const COLOURS = ['surface', 'raised', 'ink', 'muted', 'rule', ...SLOTS, ...STAGES] as const;
export type Colour = (typeof COLOURS)[number];

/** Those that only the page needs. */
export const PAGE_COLOURS = [
  'better',
  'worse',
  'link',
  'inserted',
  'deleted',
  'soft',
  'soft-edge',
  'text-part',
  'text-edge',
] as const;

export type Theme = Readonly<Record<Colour | (typeof PAGE_COLOURS)[number], string>>;

export const LIGHT: Theme = {
  surface: '#ffffff',
  raised: '#f5f6f8',
  ink: '#1b1f24',
  muted: '#59636e',
  rule: '#d8dde3',
  'slot-0': '#6a737d',
  'slot-1': '#b3400a',
  'slot-2': '#b57a00',
  'slot-3': '#0a5fb4',
  'slot-4': '#8b5cc7',
  'slot-5': '#0f7c6c',
  'slot-6': '#c2348f',
  'slot-7': '#568203',
  'slot-8': '#6b4423',
  'slot-9': '#2b2f9e',
  'slot-10': '#d4365a',
  'slot-11': '#1787b0',
  retrieve: '#868f9a',
  tokenize: '#6a49ad',
  encode: '#2a9a86',
  project: '#9c2f63',
  prefill: '#243b53',
  better: '#17703a',
  worse: '#b3261e',
  link: '#0a5fb4',
  inserted: '#cdeed6',
  deleted: '#fbd9d6',
  soft: '#dbeafa',
  'soft-edge': '#0a5fb4',
  'text-part': '#faead9',
  'text-edge': '#b3400a',
};

export const DARK: Theme = {
  surface: '#14171b',
  raised: '#1d2126',
  ink: '#e8ebee',
  muted: '#a0a9b3',
  rule: '#363c44',
  'slot-0': '#9aa4ae',
  'slot-1': '#f08a50',
  'slot-2': '#f2c14e',
  'slot-3': '#6cb0f5',
  'slot-4': '#cba6f7',
  'slot-5': '#3fcfb4',
  'slot-6': '#f27fc6',
  'slot-7': '#a3d45c',
  'slot-8': '#b98a63',
  'slot-9': '#8c8ff5',
  'slot-10': '#ff7d8d',
  'slot-11': '#6fe0ff',
  retrieve: '#737d88',
  tokenize: '#bda8f0',
  encode: '#2f9a87',
  project: '#f0a0c3',
  prefill: '#b9cbe0',
  better: '#56c27f',
  worse: '#ff8d85',
  link: '#7cbcff',
  inserted: '#1c4a2c',
  deleted: '#5f2723',
  soft: '#17324f',
  'soft-edge': '#6cb0f5',
  'text-part': '#33271c',
  'text-edge': '#f08a50',
};

/** What a chart draws with: a colour's value, or a reference to the page's custom property. */
export type Paint = (colour: Colour) => string;

/** Charts inside the page follow its theme. */
export const PAGE_PAINT: Paint = (colour) => `var(--${colour})`;

/** Charts in files of their own carry the light theme; `darkRules` changes it where the viewer is dark. */
export const FILE_PAINT: Paint = (colour) => LIGHT[colour];

/**
 * Symbols of Vega, so that points differ without colour: its own by name, others as paths in a square from -1 to 1.
 * One more than there are slots: where colours come round again, they come with another shape.
 */
const SHAPES = [
  'square',
  'triangle-up',
  'cross',
  'circle',
  'diamond',
  'triangle-down',
  'M0,-1L0.87,-0.5L0.87,0.5L0,1L-0.87,0.5L-0.87,-0.5Z', // hexagon
  'triangle-left',
  'M0,-1L0.26,-0.36L0.95,-0.31L0.43,0.14L0.59,0.81L0,0.45L-0.59,0.81L-0.43,0.14L-0.95,-0.31L-0.26,-0.36Z', // star
  'triangle-right',
  'M-1,-0.6L-0.6,-1L0,-0.4L0.6,-1L1,-0.6L0.4,0L1,0.6L0.6,1L0,0.4L-0.6,1L-1,0.6L-0.4,0Z', // saltire
  'M-0.8,-1L0.8,-1L-0.8,1L0.8,1Z', // hourglass
  'M-1,-0.8L-1,0.8L1,-0.8L1,0.8Z', // bow tie
] as const;

/** Dashes of lines. */
const DASHES: readonly (readonly number[])[] = [
  [1, 0],
  [6, 3],
  [2, 3],
  [1, 0],
  [1, 3],
  [8, 2, 2, 2],
  [4, 4],
  [10, 3],
  [6, 2, 1, 2, 1, 2],
  [3, 1],
  [2, 6],
  [10, 3, 4, 3],
];

/** Where a label stands beside its point, in pixels from it. */
export interface LabelSide {
  readonly dx: number;
  readonly dy: number;
  readonly align: 'left' | 'center' | 'right';
}

/** Every place that a label can have. */
export const LABEL_SIDES: readonly LabelSide[] = [
  { dx: 8, dy: 0, align: 'left' },
  { dx: 8, dy: -10, align: 'left' },
  { dx: 8, dy: 12, align: 'left' },
  { dx: -8, dy: -10, align: 'right' },
  { dx: -8, dy: 12, align: 'right' },
  { dx: -8, dy: 0, align: 'right' },
  { dx: 0, dy: -14, align: 'center' },
  { dx: 0, dy: 16, align: 'center' },
  { dx: 12, dy: -18, align: 'left' },
  { dx: -12, dy: -18, align: 'right' },
  { dx: 12, dy: 20, align: 'left' },
  { dx: -12, dy: 20, align: 'right' },
];

/** How charts and pages draw a pipeline. */
export interface Look {
  readonly colour: Slot;
  /** A symbol of Vega. */
  readonly shape: string;
  readonly dash: readonly number[];
  readonly labelSide: LabelSide;
}

/**
 * The look at a position; every list begins again at its end.
 *
 * @param position From 0.
 */
export function lookAt(position: number): Look {
  const pick = <T>(list: readonly T[]): T => list[position % list.length]!;
  return {
    colour: pick(SLOTS),
    shape: pick(SHAPES),
    dash: pick(DASHES),
    labelSide: pick(LABEL_SIDES),
  };
}

/** CSS declarations of a theme's custom properties. */
export function declarations(theme: Theme): string {
  return [...COLOURS, ...PAGE_COLOURS].map((colour) => `--${colour}:${theme[colour]}`).join(';');
}

/** CSS rules that give an element with the class of a slot that slot's colour as `--own`. */
export function slotRules(): string {
  return SLOTS.map((slot) => `.${slot}{--own:var(--${slot})}`).join('');
}

/** Slots that have rules in every chart file. The colour of a further slot has one only where a chart draws with it. */
const SLOTS_WITH_RULES = 5;

/**
 * CSS for a chart in a file of its own: where the viewer prefers a dark page, each light colour becomes the
 * dark one of the same name. Viewers that know no media queries show the light theme on its own surface.
 *
 * @param drawn The elements of the chart. A chart keeps its bytes when the program learns of further pipelines, since
 *              rules for slots that it does not draw with are left out.
 */
export function darkRules(drawn: string): string {
  const further: readonly Colour[] = SLOTS.slice(SLOTS_WITH_RULES);
  const rules = COLOURS.filter(
    (colour) => !further.includes(colour) || drawn.includes(`"${LIGHT[colour]}"`),
  ).flatMap((colour) => [
    `[fill="${LIGHT[colour]}"]{fill:${DARK[colour]}}`,
    `[stroke="${LIGHT[colour]}"]{stroke:${DARK[colour]}}`,
  ]);
  return `@media (prefers-color-scheme:dark){${rules.join('')}}`;
}
