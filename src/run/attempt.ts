/**
 * @file A configuration on its way through one task, and what every way of answering it does behind the first token.
 */

import type { Ms } from '../domain/units.js';
import { completeGreedily, type Completion, type StopRules } from '../generation/generate.js';
import type { Reference } from '../generation/reference.js';
import { textStream } from '../generation/text-stream.js';
import type { DecoderStep } from '../inference/decoder.js';
import type { PreparedPrompt } from '../pipelines/pipeline.js';
import type { TaskWork } from './execution.js';
import { measureLikelihood } from './likelihood.js';
import type { Configuration, FailureStage, Likelihood, ScoredRecord, Timing } from './record.js';

/** A configuration that has its prompt. */
export interface Attempt {
  readonly configuration: Configuration;
  readonly recorded: ScoredRecord['chunks'];
  readonly retrieveMs: Ms;
  readonly prepared: PreparedPrompt;
}

/** What a decoder made of a prompt. */
export interface Answer {
  readonly completion: Completion;
  /** Null where it was not measured. */
  readonly likelihood: Likelihood | null;
  /** Null where the run is not timed. */
  readonly timing: Timing | null;
}

/** At which stage an attempt is, so that a failure is recorded with it. */
export interface StageMark {
  stage: FailureStage;
}

/**
 * The likelihood of the reference, and then the completion, from the cache of one prefill. Closes the cache.
 *
 * A decoder behind a wire is asked for the likelihood last. It runs the prompt again for it, which would disturb the
 * stream of the completion.
 *
 * @param step      What the prefill returned, with no other call in between.
 * @param reference Null where no likelihood is measured.
 * @param mark      Moves on with the stages.
 */
export async function completeAttempt(
  work: TaskWork,
  step: DecoderStep,
  reference: Reference | null,
  mark: StageMark,
): Promise<Pick<Answer, 'completion' | 'likelihood'>> {
  const { task, plan, parts, onPhase } = work;
  const isLast = parts.decoder.wire !== null;
  let likelihood: Likelihood | null = null;
  let stop: StopRules;
  try {
    if (!isLast) likelihood = await likelihoodOf(work, step, reference, mark);
    mark.stage = 'decode';
    onPhase('decoding');
    stop = stopRules(task, plan, parts);
  } catch (error) {
    // Nobody completes the prompt then.
    step.cache.dispose();
    throw error;
  }
  const completion = await completeGreedily(parts.decoder, step, stop, parts.clock);
  if (isLast) likelihood = await likelihoodOf(work, step, reference, mark);
  return { likelihood, completion };
}

function likelihoodOf(
  { parts, onPhase }: TaskWork,
  step: DecoderStep,
  reference: Reference | null,
  mark: StageMark,
): Promise<Likelihood | null> {
  mark.stage = 'likelihood';
  onPhase('likelihood');
  return measureLikelihood(parts, reference, step);
}

function stopRules(
  task: TaskWork['task'],
  { maxNewTokens }: TaskWork['plan'],
  { format, metrics, tokenizer }: TaskWork['parts'],
): StopRules {
  const isSettled = metrics.settling(task);
  const text = textStream(tokenizer);
  return {
    ...{ tokens: format.stop, maxNewTokens },
    isSettled: (token) => isSettled !== null && isSettled(text(token)),
  };
}
