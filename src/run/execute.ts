/**
 * @file The core loop: task -> chunks -> prompts -> timed first tokens -> completions -> journal.
 *
 * Fairness rules, each because the opposite is known to bias the comparison:
 * - one decoder on one device answers every configuration of a task before the next task starts, and
 *   the configurations take turns in a random order, so that drift of the machine hits all alike;
 * - prompts of all configurations are finished before the first prefill is timed, and nothing else
 *   runs meanwhile;
 * - the first configuration of the run is timed twice in each task, as if it were two: the difference
 *   of the two is what the machine's noise alone makes (A/A);
 * - the first prompt of a length bucket is run once unrecorded, since runtimes allocate and choose
 *   kernels by shape;
 * - each task's order comes from the seed and its id alone, so resuming or sharding changes nothing.
 *
 * A configuration that fails is recorded with the stage and the message; the run goes on.
 */

import { stopwatch, type Clock } from '../domain/clock.js';
import type { RetrievedChunk } from '../domain/chunk.js';
import { sha256 } from '../domain/hash.js';
import type { CompletionTask } from '../domain/task.js';
import { addMs, ms, type Ms } from '../domain/units.js';
import type { MetricProfile } from '../metrics/profile.js';
import { quantile } from '../statistics/statistics.js';
import type { Decoder } from '../inference/decoder.js';
import {
  completeGreedily,
  firstToken,
  type Completion,
  type FirstToken,
  type StopRules,
} from '../generation/generate.js';
import type { InFileContext } from '../pipelines/in-file.js';
import type { PipelineName } from '../pipelines/kinds.js';
import type { Pipeline, PreparedPrompt } from '../pipelines/pipeline.js';
import type { PromptFormat } from '../prompt/fim.js';
import type { RetrieverName } from '../retrieval/kinds.js';
import type { ChunkSource } from '../retrieval/shipped.js';
import { createRng, type Rng } from '../tensor/rng.js';
import { textStream } from '../generation/text-stream.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import {
  recordKey,
  type Configuration,
  type FailureStage,
  type ScoredRecord,
  type TaskRecord,
  type Timing,
} from './record.js';
import type { Phase } from './phases.js';
import type { TaskEvidence } from './task-evidence.js';
import { TaskRecords, type Score } from './task-records.js';

/** Prompts whose lengths fall into one bucket share a warm-up. */
const WARM_UP_BUCKET_TOKENS = 128;

export interface ExecutionPlan {
  readonly tasks: readonly CompletionTask[];
  /** The first is the reference: each task times it twice. */
  readonly configurations: readonly Configuration[];
  readonly maxNewTokens: number;
  /** Timed prefills per configuration and task; all samples are kept. */
  readonly ttftRepeats: number;
  readonly seed: number;
}

export interface ExecutionParts {
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly format: PromptFormat;
  readonly metrics: MetricProfile;
  readonly pipelines: ReadonlyMap<PipelineName, Pipeline>;
  /** A retriever over the task's repository, prepared for its file, or what the task brings along. */
  readonly retriever: (name: RetrieverName, task: CompletionTask) => ChunkSource;
  readonly clock: Clock;
}

/** What the loop does with a task, one after the other. */
export type TaskPhase = Extract<Phase, 'retrieval' | 'prompts' | 'prefill' | 'decoding' | 'recording'>;

export interface ExecutionHooks {
  /** Keys of records that exist already; they do not run again. */
  readonly recorded: ReadonlySet<string>;
  /** Called before the first new record of a task, if any of its prompts could be made. */
  readonly onTask: (evidence: TaskEvidence) => Promise<void>;
  /** Called with every new record, in order; awaited before work goes on. */
  readonly onRecord: (record: TaskRecord) => Promise<void>;
  /** Told what the loop turns to, outside of everything that is timed. */
  readonly onPhase?: (phase: TaskPhase) => void;
  /** Checked between tasks: a true value ends the loop with everything so far recorded. */
  readonly isCancelled: () => boolean;
}

/**
 * Runs a plan to its end or until it is cancelled.
 *
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
    const open = plan.configurations.filter(
      (configuration) => !hooks.recorded.has(recordKey(task.id, configuration)),
    );
    if (open.length === 0) continue;
    if (hooks.isCancelled()) return false;
    const { evidence, records } = await executeTask(task, open, plan, parts, warmed, onPhase);
    if (evidence !== null) await hooks.onTask(evidence);
    for (const record of records) await hooks.onRecord(record);
  }
  return true;
}

/** What all stages of one task work on. */
interface TaskWork {
  readonly task: CompletionTask;
  readonly plan: ExecutionPlan;
  readonly parts: ExecutionParts;
  /** Of the seed and the task alone. */
  readonly rng: Rng;
  /** A configuration that cannot go on has its record here. */
  readonly records: TaskRecords;
  readonly onPhase: (phase: TaskPhase) => void;
}

/** A configuration on its way through the stages of one task. */
interface Attempt {
  readonly configuration: Configuration;
  readonly recorded: ScoredRecord['chunks'];
  readonly retrieveMs: Ms;
  readonly prepared: PreparedPrompt;
  /** Timed first tokens, one a round. */
  readonly samples: FirstToken[];
  /** The same prompt timed again, one a round; null but for the reference configuration. */
  readonly control: FirstToken[] | null;
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
  const rankings = await rankOnce(work);
  onPhase('prompts');
  const { attempts, inFile } = await prepare(work, open, rankings);
  const completions = await time(work, attempts, warmed);
  onPhase('recording');
  for (const [attempt, completion] of completions) {
    const { configuration } = attempt;
    if (records.has(configuration)) continue;
    try {
      records.scored(configuration, scoreOf(attempt, completion, task, parts));
    } catch (error) {
      records.failed(configuration, 'score', error);
    }
  }
  return {
    evidence: inFile === null ? null : evidenceOf(task, inFile, rankings, plan, parts.tokenizer),
    records: records.of(open),
  };
}

