/**
 * @file The times to first token that LlavaCode's paper reports, to stand beside what is measured here.
 *
 * Hugging Face transformers on one NVIDIA A100; dtype, repetitions and spread are not stated there. The decoders
 * are Qwen2.5-Coder. Milliseconds of the full and the compressed prompt.
 *
 * Source: arXiv 2510.19644 v1, the table of times to first token of line completion and the one of one token only.
 */

import type { Measure, PromptLengths } from '../../run/latency.js';

type Times = Readonly<Record<Measure, readonly [full: number, compressed: number]>>;

/** By size of the decoder, then by lengths. */
const PAPER: Readonly<Record<string, Readonly<Record<string, Times>>>> = {
  '1.5b': {
    '2500/2010': { line: [198.2, 156.6], 'first-token': [198.2, 159.3] },
    '2000/1510': { line: [157.4, 113.4], 'first-token': [159.9, 121.2] },
    '1500/1010': { line: [112.2, 69.7], 'first-token': [120.7, 75.5] },
  },
  '7b': {
    '2500/2010': { line: [668.6, 541.1], 'first-token': [668.1, 539.1] },
    '2000/1510': { line: [540.0, 406.8], 'first-token': [539.1, 406.3] },
    '1500/1010': { line: [406.4, 282.2], 'first-token': [405.4, 281.0] },
  },
  '14b': {
    '2500/2010': { line: [822.8, 661.3], 'first-token': [820.9, 661.1] },
    '2000/1510': { line: [662.2, 496.3], 'first-token': [660.6, 495.8] },
    '1500/1010': { line: [495.6, 339.6], 'first-token': [494.9, 339.6] },
  },
};

/**
 * The paper's times for a decoder and lengths.
 *
 * @param decoder Its name, as the user wrote it: `synthetic:qwen2.5-coder-7b`, `Qwen/Qwen2.5-Coder-7B`.
 * @returns null where the paper has none.
 */
export function paperTimes(decoder: string, { fullRag, compressed }: PromptLengths): Times | null {
  const size = /qwen2\.5-coder-(1\.5b|7b|14b)(?![\d.])/i.exec(decoder)?.[1]?.toLowerCase();
  return size === undefined ? null : (PAPER[size]?.[`${fullRag}/${compressed}`] ?? null);
}

/** Share of the time that the paper's compressed prompt saves. @example reductionOf([100, 80]) // => 0.2 */
export function reductionOf([full, compressed]: readonly [number, number]): number {
  return 1 - compressed / full;
}
