/**
 * @file What a probe asks a decoder with, and how both of its parts read a prompt with soft tokens.
 *
 * Shape letters: K soft tokens of a prompt, C decoder width.
 */

import type { TokenId } from '../domain/units.js';
import { completeGreedily, firstToken, type StopRules } from '../generation/generate.js';
import type { ReferenceEnd } from '../generation/reference.js';
import type { ContinuationScorer, Decoder, DecoderStep } from '../inference/decoder.js';
import type { PromptSetting } from '../pipelines/in-file.js';
import { withConstants, type AssembledPrompt } from '../prompt/assemble.js';
import { stackRows, type Matrix } from '../tensor/matrix.js';

/** A decoder with everything that its prompts need. */
export interface ProbedDecoder {
  readonly decoder: Decoder;
  /** What scores texts, and how the decoder ends a line; null where it hands out no probabilities. */
  readonly likelihood: { readonly scorer: ContinuationScorer; readonly end: ReferenceEnd } | null;
  readonly setting: PromptSetting;
  /** The tuned constant prompt that stands beside the soft tokens, [n, C]; null without one. */
  readonly constants: Matrix | null;
}

/** A prompt with all that stands in its slots. */
export interface ShownPrompt {
  readonly prompt: AssembledPrompt;
  /** One row a slot; null where there is none. */
  readonly soft: Matrix | null;
}

/**
 * A prompt with its soft tokens, and with the constant prompt beside them as in a run.
 *
 * @param soft [K, C], one row a slot of the prompt; null for a prompt without slots.
 */
export function shownPrompt(
  prompt: AssembledPrompt,
  soft: Matrix | null,
  { constants, setting }: Pick<ProbedDecoder, 'constants' | 'setting'>,
): ShownPrompt {
  if (constants === null) return { prompt, soft };
  const { prompt: wider, isFirst } = withConstants(prompt, constants.rows, setting.format, setting.placement);
  const own = soft === null ? [] : [soft];
  return {
    prompt: wider,
    soft: stackRows(isFirst ? [constants, ...own] : [...own, constants], constants.cols),
  };
}

/** Reads a prompt and asks about what follows it. The step is closed afterwards. */
export async function afterPrompt<T>(
  { prompt, soft }: ShownPrompt,
  { decoder, setting: { clock } }: ProbedDecoder,
  ask: (step: DecoderStep) => Promise<T>,
): Promise<T> {
  const { step } = await firstToken(decoder, prompt, soft, clock);
  try {
    return await ask(step);
  } finally {
    step.cache.dispose();
  }
}

/** The greedy continuation of a step; consumes its cache. */
export async function continued(
  step: DecoderStep,
  { decoder, setting: { clock } }: ProbedDecoder,
  stop: StopRules,
): Promise<readonly TokenId[]> {
  const { tokens } = await completeGreedily(decoder, step, stop, clock);
  return tokens;
}

/**
 * What a measurement gives, or null where numbers overflow: vectors that no training has shown a decoder may do that.
 *
 * @throws Whatever else goes wrong.
 */
export async function orNull<T>(measurement: Promise<T>): Promise<T | null> {
  try {
    return await measurement;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
