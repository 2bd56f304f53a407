/**
 * @file The core loop: task -> chunks -> prompts -> timed first tokens -> completions -> journal.
 *
 * Rules of fairness. The opposite of each is known to bias the comparison:
 * - one decoder on one device answers every configuration of a task before the next task starts, and
 *   the configurations take turns in a random order, so that drift of the machine hits all alike;
 * - prompts of all configurations are finished before the first prefill is timed, and nothing else
 *   runs meanwhile;
 * - the first configuration of the run is timed twice in each task, as if it were two configurations; the machine's
 *   noise alone makes the difference of the two (A/A);
 * - the first prompt of a length bucket is run once unrecorded, since runtimes allocate and choose
 *   kernels by shape;
 * - each task's order comes from the seed and its id alone, so resuming or sharding changes nothing.
 *
 * The loop records a configuration that fails with the stage and the message, and goes on. A device that is lost ends
 * it: the task at hand has no records then, and a run that is continued answers it.
 */

import { sha256 } from '../domain/hash.js';
import type { CompletionTask } from '../domain/task.js';
import { referenceOf, type Reference } from '../generation/reference.js';
import type { InFileContext } from '../pipelines/in-file.js';
import { createRng } from '../tensor/rng.js';
import type { ExecutionParts, ExecutionPlan, TaskPhase, TaskWork } from './execution.js';
import { evidenceOf, rankingKey, rankTask, type Ranking } from './rank-task.js';
import { pipelineKey, type Configuration, type TaskRecord } from './record.js';
import type { TaskEvidence } from './task-evidence.js';
import { TaskRecords, type Score } from './task-records.js';
import { timeAttempts, timingOf, type Answer, type Attempt } from './time-task.js';

export interface ExecutionHooks {
  /** Records that exist already; they do not run again. */
  readonly recorded: { has(taskId: string, configuration: Configuration): boolean };
  /** Called before the first new record of a task, if any of its prompts could be made. */
  readonly onTask: (evidence: TaskEvidence) => Promise<void>;
  /** Called with every new record, in order; awaited before work goes on. */
  readonly onRecord: (record: TaskRecord) => Promise<void>;
  /** Called when the loop turns to another phase, outside of everything that is timed. */
  readonly onPhase?: (phase: TaskPhase) => void;
  /** Checked between tasks: a true value ends the loop with everything so far recorded. */
  readonly isCancelled: () => boolean;
}

/**
 * Runs a plan to its end or until it is cancelled.
 *
 * @throws {DeviceLostError} If the device is gone; what was recorded before stays.
 * @returns Whether every configuration of every task now has a record.
 */
export async function execute(
  plan: ExecutionPlan,
  parts: ExecutionParts,
  hooks: ExecutionHooks,
): Promise<boolean> {
  const warmed = new Set<number>();
  const { onPhase = () => undefined } = hooks;
  for (const task of plan.tasks) {
    const open = plan.configurations.filter((configuration) => !hooks.recorded.has(task.id, configuration));
    if (open.length === 0) continue;
    if (hooks.isCancelled()) return false;
    const { evidence, records } = await executeTask(task, open, plan, parts, warmed, onPhase);
    if (evidence !== null) await hooks.onTask(evidence);
    for (const record of records) await hooks.onRecord(record);
  }
  return true;
}

async function executeTask(
  task: CompletionTask,
  open: readonly Configuration[],
  plan: ExecutionPlan,
  parts: ExecutionParts,
  warmed: Set<number>,
  onPhase: (phase: TaskPhase) => void,
): Promise<{ readonly evidence: TaskEvidence | null; readonly records: readonly TaskRecord[] }> {
  const records = new TaskRecords(task);
  if (!parts.metrics.isScorable(task)) {
    for (const configuration of open) records.unscorable(configuration);
    return { evidence: null, records: records.of(open) };
  }
  const work = { task, plan, parts, rng: createRng(taskSeed(plan.seed, task.id)), records, onPhase };
  onPhase('retrieval');
  const rankings = await rankTask(work);
  onPhase('prompts');
  const { attempts, inFile } = await prepare(work, open, rankings);
  const reference = referenceFor(work, attempts);
  const answers = await timeAttempts(work, attempts, reference, warmed);
  onPhase('recording');
  for (const [attempt, answer] of answers) {
    const { configuration } = attempt;
    if (records.has(configuration)) continue;
    try {
      records.scored(configuration, scoreOf(attempt, answer, task, parts));
    } catch (error) {
      records.failed(configuration, 'score', error);
    }
  }
  return {
    evidence: inFile === null ? null : evidenceOf(task, inFile, reference, rankings, plan, parts.tokenizer),
    records: records.of(open),
  };
}

