/**
 * @file From a request to the settings of a run: defaults filled in, contradictions refused. Opens nothing.
 *
 * Each group goes to one step of the run. What only the model bundle knows stays absent until it is open.
 */

import { availableParallelism } from 'node:os';
import { UsageError } from '../domain/errors.js';
import type { FormatName } from '../datasets/formats/all.js';
import { DEFAULT_DATASET, findRegistered } from '../datasets/open/registry.js';
import type { Language } from '../domain/languages.js';
import type { Dtype } from '../inference/device.js';
import { DEFAULT_METRIC_PROFILE, type MetricProfileName } from '../metrics/registry.js';
import { defaultThreads } from '../model/ort/threads.js';
import {
  DEFAULT_PIPELINES,
  obeysCompressionRatio,
  pipelineNames,
  usesExpansion,
  usesRetrieval,
  usesSoftLength,
  usesSoftTokens,
  type PipelineName,
} from '../pipelines/kinds.js';
import type { PromptLimits } from '../prompt/budget.js';
import type { ContextPlacement } from '../prompt/assemble.js';
import { DEFAULT_RETRIEVERS, usesEmbedder } from '../retrieval/kinds.js';
import type { RetrievalProfile } from '../retrieval/profile.js';
import type { Axes } from '../run/configurations.js';
import type { TimingPlan } from '../run/execution.js';
import { shardOfScheduler, type Environment } from '../run/scheduler.js';
import type { Shard } from '../run/shard.js';
import { isServed, parseServers } from '../serving/address.js';
import { requestedTopK } from './retrieval-setting.js';
import type { DeviceSelection, ModelNeeds, ModelSelection } from './models/selection.js';
import type { ComparisonRequest } from './request.js';

/** Which tasks are answered. */
export interface TaskSelection {
  /** As {@link openDataset} takes it. */
  readonly dataset: string;
  readonly repos: string | undefined;
  readonly format: FormatName | undefined;
  readonly language: Language | undefined;
  readonly skipInvalid: boolean;
  /** Only these tasks; all of them if undefined. */
  readonly tasks: readonly string[] | undefined;
  readonly limit: number | 'all';
  /** Null for a whole run. */
  readonly shard: Shard | null;
}

/** What a prompt may hold; absent values are those of the bundle. */
export interface PromptSelection {
  readonly limits: Partial<PromptLimits> & Pick<PromptLimits, 'maxNewTokens'>;
  readonly placement: ContextPlacement | undefined;
}

/** How completions are timed and scored. */
export interface AnswerSelection {
  readonly metricProfile: MetricProfileName;
  readonly timing: TimingPlan;
  readonly seed: number;
  /** Records that may fail before the run ends: a number, a share of all such as `5%`, or any number if null. */
  readonly maxFailures: number | string | null;
  /** Whether the likelihood of the references is measured, where the decoder can tell it. */
  readonly likelihood: boolean;
}

/** Everything a run does, as far as it is known before anything is opened. */
export interface ComparisonSettings {
  readonly tasks: TaskSelection;
  readonly axes: Axes;
  readonly models: ModelSelection;
  readonly needs: ModelNeeds;
  readonly device: DeviceSelection;
  readonly prompt: PromptSelection;
  readonly answers: AnswerSelection;
  readonly keepsVectors: boolean;
  /** Chunks that a pipeline of text and soft tokens shows as text; null where the run has none. */
  readonly expandedChunks: number | null;
}

/**
 * Fills in the defaults.
 *
 * @param profile The retrieval profile of the request: it has a top-k of its own.
 * @param environment Where a scheduler says which shard this process is.
 * @throws {UsageError} If the request asks for more chunks than the profile's harness ever returns, for the shard
 *         of a scheduler that does not say one, for more threads than the machine can bear, for repeated timings where
 *         nothing is timed, or for tasks that overlap where something is.
 * @example comparisonSettings({ limit: 5 }, retrievalProfile('repoformer')).axes.topK // => [10]
 */
