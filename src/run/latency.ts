/**
 * @file Time to first token by prompt length alone: no tasks, no text, any decoder.
 *
 * Flow: pairs of lengths -> random prompts -> **timed in turn, round by round** -> samples.
 *
 * Every prompt is timed in two ways, each by itself:
 * - `first-token`: the prompt runs for one token and nothing is kept (the paper's column of one token);
 * - `line`: the prompt runs, its cache is kept, and a line of fixed length is decoded behind it.
 *
 * Fairness, as in `execute.ts`: within a round all prompts take turns in a random order that has its own seed, so that
 * drift of the machine hits all alike, and ratios are taken within a round. Every length runs once unrecorded before
 * the first round. The first prompt of each measure is timed twice a round (A/A).
 *
 * Prompts are random ids, and the soft tokens of a compressed prompt are random rows. The cost of a prefill follows
 * from its length, not from its content.
 */

import type { Clock } from '../domain/clock.js';
import { messageOf, ModelError } from '../domain/errors.js';
import { tokenId, type Ms } from '../domain/units.js';
import type { Decoder, FirstTokenRunner } from '../inference/decoder.js';
import { completeGreedily, firstToken, firstTokenOnly } from '../generation/generate.js';
import { pipelineInRole, usesSoftTokens, type PipelineName } from '../pipelines/kinds.js';
import type { Prompt } from '../prompt/assemble.js';
import { matrixOf, type Matrix } from '../tensor/matrix.js';
import { createRng, type Rng } from '../tensor/rng.js';

/** Lengths in tokens of the prompts that are compared with each other. */
export interface PromptLengths {
  readonly fullRag: number;
  readonly compressed: number;
  readonly noContext: number | null;
}

/** The pipelines and the prompt length of each, in the order of the table. */
const TIMED: readonly {
  readonly pipeline: PipelineName;
  readonly lengthOf: (lengths: PromptLengths) => number | null;
}[] = [
  { pipeline: pipelineInRole('full-text'), lengthOf: ({ fullRag }) => fullRag },
  { pipeline: pipelineInRole('soft-tokens'), lengthOf: ({ compressed }) => compressed },
  { pipeline: pipelineInRole('no-retrieval'), lengthOf: ({ noContext }) => noContext },
];

export const LATENCY_PIPELINES: readonly PipelineName[] = TIMED.map(({ pipeline }) => pipeline);

export const MEASURES = ['first-token', 'line'] as const;
export type Measure = (typeof MEASURES)[number];

export interface LatencyPlan {
  readonly lengths: readonly PromptLengths[];
  /** Random rows among the embeddings of a compressed prompt. */
  readonly softTokens: number;
  /** Tokens of a line, the first included; with 1 there is nothing to decode and no `line`. */
  readonly maxNewTokens: number;
  readonly rounds: number;
  readonly seed: number;
}

/** One prompt, timed once. */
export interface LatencySample {
  /** From 1. */
  readonly round: number;
  /** Index into the plan's lengths. */
  readonly lengths: number;
  readonly pipeline: PipelineName;
  readonly measure: Measure;
  /** Whether this is the second timing of the first prompt. */
  readonly isControl: boolean;
  readonly embedMs: Ms;
  readonly prefillMs: Ms;
  /** Of all tokens behind the first; null for `first-token`. */
  readonly decodeMs: Ms | null;
}

export interface LatencyHooks {
  /** Called when a round is complete; awaited before the next. */
  readonly onRound: (samples: readonly LatencySample[]) => Promise<void>;
  /** Called after each timed prompt. */
  readonly onSample: () => void;
  /** Called between prompts. A round that is cut short is dropped. */
  readonly isCancelled: () => boolean;
}

/** What takes its turn in a round. */
export type Arm = Pick<LatencySample, 'lengths' | 'pipeline' | 'measure' | 'isControl'>;

/** Tokens of each pipeline, in the order of the table. */
export function promptTokens(lengths: PromptLengths): [PipelineName, number][] {
  return TIMED.flatMap(({ pipeline, lengthOf }): [PipelineName, number][] => {
    const tokens = lengthOf(lengths);
    return tokens === null ? [] : [[pipeline, tokens]];
  });
}

/** The measures. With one new token, only the first token is measured. */
export function measuresOf({ maxNewTokens }: Pick<LatencyPlan, 'maxNewTokens'>): readonly Measure[] {
  return maxNewTokens > 1 ? MEASURES : ['first-token'];
}

