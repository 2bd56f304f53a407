/** @file Several decoders side by side on the same prompts: rounds, ratios, memory, tokens. */

import { interleaved, median, orderOf, ratio, type Estimate } from '../paired.js';
import type { Bench } from './section.js';
import { Side } from './side.js';
import { decoderAnswer, type DecoderAnswer, type DecoderSetup } from './sides/decoder-job.js';

const NEW_TOKENS = 50;
const WARM_UPS = 2;

export interface DecoderSide {
  readonly name: string;
  readonly script: string;
  readonly setup: DecoderSetup & Readonly<Record<string, unknown>>;
}

/** One side at one prompt length; ratios are the first side's to it. */
export interface DecoderRow {
  readonly promptTokens: number;
  readonly side: string;
  readonly ttftMs: number;
  readonly ttftRatio: Estimate;
  readonly tokenMs: number;
  readonly tokenRatio: Estimate;
  /** Leading tokens equal to those of the first side. */
  readonly sameTokens: number;
  readonly newTokens: number;
}

/** What is one figure for a side, over all prompts. */
export interface DecoderProcess {
  readonly side: string;
  readonly openMs: number;
  /** Largest resident set. */
  readonly peakBytes: number;
}

export interface MeasuredDecoders {
  readonly rows: readonly DecoderRow[];
  readonly processes: readonly DecoderProcess[];
  /** By prompt, side, round. */
  readonly samples: readonly (readonly (readonly DecoderAnswer[])[])[];
}

/**
 * Opens all sides, measures prompt by prompt, closes them.
 *
 * @param effort Fewer tokens and fewer rounds of warm-up, for a decoder that takes seconds a prompt.
 */
export async function measureDecoders(
  { rounds }: Pick<Bench, 'rounds'>,
  described: readonly DecoderSide[],
  prompts: readonly (readonly number[])[],
  {
    newTokens = NEW_TOKENS,
    warmUp = WARM_UPS,
  }: { readonly newTokens?: number; readonly warmUp?: number } = {},
): Promise<MeasuredDecoders> {
  const sides: Side[] = [];
  try {
    for (const { name, script, setup } of described) sides.push(await Side.open(name, script, setup));
    const rng = orderOf(1);
    const samples: DecoderAnswer[][][] = [];
    for (const ids of prompts) {
      const ask = (side: Side): Promise<DecoderAnswer> => side.ask({ ids, newTokens }, decoderAnswer);
      samples.push(await interleaved(sides, rng, { rounds, warmUp }, ask));
    }
    const processes: DecoderProcess[] = [];
    for (const side of sides) {
      processes.push({ side: side.name, openMs: side.openMs, peakBytes: await side.close() });
    }
    const rows = prompts.flatMap((ids, p) =>
      sides.map((_, i) => rowOf(ids.length, described[i]!.name, samples[p]![i]!, samples[p]![0]!, newTokens)),
    );
    return { rows, processes, samples };
  } finally {
    for (const side of sides) side.kill();
  }
}

function rowOf(
  promptTokens: number,
  side: string,
  own: readonly DecoderAnswer[],
  base: readonly DecoderAnswer[],
  newTokens: number,
): DecoderRow {
  const ttft = (all: readonly DecoderAnswer[]): number[] => all.map((answer) => answer.ttftMs);
  const perToken = (all: readonly DecoderAnswer[]): number[] => all.map((answer) => answer.tokenMs);
  return {
    promptTokens,
    side,
    ttftMs: median(ttft(own)),
    ttftRatio: ratio(ttft(base), ttft(own)),
    tokenMs: median(perToken(own)),
    tokenRatio: ratio(perToken(base), perToken(own)),
    sameTokens: Math.min(...own.map((answer, round) => sharedStart(answer.tokens, base[round]!.tokens))),
    newTokens,
  };
}

function sharedStart(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((token, i) => token !== b[i]);
  return differs < 0 ? a.length : differs;
}
