/**
 * @file The timed part of one task: first tokens in turn, completions in the last round, and the times of a record.
 */

import { addMs, ms, type Ms } from '../domain/units.js';
import { firstToken, type FirstToken } from '../generation/generate.js';
import type { Reference } from '../generation/reference.js';
import type { PreparedPrompt } from '../pipelines/pipeline.js';
import { quantile } from '../statistics/statistics.js';
import { completeAttempt, type Answer, type Attempt, type StageMark } from './attempt.js';
import type { ExecutionParts, TaskWork } from './execution.js';
import type { Timing } from './record.js';

/** Prompts whose lengths lie in the same bucket share a warm-up. */
const WARM_UP_BUCKET_TOKENS = 128;

/** An attempt with its first tokens, one a round. */
interface TimedAttempt {
  readonly attempt: Attempt;
  readonly samples: FirstToken[];
  /** The same prompt timed again; null but for the reference configuration. */
  readonly control: FirstToken[] | null;
  /** A prompt of text sent as embeddings; null where the decoder gets embeddings in any case, or takes none. */
  readonly embedded: FirstToken[] | null;
}

/**
 * Times the first tokens: in each round all attempts, in a random order. The last round also measures the likelihood of
 * the reference, outside of everything timed and from the cache of the timed prefill, and completes the prompts. An
 * attempt that fails has its record afterwards.
 *
 * @param ttftRepeats Rounds.
 * @param reference   Null where no likelihood is measured.
 * @param warmed      Buckets of lengths that the run has come to; grows.
 */
export async function timeAttempts(
  work: TaskWork,
  ttftRepeats: number,
  attempts: readonly Attempt[],
  reference: Reference | null,
  warmed: Set<number>,
): Promise<ReadonlyMap<Attempt, Answer>> {
  const { plan, parts, rng, records, onPhase } = work;
  const timed = attempts.map((attempt): TimedAttempt => {
    const control = attempt.configuration === plan.configurations[0] ? [] : null;
    const isSentAsIds = attempt.prepared.soft === null && parts.decoder.wire?.takesEmbeddings === true;
    return { attempt, samples: [], control, embedded: isSentAsIds ? [] : null };
  });
  // The control, and a prompt in another form, are timed as if they were configurations of their own.
  const arms = timed.flatMap(({ attempt, samples, control, embedded }) =>
    [samples, control, embedded].flatMap((own) =>
      own === null
        ? []
        : [
            {
              ...{ attempt, samples: own },
              isCompleted: own === samples,
              form: own === embedded ? ('embeddings' as const) : ('usual' as const),
            },
          ],
    ),
  );
  const completed = new Map<Attempt, Omit<Answer, 'timing'>>();
  for (let round = 1; round <= ttftRepeats; round++) {
    for (const { attempt, samples, isCompleted, form } of rng.shuffle(arms)) {
      const { configuration, prepared } = attempt;
      if (records.has(configuration)) continue;
      const mark: StageMark = { stage: 'prefill' };
      onPhase('prefill');
      try {
        await warmUp(prepared, parts, warmed);
        const { prompt, soft } = prepared;
        const first = await firstToken(parts.decoder, prompt, soft, parts.clock, form);
        samples.push(first);
        if (round < ttftRepeats || !isCompleted) {
          first.step.cache.dispose();
          continue;
        }
        completed.set(attempt, await completeAttempt(work, first.step, reference, mark));
      } catch (error) {
        records.failed(configuration, mark.stage, error);
      }
    }
  }
  const answers = new Map<Attempt, Answer>();
  for (const one of timed) {
    const answer = completed.get(one.attempt);
    // The second timing of a prompt may have failed after its completion.
    if (answer === undefined || records.has(one.attempt.configuration)) continue;
    answers.set(one.attempt, { ...answer, timing: timingOf(one, answer.completion.decodeMs) });
  }
  return answers;
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
function timingOf(
  { attempt: { retrieveMs, prepared }, samples, control, embedded }: TimedAttempt,
  decodeMs: Ms,
): Timing {
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
    ...(embedded === null ? {} : { embedded: ttftOf(embedded) }),
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