/** Everything that one round times. */
export function armsOf(plan: LatencyPlan): Arm[] {
  return measuresOf(plan).flatMap((measure) => {
    const arms = plan.lengths.flatMap((lengths, i) =>
      promptTokens(lengths).map(([pipeline]): Arm => ({ lengths: i, pipeline, measure, isControl: false })),
    );
    return [...arms, { ...arms[0]!, isControl: true }];
  });
}

/**
 * Measures.
 *
 * @returns Whether all rounds were completed.
 */
export async function measureLatency(
  plan: LatencyPlan,
  parts: { readonly decoder: Decoder & FirstTokenRunner; readonly clock: Clock },
  hooks: LatencyHooks,
): Promise<boolean> {
  const rng = createRng(plan.seed);
  const arms = armsOf(plan);
  for (const arm of warmUps(arms, plan)) {
    if (hooks.isCancelled()) return false;
    // Two steps: the first one after a prefill may still choose its kernels.
    await timeArm(arm, 0, { ...plan, maxNewTokens: Math.min(plan.maxNewTokens, 3) }, rng, parts);
  }
  for (let round = 1; round <= plan.rounds; round++) {
    const samples: LatencySample[] = [];
    for (const arm of rng.shuffle(arms)) {
      if (hooks.isCancelled()) return false;
      samples.push(await timeArm(arm, round, plan, rng, parts));
      hooks.onSample();
    }
    await hooks.onRound(samples);
  }
  return true;
}

/** One arm for each length, with the measure that does more. */
function warmUps(arms: readonly Arm[], plan: LatencyPlan): Arm[] {
  const measure = measuresOf(plan).at(-1)!;
  const byLength = new Map<number, Arm>();
  for (const arm of arms) {
    if (arm.measure === measure && !arm.isControl) byLength.set(tokensOf(arm, plan), arm);
  }
  return [...byLength.values()];
}

function tokensOf({ lengths, pipeline }: Arm, plan: LatencyPlan): number {
  return promptTokens(plan.lengths[lengths]!).find(([name]) => name === pipeline)![1];
}

async function timeArm(
  arm: Arm,
  round: number,
  plan: LatencyPlan,
  rng: Rng,
  { decoder, clock }: { readonly decoder: Decoder & FirstTokenRunner; readonly clock: Clock },
): Promise<LatencySample> {
  const softTokens = usesSoftTokens(arm.pipeline) ? plan.softTokens : 0;
  const tokens = tokensOf(arm, plan);
  const { prompt, soft } = randomPrompt(tokens, softTokens, decoder, rng);
  try {
    return { round, ...arm, ...(await timePrompt(arm, prompt, soft, plan, decoder, clock)) };
  } catch (error) {
    throw new ModelError(
      `a prompt of ${tokens} tokens does not run on ${decoder.device} in ${decoder.dtype}: ${messageOf(error)}`,
      ['the device may lack memory for it: give shorter --prompt-lengths, or another --dtype'],
      { cause: error },
    );
  }
}

async function timePrompt(
  arm: Arm,
  prompt: Prompt,
  soft: Matrix | null,
  plan: LatencyPlan,
  decoder: Decoder & FirstTokenRunner,
  clock: Clock,
): Promise<Pick<LatencySample, 'embedMs' | 'prefillMs' | 'decodeMs'>> {
  switch (arm.measure) {
    case 'first-token': {
      const { embedMs, prefillMs } = await firstTokenOnly(decoder, prompt, soft, clock);
      return { embedMs, prefillMs, decodeMs: null };
    }
    case 'line': {
      const { step, embedMs, prefillMs } = await firstToken(decoder, prompt, soft, clock);
      const never = { tokens: new Set<never>(), maxNewTokens: plan.maxNewTokens, isSettled: () => false };
      const { decodeMs } = await completeGreedily(decoder, step, never, clock);
      return { embedMs, prefillMs, decodeMs };
    }
  }
}

/** Random ids; the soft tokens of a compressed prompt stand in front of the prefix, where LlavaCode has them. */
function randomPrompt(
  length: number,
  softTokens: number,
  { width, vocabularySize }: Decoder,
  rng: Rng,
): { readonly prompt: Prompt; readonly soft: Matrix | null } {
  const ids = Array.from({ length }, () => tokenId(rng.int(vocabularySize)));
  const slots = Array.from({ length: softTokens }, (_, k) => k);
  if (softTokens === 0) return { prompt: { ids, slots }, soft: null };
  // The numbers are about as large as those of embeddings.
  const numbers = Float32Array.from({ length: softTokens * width }, () => 0.07 * (rng.next() - 0.5));
  return { prompt: { ids, slots }, soft: matrixOf(softTokens, width, numbers) };
}
