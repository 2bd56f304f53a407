/**
 * @file The core loop: task -> chunks -> prompts -> first tokens -> completions -> journal.
 *
 * Rules of fairness of a run that is timed. The opposite of each is known to bias the comparison:
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
 * Where nothing is timed, tasks may overlap (docs/decisions/0051): each of them works on its own, and only their records
 * are written one task after the other.
 *
 * The loop records a configuration that fails with the stage and the message, and goes on. A device that is lost ends
 * it: the task at hand has no records then, and a run that is continued answers it.
 */

import { atMost, settledAtMost, type Limit } from '../domain/at-most.js';
import { sha256 } from '../domain/hash.js';
import type { CompletionTask } from '../domain/task.js';
import { referenceOf, type Reference } from '../generation/reference.js';
import type { InFileContext } from '../pipelines/in-file.js';
import { createRng } from '../tensor/rng.js';
import { answerAttempts } from './answer-task.js';
import type { Answer, Attempt } from './attempt.js';
import type { ExecutionParts, ExecutionPlan, TaskPhase, TaskWork } from './execution.js';
import { evidenceOf, rankingKey, rankTask, type Ranking } from './rank-task.js';
import { pipelineKey, type Configuration, type TaskRecord } from './record.js';
import type { TaskEvidence } from './task-evidence.js';
import { TaskRecords, type Score } from './task-records.js';
import { timeAttempts } from './time-task.js';

export interface ExecutionHooks {
  /** Records that exist already; they do not run again. */
  readonly recorded: { has(taskId: string, configuration: Configuration): boolean };
  /** Called before the first new record of a task, if any of its prompts could be made. */
  readonly onTask: (evidence: TaskEvidence) => Promise<void>;
  /** Called with every new record, those of a task one after the other; awaited before the next call. */
  readonly onRecord: (record: TaskRecord) => Promise<void>;
  /** Called when the loop turns to another phase, outside of everything that is timed. */
  readonly onPhase?: (phase: TaskPhase) => void;
  /** Checked before each task: a true value ends the loop with everything so far recorded. Tasks at hand are finished. */
  readonly isCancelled: () => boolean;
}

/**
 * Runs a plan to its end or until it is cancelled.
 *
 * @throws {DeviceLostError} If the device is gone; what was recorded before stays.
 * @throws Whatever a hook throws; nothing is recorded after that.
 * @returns Whether every configuration of every task now has a record.
 */
export async function execute(
  plan: ExecutionPlan,
  parts: ExecutionParts,
  hooks: ExecutionHooks,
): Promise<boolean> {
  const { timing } = plan;
  const loop = new TaskLoop(plan, parts, hooks);
  const tasksAtOnce = timing.kind === 'timed' ? 1 : timing.tasksAtOnce;
  const outcomes = await settledAtMost(tasksAtOnce, plan.tasks, (task) => loop.answer(task));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value);
}

/** What the tasks of a run share. Several may be at work at the same time. */
class TaskLoop {
  readonly #plan: ExecutionPlan;
  readonly #parts: ExecutionParts;
  readonly #hooks: ExecutionHooks;
  /** Lengths of prompts that the device has seen. */
  readonly #warmed = new Set<number>();
  /** Retrieval and prompts of one task at a time: only decoders are known to bear more. */
  readonly #preparing = atMost(1);
  /** The records of a task stand together in the journal. */
  readonly #recording = atMost(1);
  /** Whether something was thrown: no further task begins. */
  #hasFailed = false;
  /** Whether a record could not be written: none follows it. */
  #isClosed = false;

  constructor(plan: ExecutionPlan, parts: ExecutionParts, hooks: ExecutionHooks) {
    this.#plan = plan;
    this.#parts = parts;
    this.#hooks = hooks;
  }

  /** @returns Whether all configurations of the task have a record now. */
  async answer(task: CompletionTask): Promise<boolean> {
    const { recorded, isCancelled } = this.#hooks;
    const open = this.#plan.configurations.filter((configuration) => !recorded.has(task.id, configuration));
    if (open.length === 0) return true;
    if (this.#hasFailed || isCancelled()) return false;
    try {
      const answered = await executeTask(this.#workOn(task), open, this.#warmed, this.#preparing);
      return await this.#recording(() => this.#record(answered));
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  #workOn(task: CompletionTask): TaskWork {
    const [plan, parts] = [this.#plan, this.#parts];
    const { onPhase = () => undefined } = this.#hooks;
    const isAlone = plan.timing.kind === 'timed' || plan.timing.tasksAtOnce === 1;
    if (!isAlone) onPhase('answering');
    return {
      ...{ task, plan, parts, records: new TaskRecords(task) },
      rng: createRng(taskSeed(plan.seed, task.id)),
      onPhase: isAlone ? onPhase : () => undefined,
    };
  }

  async #record({ evidence, records }: AnsweredTask): Promise<boolean> {
    if (this.#isClosed) return false;
    try {
      if (evidence !== null) await this.#hooks.onTask(evidence);
      for (const record of records) await this.#hooks.onRecord(record);
      return true;
    } catch (error) {
      this.#isClosed = true;
      throw error;
    }
  }
}

interface AnsweredTask {
  /** Null where no prompt could be made. */
  readonly evidence: TaskEvidence | null;
  /** In the order of the configurations. */
  readonly records: readonly TaskRecord[];
}

async function executeTask(
  work: TaskWork,
  open: readonly Configuration[],
  warmed: Set<number>,
  preparing: Limit,
): Promise<AnsweredTask> {
  const { task, plan, parts, records, onPhase } = work;
  if (!parts.metrics.isScorable(task)) {
    for (const configuration of open) records.unscorable(configuration);
    return { evidence: null, records: records.of(open) };
  }
  const { rankings, attempts, inFile } = await preparing(() => retrieveAndPrepare(work, open));
  const reference = referenceFor(work, attempts);
  const answers =
    plan.timing.kind === 'timed'
      ? await timeAttempts(work, plan.timing.ttftRepeats, attempts, reference, warmed)
      : await answerAttempts(work, attempts, reference);
  onPhase('recording');
  for (const [attempt, answer] of answers) {
    const { configuration } = attempt;
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

/** The prompts of a task, and the rankings that they are made of. */
interface Preparation {
  readonly rankings: ReadonlyMap<string, Ranking>;
  readonly attempts: readonly Attempt[];
  /** Null where no prompt could be made. */
  readonly inFile: InFileContext | null;
}

async function retrieveAndPrepare(work: TaskWork, open: readonly Configuration[]): Promise<Preparation> {
  work.onPhase('retrieval');
  const rankings = await rankTask(work);
  work.onPhase('prompts');
  return { rankings, ...(await prepare(work, open, rankings)) };
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
): Promise<Omit<Preparation, 'rankings'>> {
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
        const { recorded, retrieveMs } = ranking;
        attempts.push({ configuration, recorded, retrieveMs, prepared });
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
  { completion: { tokens, stopReason }, likelihood, timing }: Answer,
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
    ...(timing === null ? {} : { timing }),
  };
}

/** A seed of 48 bits from the run's seed and the task alone. */
function taskSeed(seed: number, taskId: string): number {
  return Number.parseInt(sha256(JSON.stringify([seed, taskId])).slice(0, 12), 16);
}
