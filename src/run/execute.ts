/**
 * @file The core loop: task -> chunks -> prompts -> timed first tokens -> completions -> journal.
 *
 * Fairness rules, each because the opposite is known to bias the comparison:
 * - one decoder on one device answers every configuration of a task before the next task starts, and
 *   the configurations take turns in a random order, so that drift of the machine hits all alike;
 * - prompts of all configurations are finished before the first prefill is timed, and nothing else
 *   runs meanwhile;
 * - the first prompt of a length bucket is run once unrecorded, since runtimes allocate and choose
 *   kernels by shape;
 * - each task's order comes from the seed and its id alone, so resuming or sharding changes nothing.
 *
 * A configuration that fails is recorded with the stage and the message; the run goes on.
 */

import { stopwatch, type Clock } from '../domain/clock.js';
import type { ScoredChunk } from '../domain/chunk.js';
import { messageOf } from '../domain/errors.js';
import { sha256 } from '../domain/hash.js';
import type { CompletionTask } from '../domain/task.js';
import { addMs, ms, type Ms, type TokenId } from '../domain/units.js';
import { comparedText, isSettled, scoreLlavacode } from '../metrics/llavacode.js';
import { quantile } from '../metrics/statistics.js';
import type { Decoder } from '../model/decoder.js';
import { completeGreedily, firstToken, type FirstToken } from '../model/generate.js';
import type { Pipeline, PipelineName, PreparedPrompt } from '../pipelines/pipeline.js';
import type { FimTokens } from '../prompt/fim.js';
import type { Retriever, RetrieverName } from '../retrieval/retriever.js';
import { createRng } from '../tensor/rng.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { recordKey, type Configuration, type FailureStage, type TaskRecord } from './record.js';

/** Prompts whose lengths fall into one bucket share a warm-up. */
const WARM_UP_BUCKET_TOKENS = 128;

export interface ExecutionPlan {
  readonly tasks: readonly CompletionTask[];
  readonly configurations: readonly Configuration[];
  readonly topK: number;
  readonly maxNewTokens: number;
  /** Timed prefills per configuration and task; all samples are kept. */
  readonly ttftRepeats: number;
  readonly seed: number;
}

export interface ExecutionParts {
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly fim: FimTokens;
  readonly pipelines: ReadonlyMap<PipelineName, Pipeline>;
  /** A retriever over the task's repository, prepared for its file. */
  readonly retriever: (name: RetrieverName, task: CompletionTask) => Retriever;
  readonly clock: Clock;
}

export interface ExecutionHooks {
  /** Keys of records that exist already; they do not run again. */
  readonly recorded: ReadonlySet<string>;
  /** Called with every new record, in order; awaited before work goes on. */
  readonly onRecord: (record: TaskRecord) => Promise<void>;
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
  for (const task of plan.tasks) {
    const open = plan.configurations.filter(
      (configuration) => !hooks.recorded.has(recordKey(task.id, configuration)),
    );
    if (open.length === 0) continue;
    if (hooks.isCancelled()) return false;
    for (const record of await executeTask(task, open, plan, parts, warmed)) await hooks.onRecord(record);
  }
  return true;
}

/** A configuration on its way through the stages of one task. */
interface Attempt {
  readonly configuration: Configuration;
  readonly chunks: readonly ScoredChunk[];
  readonly retrieveMs: Ms;
  readonly prepared: PreparedPrompt;
  readonly samples: FirstToken[];
}