export function comparisonSettings(
  request: ComparisonRequest,
  profile: RetrievalProfile,
  environment: Environment = process.env,
): ComparisonSettings {
  const axes = resolveAxes(request, profile);
  const timing = timingPlan(request);
  return {
    tasks: taskSelection(request, environment),
    axes,
    models: {
      bundle: request.model ?? DEFAULT_MODEL,
      decoder: request.decoder,
      ...servedSelection(request, timing.kind === 'timed'),
      tokenizer: request.tokenizer,
      encoder: request.encoder,
      projector: request.projector,
      softPrompt: request.softPrompt,
      retrieverEncoder: request.retrieverEncoder,
      ...promptForm(request),
      encoderInput: request.encoderInput,
    },
    needs: {
      compression: axes.pipelines.some(usesSoftTokens),
      softLength: axes.pipelines.some(usesSoftLength),
      embedder: axes.retrievers.some(usesEmbedder),
    },
    device: deviceSelection(request),
    prompt: {
      limits: {
        maxNewTokens: request.maxNewTokens ?? DEFAULT_NEW_TOKENS,
        ...(request.maxPromptTokens === undefined ? {} : { maxPromptTokens: request.maxPromptTokens }),
        ...(request.contextTokens === undefined ? {} : { contextTokens: request.contextTokens }),
      },
      placement: request.contextPlacement,
    },
    answers: {
      metricProfile: request.metricProfile ?? DEFAULT_METRIC_PROFILE,
      timing,
      seed: request.seed ?? 0,
      maxFailures: request.maxFailures ?? null,
      likelihood: request.likelihood ?? true,
    },
    keepsVectors: request.vectorCache ?? true,
    expandedChunks: requestedExpansion(request, axes),
  };
}

/** The bundle of a request that names none: the embedded one. */
export const DEFAULT_MODEL = 'nano';
/** LlavaCode's `max_new_tokens`. */
export const DEFAULT_NEW_TOKENS = 50;
const DEFAULT_DTYPE: Dtype = 'fp32';

/** Threads for each processor that are of no use to anybody, and of which a machine may die. */
const MOST_THREADS_EACH = 4;

/**
 * On what and how the decoder runs.
 *
 * @throws {UsageError} If it asks for more threads than the machine can bear.
 */
export function deviceSelection({
  device = 'auto',
  dtype = DEFAULT_DTYPE,
  threads = defaultThreads(),
  requireDevice = false,
}: Pick<ComparisonRequest, 'device' | 'dtype' | 'threads' | 'requireDevice'>): DeviceSelection {
  const processors = availableParallelism();
  if (threads > MOST_THREADS_EACH * processors) {
    throw new UsageError(
      `--threads ${threads}: this process may use ${processors} processors, and at most ${MOST_THREADS_EACH * processors} threads are taken`,
      [
        'threads beyond the processors wait for each other, so they make a model slower and the machine unusable',
        `leave --threads out for one a physical core (here ${defaultThreads()})`,
      ],
    );
  }
  return { device, dtype, threads, isRequired: requireDevice };
}

/** What spans the rows of the run. Without a pipeline that retrieves, there is no retriever and no top-k. */
function resolveAxes(request: ComparisonRequest, profile: RetrievalProfile): Axes {
  const pipelines = request.pipelines ?? [...DEFAULT_PIPELINES];
  if (!pipelines.some(usesRetrieval)) return { pipelines, retrievers: [], topK: [] };
  const topK = (request.sweep?.topK ?? [request.topK]).map((k) => requestedTopK(profile, k));
  const ascending = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
  return {
    pipelines,
    retrievers: request.retrievers ?? [...DEFAULT_RETRIEVERS],
    topK: ascending(topK),
    ...requestedRatios(request, pipelines, ascending),
  };
}

/** Where nobody says how many chunks are shown as text. */
const DEFAULT_EXPANSION = 1;

/** @throws {UsageError} If no pipeline of the run has chunks of both kinds. */
function requestedExpansion({ expand }: ComparisonRequest, { pipelines }: Axes): number | null {
  if (pipelines.some(usesExpansion)) return expand ?? DEFAULT_EXPANSION;
  if (expand === undefined) return null;
  throw new UsageError(`--expand ${expand} was given, and no pipeline of the run shows chunks in two ways`, [
    `add ${pipelineNames().filter(usesExpansion).join(' or ')} with --pipelines, or leave --expand out`,
  ]);
}