/** What the decoder should write; null where its likelihood is not measured. Without one, all attempts have failed. */
function referenceFor(
  { task, parts: { likelihood, tokenizer, format, metrics }, records }: TaskWork,
  attempts: readonly Attempt[],
): Reference | null {
  if (likelihood === null) return null;
  const { end } = likelihood;
  try {
    return referenceOf(task, { tokenizer, format, end, isSettled: metrics.settling(task) });
  } catch (error) {
    for (const { configuration } of attempts) records.failed(configuration, 'likelihood', error);
    return null;
  }
}

/** Makes the prompts. A configuration without one has its record afterwards, the others are attempts. */
async function prepare(
  { task, plan, parts, rng, records }: TaskWork,
  open: readonly Configuration[],
  rankings: ReadonlyMap<string, Ranking>,
): Promise<{ readonly attempts: readonly Attempt[]; readonly inFile: InFileContext | null }> {
  const attempts: Attempt[] = [];
  let inFile: InFileContext | null = null;
  // The order is random here too, since the first text finds the tokenizer's table of words empty.
  for (const configuration of rng.shuffle(open)) {
    const ranking = rankings.get(rankingKey(configuration))!;
    if ('error' in ranking) {
      records.failed(configuration, 'retrieve', ranking.error);
      continue;
    }
    try {
      const prepared = await parts.pipelines.get(pipelineKey(configuration))!.prepare(task, ranking.chunks);
      inFile = prepared.inFile;
      const promptTokens = prepared.prompt.ids.length;
      if (promptTokens + plan.maxNewTokens > parts.decoder.maxPositions) {
        records.tooLong(configuration, promptTokens);
      } else {
        const control = configuration === plan.configurations[0] ? [] : null;
        const { recorded, retrieveMs } = ranking;
        attempts.push({ configuration, recorded, retrieveMs, prepared, samples: [], control });
      }
    } catch (error) {
      records.failed(configuration, 'prepare', error);
    }
  }
  return { attempts, inFile };
}

/** What a record says about a configuration that was answered. */
function scoreOf(
  attempt: Attempt,
  { completion: { tokens, stopReason, decodeMs }, likelihood }: Answer,
  task: CompletionTask,
  { tokenizer, metrics }: ExecutionParts,
): Score {
  const rawCompletion = tokenizer.decode(tokens);
  const completion = metrics.compared(rawCompletion, task);
  const { exactMatch, editSimilarity, extras } = metrics.scoreCompared(completion, task);
  if (editSimilarity === null) throw new RangeError(`${metrics.version} has no ES for this task`);
  const { prompt, text } = attempt.prepared;
  return {
    completion,
    rawCompletion,
    exactMatch,
    editSimilarity,
    ...(extras === undefined ? {} : { extras: { ...extras } }),
    promptTokens: prompt.ids.length,
    softTokens: prompt.slots.length,
    contextTokens: text.tokens,
    contextCharacters: text.characters,
    ...(text.own === undefined ? {} : { contextText: text.own }),
    chunks: attempt.recorded,
    ...(likelihood === null ? {} : { likelihood }),
    generatedTokens: tokens.length,
    stopReason,
    timing: timingOf(attempt, decodeMs),
  };
}

/** A seed of 48 bits from the run's seed and the task alone. */
function taskSeed(seed: number, taskId: string): number {
  return Number.parseInt(sha256(JSON.stringify([seed, taskId])).slice(0, 12), 16);
}