async function executeTask(
  task: CompletionTask,
  open: readonly Configuration[],
  plan: ExecutionPlan,
  parts: ExecutionParts,
  warmed: Set<number>,
): Promise<TaskRecord[]> {
  const records = new Map<Configuration, TaskRecord>();
  const identify = ({ pipeline, retriever }: Configuration) => ({
    taskId: task.id,
    repository: task.repository,
    crossFile: task.crossFile,
    pipeline,
    retriever,
  });
  const fail = (configuration: Configuration, stage: FailureStage, error: unknown): void => {
    const failure = { stage, message: messageOf(error) };
    records.set(configuration, { ...identify(configuration), status: 'failed', error: failure });
  };

  const rankings = await rankOnce(task, open, plan.topK, parts);
  const attempts: Attempt[] = [];
  for (const configuration of open) {
    const ranking = rankings.get(configuration.retriever)!;
    if ('error' in ranking) {
      fail(configuration, 'retrieve', ranking.error);
      continue;
    }
    try {
      const prepared = await parts.pipelines.get(configuration.pipeline)!.prepare(task, ranking.chunks);
      const promptTokens = prepared.prompt.ids.length;
      if (promptTokens + plan.maxNewTokens > parts.decoder.maxPositions) {
        const reason = 'prompt-too-long';
        records.set(configuration, { ...identify(configuration), status: 'skipped', reason, promptTokens });
      } else {
        attempts.push({ configuration, ...ranking, prepared, samples: [] });
      }
    } catch (error) {
      fail(configuration, 'prepare', error);
    }
  }

  const rng = createRng(taskSeed(plan.seed, task.id));
  const alive = new Set(attempts);
  for (let round = 1; round <= plan.ttftRepeats; round++) {
    for (const attempt of rng.shuffle(attempts)) {
      if (!alive.has(attempt)) continue;
      const { prompt, soft } = attempt.prepared;
      let stage: FailureStage = 'prefill';
      try {
        await warmUp(attempt.prepared, parts, warmed);
        const first = await firstToken(parts.decoder, prompt, soft, parts.clock);
        attempt.samples.push(first);
        if (round < plan.ttftRepeats) {
          first.step.cache.dispose();
          continue;
        }
        stage = 'decode';
        const { decoder, fim, clock, tokenizer } = parts;
        const stop = {
          tokens: fim.stop,
          maxNewTokens: plan.maxNewTokens,
          isSettled: (tokens: readonly TokenId[]) => isSettled(tokenizer.decode(tokens), task.reference),
        };
        const generated = await completeGreedily(decoder, first.step, stop, clock);
        const rawCompletion = tokenizer.decode(generated.tokens);
        records.set(attempt.configuration, {
          ...identify(attempt.configuration),
          status: 'scored',
          completion: comparedText(rawCompletion, task.reference),
          rawCompletion,
          ...scoreLlavacode(rawCompletion, task.reference),
          promptTokens: prompt.ids.length,
          softTokens: prompt.slots.length,
          chunks: shownChunks(attempt),
          generatedTokens: generated.tokens.length,
          stopReason: generated.stopReason,
          timing: timingOf(attempt, generated.decodeMs),
        });
      } catch (error) {
        alive.delete(attempt);
        fail(attempt.configuration, stage, error);
      }
    }
  }
  return open.flatMap((configuration) => records.get(configuration) ?? []);
}

type Ranking =
  { readonly chunks: readonly ScoredChunk[]; readonly retrieveMs: Ms } | { readonly error: unknown };

/** One timed ranking per retriever; the pipelines that use it share its chunks and its time. */
async function rankOnce(
  task: CompletionTask,
  open: readonly Configuration[],
  topK: number,
  parts: ExecutionParts,
): Promise<Map<RetrieverName | null, Ranking>> {
  const rankings = new Map<RetrieverName | null, Ranking>();
  for (const { retriever: name } of open) {
    if (rankings.has(name)) continue;
    if (name === null) {
      rankings.set(name, { chunks: [], retrieveMs: ms(0) });
      continue;
    }
    try {
      const retriever = parts.retriever(name, task);
      const elapsed = stopwatch(parts.clock);
      const chunks = await retriever.retrieve(task, topK);
      rankings.set(name, { chunks, retrieveMs: elapsed() });
    } catch (error) {
      rankings.set(name, { error });
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

function timingOf(
  { retrieveMs, prepared, samples }: Attempt,
  decodeMs: Ms,
): Extract<TaskRecord, { status: 'scored' }>['timing'] {
  const { tokenizeMs, encodeMs, projectMs } = prepared;
  const ttftSamplesMs = samples.map((sample) => sample.ttftMs);
  const ttftMs = ms(quantile(ttftSamplesMs, 0.5)!);
  const prefillMs = ms(
    quantile(
      samples.map((sample) => sample.prefillMs),
      0.5,
    )!,
  );
  const ttftColdMs = addMs(retrieveMs, tokenizeMs, encodeMs, projectMs, ttftMs);
  return {
    retrieveMs,
    tokenizeMs,
    encodeMs,
    projectMs,
    prefillMs,
    ttftMs,
    ttftColdMs,
    decodeMs,
    ttftSamplesMs,
  };
}

function shownChunks({ chunks }: Attempt): Extract<TaskRecord, { status: 'scored' }>['chunks'] {
  return chunks.map(({ path, startLine, endLine, score }) => ({ path, startLine, endLine, score }));
}

/** A seed of 48 bits from the run's seed and the task alone. */
function taskSeed(seed: number, taskId: string): number {
  return Number.parseInt(sha256(JSON.stringify([seed, taskId])).slice(0, 12), 16);
}