/** @throws {UsageError} If no pipeline of the run obeys a ratio. */
function requestedRatios(
  { compressionRatio, sweep }: ComparisonRequest,
  pipelines: readonly PipelineName[],
  ascending: (values: readonly number[]) => number[],
): Pick<Axes, 'compressionRatio'> {
  const ratios = sweep?.compressionRatio ?? (compressionRatio === undefined ? [] : [compressionRatio]);
  if (ratios.length === 0) return {};
  if (!pipelines.some(obeysCompressionRatio)) {
    const obeying = pipelineNames().filter(obeysCompressionRatio);
    throw new UsageError(`a compression ratio was given, and ${pipelines.join(', ')} obey none`, [
      `a ratio divides the text budget of ${obeying.join(', ')}; add one of them with --pipelines`,
    ]);
  }
  return { compressionRatio: ascending(ratios) };
}

/** @throws {UsageError} If the request asks for something that only a run with times has, or only one without them. */
function timingPlan({ timing = true, ttftRepeats, concurrency }: ComparisonRequest): TimingPlan {
  if (timing) {
    if (concurrency === undefined) return { kind: 'timed', ttftRepeats: ttftRepeats ?? 1 };
    throw new UsageError(`--concurrency ${concurrency} goes only with --no-timing`, [
      'tasks that are answered at the same time wait for each other, so that their times would mean nothing',
      'add --no-timing for a run of quality alone, or leave --concurrency out',
    ]);
  }
  if (ttftRepeats === undefined) return { kind: 'not-timed', tasksAtOnce: concurrency ?? 1 };
  throw new UsageError(`--ttft-repeats ${ttftRepeats} does not go with --no-timing`, [
    'a run that is not timed prefills each prompt once; leave one of the two out',
  ]);
}

/** Tasks that are named run all; else a large benchmark of this program gives a sample. */
function taskSelection(request: ComparisonRequest, environment: Environment): TaskSelection {
  const { dataset = DEFAULT_DATASET, repos, format, language, tasks, shard = null } = request;
  const sample = tasks === undefined ? findRegistered(dataset)?.sample : null;
  return {
    dataset,
    repos,
    format,
    language,
    skipInvalid: request.skipInvalid ?? false,
    tasks,
    limit: request.limit ?? sample ?? 'all',
    shard: shard === 'auto' ? shardOfScheduler(environment) : shard,
  };
}

/**
 * What a decoder behind a server needs beside its address.
 *
 * @param isTimed Whether times are compared with each other.
 * @throws {UsageError} If its files are not named, something of a server is said of another decoder, or several servers are
 *   named for one comparison of times.
 */
export function servedSelection(
  {
    decoder,
    decoderFiles,
    allowPrefixCache,
  }: Pick<ComparisonRequest, 'decoder' | 'decoderFiles' | 'allowPrefixCache'>,
  isTimed: boolean,
): Pick<ModelSelection, 'decoderFiles' | 'allowsPrefixCache'> {
  const served = decoder !== undefined && isServed(decoder);
  if (served && decoderFiles === undefined) {
    throw new UsageError(
      '--decoder vllm:… needs --decoder-files: the files of the model that the server runs',
      [
        'soft tokens stand among the embeddings of its table, and the server hands none out',
        'give a folder, a .gguf file or a hub id; of the weights, only the table is read',
      ],
    );
  }
  const stray = [
    ...(decoderFiles === undefined ? [] : ['--decoder-files']),
    ...(allowPrefixCache === undefined ? [] : ['--allow-prefix-cache']),
  ];
  if (!served && stray.length > 0) {
    throw new UsageError(`${stray.join(' and ')} only with a decoder behind a server`, [
      'name the server with --decoder vllm:URL',
    ]);
  }
  if (served && isTimed && parseServers(decoder).length > 1) {
    throw new UsageError(
      '--decoder names several servers, and times of different servers are not comparable',
      ['name one of them, or measure quality alone with --no-timing'],
    );
  }
  // What a server remembers changes times and nothing else.
  return { decoderFiles, allowsPrefixCache: allowPrefixCache ?? !isTimed };
}

/** How the decoder is prompted, where the user says it. @throws {UsageError} If it is said twice. */
function promptForm({
  promptFamily,
  promptTemplate,
}: ComparisonRequest): Pick<ModelSelection, 'promptFamily' | 'promptTemplate'> {
  if (promptFamily !== undefined && promptTemplate !== undefined) {
    throw new UsageError('--prompt-family and --prompt-template say the same thing; give one of them', [
      `the family ${promptFamily} or the template ${promptTemplate}`,
    ]);
  }
  return { promptFamily, promptTemplate };
}
