/**
 * @file One task of a run that is not timed: each prompt is prefilled once, and completed from there. What the prompts
 * share at their start is prefilled once for all of them.
 *
 * Without times there is nothing to warm up for, nothing to repeat and no second timing of the same prompt.
 */

import type { Reference } from '../generation/reference.js';
import { completeAttempt, type Answer, type Attempt, type StageMark } from './attempt.js';
import type { TaskWork } from './execution.js';
import { SharedStart } from './shared-start.js';

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
  const start = new SharedStart(parts.decoder);
  try {
    for (const attempt of attempts) {
      const { configuration, prepared } = attempt;
      if (records.has(configuration)) continue;
      const mark: StageMark = { stage: 'prefill' };
      onPhase('prefill');
      try {
        const step = await start.prefill(prepared);
        answers.set(attempt, { ...(await completeAttempt(work, step, reference, mark)), timing: null });
      } catch (error) {
        records.failed(configuration, mark.stage, error);
      }
    }
  } finally {
    start.dispose();
  }
  return answers;
}
