/**
 * @file One task of a run that is not timed: each prompt is prefilled once, and completed from there.
 *
 * Without times there is nothing to warm up for, nothing to repeat and no second timing of the same prompt.
 */

import { prefillPrompt } from '../generation/generate.js';
import type { Reference } from '../generation/reference.js';
import { completeAttempt, type Answer, type Attempt, type StageMark } from './attempt.js';
import type { TaskWork } from './execution.js';

/**
 * Answers the attempts one after the other. An attempt that fails has its record afterwards.
 *
 * @param reference Null where no likelihood is measured.
 */
export async function answerAttempts(
  work: TaskWork,
  attempts: readonly Attempt[],
  reference: Reference | null,
): Promise<ReadonlyMap<Attempt, Answer>> {
  const { parts, records, onPhase } = work;
  const answers = new Map<Attempt, Answer>();
  for (const attempt of attempts) {
    const { configuration, prepared } = attempt;
    if (records.has(configuration)) continue;
    const mark: StageMark = { stage: 'prefill' };
    onPhase('prefill');
    try {
      const step = await prefillPrompt(parts.decoder, prepared.prompt, prepared.soft);
      answers.set(attempt, { ...(await completeAttempt(work, step, reference, mark)), timing: null });
    } catch (error) {
      records.failed(configuration, mark.stage, error);
    }
  }
  return answers;
}
