/**
 * @file The colours of charts and page, in one place for both themes.
 *
 * Pipelines differ in hue, in shape and in lightness: blue against orange stays apart under every common
 * colour vision deficiency, and shapes carry the difference in greyscale. Each colour has a contrast of at
 * least 3:1 against its surface, text at least 4.5:1; `test/report/palette.test.ts` computes both.
 */

import type { PipelineName } from '../../pipelines/pipeline.js';

/** Parts of the time until the first token, in the order in which they happen. */
export const BAR_STAGES = ['retrieve', 'tokenize', 'encode', 'project', 'prefill'] as const;
export type BarStage = (typeof BAR_STAGES)[number];

/** Names of the colours; each is a custom property of the page. */
export const COLOURS = [
  'surface',
  'raised',
  'ink',
  'muted',
  'rule',
  'no-context',
  'full-rag',
  'budget-rag',
  'compressed',
  'compressed-random',
  'retrieve',
  'tokenize',
  'encode',
  'project',
  'prefill',
] as const;
export type Colour = (typeof COLOURS)[number];

/** Those that only the page needs. */
export const PAGE_COLOURS = ['better', 'worse', 'link', 'inserted', 'deleted', 'soft', 'text-part'] as const;

export type Theme = Readonly<Record<Colour | (typeof PAGE_COLOURS)[number], string>>;

export const LIGHT: Theme = {
  surface: '#ffffff',
  raised: '#f5f6f8',
  ink: '#1b1f24',
  muted: '#59636e',
  rule: '#d8dde3',
  'no-context': '#6a737d',
  'full-rag': '#b3400a',
  'budget-rag': '#b57a00',
  compressed: '#0a5fb4',
  'compressed-random': '#8b5cc7',
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
  'text-part': '#faead9',
};

export const DARK: Theme = {
  surface: '#14171b',
  raised: '#1d2126',
  ink: '#e8ebee',
  muted: '#a0a9b3',
  rule: '#363c44',
  'no-context': '#9aa4ae',
  'full-rag': '#f08a50',
  'budget-rag': '#f2c14e',
  compressed: '#6cb0f5',
  'compressed-random': '#cba6f7',
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
  'text-part': '#33271c',
};

/** What a chart draws with: a colour's value, or a reference to the page's custom property. */
export type Paint = (colour: Colour) => string;

/** Charts inside the page follow its theme. */
export const PAGE_PAINT: Paint = (colour) => `var(--${colour})`;

/** Charts in files of their own carry the light theme; `darkRules` changes it where the viewer is dark. */
export const FILE_PAINT: Paint = (colour) => LIGHT[colour];

/** Symbols of Vega, one a pipeline, so that points differ without colour. */
export const SHAPES: Readonly<Record<PipelineName, string>> = {
  'no-context': 'square',
  'full-rag': 'triangle-up',
  'budget-rag': 'cross',
  compressed: 'circle',
  'compressed-random': 'diamond',
};

/** Dashes of lines, one a pipeline. */
export const DASHES: Readonly<Record<PipelineName, readonly number[]>> = {
  'no-context': [1, 0],
  'full-rag': [6, 3],
  'budget-rag': [2, 3],
  compressed: [1, 0],
  'compressed-random': [1, 3],
};

/** CSS declarations of a theme's custom properties. */
export function declarations(theme: Theme): string {
  return [...COLOURS, ...PAGE_COLOURS].map((colour) => `--${colour}:${theme[colour]}`).join(';');
}

/**
 * CSS for a chart in a file of its own: where the viewer prefers a dark page, each light colour becomes the
 * dark one of the same name. Viewers that know no media queries show the light theme on its own surface.
 */
export function darkRules(): string {
  const rules = COLOURS.flatMap((colour) => [
    `[fill="${LIGHT[colour]}"]{fill:${DARK[colour]}}`,
    `[stroke="${LIGHT[colour]}"]{stroke:${DARK[colour]}}`,
  ]);
  return `@media (prefers-color-scheme:dark){${rules.join('')}}`;
}
