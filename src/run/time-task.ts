/**
 * @file The timed part of one task: first tokens in turn, completions in the last round, and the times of a record.
 */

import { addMs, ms, type Ms } from '../domain/units.js';
import {
  completeGreedily,
  firstToken,
  type Completion,
  type FirstToken,
  type StopRules,
} from '../generation/generate.js';
import { textStream } from '../generation/text-stream.js';
import type { PreparedPrompt } from '../pipelines/pipeline.js';
import type { Reference } from '../generation/reference.js';
import { quantile } from '../statistics/statistics.js';
import type { ExecutionParts, TaskWork } from './execution.js';
import { measureLikelihood } from './likelihood.js';
import type { Configuration, FailureStage, Likelihood, ScoredRecord, Timing } from './record.js';

/** Prompts whose lengths lie in the same bucket share a warm-up. */
const WARM_UP_BUCKET_TOKENS = 128;

/** A configuration on its way through the stages of one task. */
export interface Attempt {
  readonly configuration: Configuration;
  readonly recorded: ScoredRecord['chunks'];
  readonly retrieveMs: Ms;
  readonly prepared: PreparedPrompt;
  /** Timed first tokens, one a round. */
  readonly samples: FirstToken[];
  /** The same prompt timed again, one a round; null but for the reference configuration. */
  readonly control: FirstToken[] | null;
}

/** What a decoder made of a prompt. */
export interface Answer {
  readonly completion: Completion;
  /** Null where it was not measured. */
  readonly likelihood: Likelihood | null;
}

/**
 * Times the first tokens: in each round all attempts, in a random order. The last round also measures the likelihood of
 * the reference, outside of everything timed and from the cache of the timed prefill, and completes the prompts. An
 * attempt that fails has its record afterwards.
 *
 * @param reference Null where no likelihood is measured.
 */
export async function timeAttempts(
  { task, plan, parts, rng, records, onPhase }: TaskWork,
  attempts: readonly Attempt[],
  reference: Reference | null,
  warmed: Set<number>,
): Promise<ReadonlyMap<Attempt, Answer>> {
  const { decoder, format, clock, tokenizer, metrics } = parts;
  const stopRules = (): StopRules => {
    const isSettled = metrics.settling(task);
    const text = textStream(tokenizer);
    return {
      tokens: format.stop,
      maxNewTokens: plan.maxNewTokens,
      isSettled: (token) => isSettled !== null && isSettled(text(token)),
    };
  };
  // The control is timed as if it were one more configuration.
  const arms = attempts.flatMap((attempt) =>
    attempt.control === null
      ? [{ attempt, samples: attempt.samples }]
      : [attempt.samples, attempt.control].map((samples) => ({ attempt, samples })),
  );
  const answers = new Map<Attempt, Answer>();
  for (let round = 1; round <= plan.ttftRepeats; round++) {
    for (const { attempt, samples } of rng.shuffle(arms)) {
      const { configuration, prepared, control } = attempt;
      if (records.has(configuration)) continue;
      let stage: FailureStage = 'prefill';
      onPhase('prefill');
      try {
        await warmUp(prepared, parts, warmed);
        const first = await firstToken(decoder, prepared.prompt, prepared.soft, clock);
        samples.push(first);
        if (round < plan.ttftRepeats || samples === control) {
          first.step.cache.dispose();
          continue;
        }
        const scored = async (): Promise<Likelihood | null> => {
          stage = 'likelihood';
          onPhase('likelihood');
          return likelihoodBehind(first.step, parts, reference);
        };
        const completed = async (): Promise<Completion> => {
          stage = 'decode';
          onPhase('decoding');
          return completeGreedily(decoder, first.step, stopRules(), clock);
        };
        if (decoder.wire === null) {
          const likelihood = await scored();
          answers.set(attempt, { completion: await completed(), likelihood });
        } else {
          // The prompt is run again for its likelihood, which would disturb the stream of the completion.
          const completion = await completed();
          answers.set(attempt, { completion, likelihood: await scored() });
        }
      } catch (error) {
        records.failed(configuration, stage, error);
      }
    }
  }
  return answers;
}

/** Closes the cache if it fails: nobody completes the prompt then. */
async function likelihoodBehind(
  step: FirstToken['step'],
  parts: ExecutionParts,
  reference: Reference | null,
): Promise<Likelihood | null> {
  try {
    return await measureLikelihood(parts, reference, step);
  } catch (error) {
    step.cache.dispose();
    throw error;
  }
}

async function warmUp(
  { prompt, soft }: PreparedPrompt,
  { decoder, clock }: ExecutionParts,
  warmed: Set<number>,
): Promise<void> {
  const bucket = Math.ceil(prompt.ids.length / WARM_UP_BUCKET_TOKENS);
  if (warmed.has(bucket)) return;
  warmed.add(bucket);
  const { step } = await firstToken(decoder, prompt, soft, clock);
  const { cache } = await decoder.decode(step.token, step.cache);
  cache.dispose();
}

/** The times of a record: the medians over the rounds, and all samples. */
export function timingOf({ retrieveMs, prepared, samples, control }: Attempt, decodeMs: Ms): Timing {
  const { tokenizeMs, encodeMs, projectMs, modelMs } = prepared;
  const prefillMs = medianOf(samples.map((sample) => sample.prefillMs));
  const { ttftMs, ttftSamplesMs } = ttftOf(samples);
  return {
    retrieveMs,
    tokenizeMs,
    encodeMs,
    projectMs,
    ...(modelMs === undefined ? {} : { modelMs }),
    prefillMs,
    ttftMs,
    ttftColdMs: addMs(retrieveMs, tokenizeMs, encodeMs, projectMs, modelMs ?? ms(0), ttftMs),
    decodeMs,
    ttftSamplesMs,
    control: control === null ? null : ttftOf(control),
  };
}

/** The samples and their median. */
function ttftOf(samples: readonly FirstToken[]): { ttftMs: Ms; ttftSamplesMs: Ms[] } {
  const ttftSamplesMs = samples.map((sample) => sample.ttftMs);
  return { ttftMs: medianOf(ttftSamplesMs), ttftSamplesMs };
}

function medianOf(durations: readonly Ms[]): Ms {
  return ms(quantile(durations, 0.5)!);
}