/** Makes the prompts. A configuration without one has its record afterwards, the others are attempts. */
async function prepare(
  { task, plan, parts, rng, records }: TaskWork,
  open: readonly Configuration[],
  rankings: ReadonlyMap<string, Ranking>,
): Promise<{ readonly attempts: readonly Attempt[]; readonly inFile: InFileContext | null }> {
  const attempts: Attempt[] = [];
  let inFile: InFileContext | null = null;
  // In a random order too: what is tokenized first finds the tokenizer's table of words coldest.
  for (const configuration of rng.shuffle(open)) {
    const ranking = rankings.get(rankingKey(configuration))!;
    if ('error' in ranking) {
      records.failed(configuration, 'retrieve', ranking.error);
      continue;
    }
    try {
      const prepared = await parts.pipelines.get(configuration.pipeline)!.prepare(task, ranking.chunks);
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

/**
 * Times the first tokens, all attempts in a random order in each round, and completes them in the last. An
 * attempt that fails has its record afterwards.
 */
async function time(
  { task, plan, parts, rng, records, onPhase }: TaskWork,
  attempts: readonly Attempt[],
  warmed: Set<number>,
): Promise<ReadonlyMap<Attempt, Completion>> {
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
  const completions = new Map<Attempt, Completion>();
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
        stage = 'decode';
        onPhase('decoding');
        completions.set(attempt, await completeGreedily(decoder, first.step, stopRules(), clock));
      } catch (error) {
        records.failed(configuration, stage, error);
      }
    }
  }
  return completions;
}

/** What a record says of a configuration that came to its end. */
function scoreOf(
  attempt: Attempt,
  { tokens, stopReason, decodeMs }: Completion,
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
    generatedTokens: tokens.length,
    stopReason,
    timing: timingOf(attempt, decodeMs),
  };
}

/** What a reader of the records may want to see of the task. */
function evidenceOf(
  task: CompletionTask,
  { left, right }: InFileContext,
  rankings: ReadonlyMap<string, Ranking>,
  plan: ExecutionPlan,
  tokenizer: Tokenizer,
): TaskEvidence {
  const { id, repository, path, language, reference } = task;
  const chunks = new Map<string, TaskEvidence['chunks'][number]>();
  for (const configuration of plan.configurations) {
    const ranking = rankings.get(rankingKey(configuration))!;
    for (const [i, chunk] of ('error' in ranking ? [] : ranking.chunks).entries()) {
      const { path: from, startLine, endLine, text, shown } = chunk;
      // Without lines, the place in the shipped order tells chunks of one file apart.
      const key = JSON.stringify(startLine === null ? ['shipped', i] : [from, startLine, endLine]);
      chunks.set(key, { path: from, startLine, endLine, text, ...(shown === undefined ? {} : { shown }) });
    }
  }
  return {
    ...{ taskId: id, repository, path, language, reference },
    ...{ left: tokenizer.decode(left), right: tokenizer.decode(right) },
    chunks: [...chunks.values()],
  };
}

type Ranking =
  | {
      readonly chunks: readonly RetrievedChunk[];
      /** The same as records name them: one list for the records of all pipelines. */
      readonly recorded: ScoredRecord['chunks'];
      readonly retrieveMs: Ms;
    }
  | { readonly error: unknown };

function rankingKey({ retriever, topK }: Configuration): string {
  return JSON.stringify([retriever, topK]);
}

/**
 * One timed ranking per retriever and top-k of the run; the pipelines that use it share its chunks and its
 * time.
 *
 * The chunks for a smaller k need not be the first of those for a larger one: repeated texts are dropped
 * after the k best were taken, so what is shown second for k = 10 may not be shown for k = 2.
 */
async function rankOnce({ task, plan, parts, rng }: TaskWork): Promise<Map<string, Ranking>> {
  const rankings = new Map<string, Ranking>();
  for (const configuration of rng.shuffle(plan.configurations)) {
    const key = rankingKey(configuration);
    if (rankings.has(key)) continue;
    const { retriever: name, topK } = configuration;
    if (name === null || topK === null) {
      rankings.set(key, { chunks: [], recorded: [], retrieveMs: ms(0) });
      continue;
    }
    try {
      const retriever = parts.retriever(name, task);
      const elapsed = stopwatch(parts.clock);
      const chunks = await retriever.retrieve(task, topK);
      const retrieveMs = elapsed();
      const recorded = chunks.map(({ path, startLine, endLine, score }) => ({
        path,
        startLine,
        endLine,
        score,
      }));
      rankings.set(key, { chunks, recorded, retrieveMs });
    } catch (error) {
      rankings.set(key, { error });
    }
  }
  return rankings;
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

function timingOf({ retrieveMs, prepared, samples, control }: Attempt, decodeMs: Ms): Timing {
  const { tokenizeMs, encodeMs, projectMs } = prepared;
  const prefillMs = medianOf(samples.map((sample) => sample.prefillMs));
  const { ttftMs, ttftSamplesMs } = ttftOf(samples);
  return {
    retrieveMs,
    tokenizeMs,
    encodeMs,
    projectMs,
    prefillMs,
    ttftMs,
    ttftColdMs: addMs(retrieveMs, tokenizeMs, encodeMs, projectMs, ttftMs),
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

/** A seed of 48 bits from the run's seed and the task alone. */
function taskSeed(seed: number, taskId: string): number {
  return Number.parseInt(sha256(JSON.stringify([seed, taskId])).slice(0, 12), 16);
}
