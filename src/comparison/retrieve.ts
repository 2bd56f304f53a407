/**
 * @file Retrieval by itself as a function: from a request to ranked chunks in a file, a report, or both.
 *
 * The steps, one after the other: **open** tasks and encoder -> **retrieve** for every task, writing and judging
 * its chunks as they come -> **report**. No decoder is needed.
 */

import type { Dataset } from '../datasets/dataset.js';
import { evenSample } from '../datasets/even-sample.js';
import { openDataset } from '../datasets/open/open-dataset.js';
import { UsageError } from '../domain/errors.js';
import type { Language } from '../domain/languages.js';
import type { CompletionTask } from '../domain/task.js';
import type { DeviceRequest, Dtype } from '../inference/device.js';
import { ContextFile } from '../report/documents/context-file.js';
import type { ContextFormat } from '../report/documents/crossfile-fields.js';
import { retrievalRow, type RetrievalReport, type TaskQuality } from '../report/numbers/retrieval-quality.js';
import {
  DEFAULT_RETRIEVERS,
  retrieversInWords,
  takesShipped,
  usesEmbedder,
  type RetrieverName,
} from '../retrieval/kinds.js';
import {
  DEFAULT_RETRIEVAL_PROFILE,
  type QueryKind,
  type RetrievalProfileName,
} from '../retrieval/profile.js';
import { contextQuality } from '../retrieval/quality.js';
import type { RetrievalSetting } from '../run/repository-index.js';
import { retrieveAll, type NoChunks, type Retrieved, type RetrieveProgress } from '../run/task-chunks.js';
import { loadPlugins } from '../plugins/load.js';
import { fetchingWith, type OnEvent, type Surroundings } from './events.js';
import { loadEmbedder, type LoadedEmbedder } from './models/open-encoder.js';
import { requestedTopK, requireShipped, retrievalSetting } from './retrieval-setting.js';
import { DEFAULT_MODEL, deviceSelection } from './settings.js';

/** What {@link retrieveChunks} is asked. */
export interface RetrieveRequest {
  /** As `openDataset` takes it. */
  readonly dataset: string;
  /** Where the repositories of a file of records lie: a folder or an archive. */
  readonly repos?: string | undefined;
  /** Only this language, where tasks are made of a folder of code. */
  readonly language?: Language | undefined;
  /** Leave damaged records out and count them. */
  readonly skipInvalid?: boolean | undefined;
  /** How many tasks, spread evenly; all if absent. */
  readonly limit?: number | 'all' | undefined;
  /** Those of a run if absent; a file takes exactly one. */
  readonly retrievers?: readonly RetrieverName[] | undefined;
  readonly retrievalProfile?: RetrievalProfileName | undefined;
  /** Chunks a task; if absent, as many as the profile is known for. */
  readonly topK?: number | undefined;
  readonly query?: QueryKind | undefined;
  /** With the defects of the published harness. */
  readonly strictReference?: boolean | undefined;
  /** Where the chunks are written, and in which form. */
  readonly file?: { readonly path: string; readonly format: ContextFormat } | undefined;
  /** Whether to say how much of each hole the chunks hold. */
  readonly report?: boolean | undefined;
  /** Bundle whose encoder compares vectors, unless `retrieverEncoder` names another. */
  readonly model?: string | undefined;
  readonly retrieverEncoder?: string | undefined;
  readonly device?: DeviceRequest | undefined;
  readonly dtype?: Dtype | undefined;
  readonly threads?: number | undefined;
  /** Whether vectors of chunks are kept between runs; true if absent. */
  readonly vectorCache?: boolean | undefined;
  /** Files of plug-ins, from the working folder. */
  readonly plugins?: readonly string[] | undefined;
}

/** What retrieval came to. */
export type RetrieveOutcome =
  | {
      readonly kind: 'finished';
      readonly dataset: string;
      readonly tasks: number;
      /** Damaged records that were left out. */
      readonly skipped: number;
      /** Whether the query contained the answer. */
      readonly leaks: boolean;
      /** Tasks that got nothing from anyone, by reason. */
      readonly unanswered: ReadonlyMap<NoChunks, number>;
      /** Null where none was asked for. */
      readonly report: RetrievalReport | null;
    }
  /** Nothing was written. */
  | { readonly kind: 'interrupted' };

/**
 * Ranks the chunks of each task's repository as a published harness does.
 *
 * @throws {UsageError} If a file is to hold other than one ranking, or the profile has no such query or top-k.
 * @throws {DataError}  If the dataset cannot be used or the file cannot be written; no file is left then.
 * @throws {ModelError} If the encoder cannot be used.
 * @example
 * const request = { dataset: 'tiny', retrievers: ['bm25', 'jaccard'], report: true } as const;
 * const outcome = await retrieveChunks(request, quietSurroundings());
 * if (outcome.kind === 'finished') console.log(outcome.report?.rows[0]?.identifiers.mean); // a fraction
 */
export async function retrieveChunks(
  request: RetrieveRequest,
  surroundings: Surroundings,
): Promise<RetrieveOutcome> {
  await loadPlugins(request.plugins ?? []);
  const retrievers = requestedRetrievers(request);
  const setting = await retrievalSetting(
    request.retrievalProfile ?? DEFAULT_RETRIEVAL_PROFILE,
    request.query,
    request.strictReference,
  );
  const topK = requestedTopK(setting.profile, request.topK);
  const { dataset, tasks } = await openTasks(request, retrievers, surroundings);
  const embedder = await openEmbedder(request, retrievers, surroundings);
  try {
    const job = { request, retrievers, setting, topK, dataset, tasks, embedder };
    const found = await retrieveEach(job, surroundings);
    if (found === null) return { kind: 'interrupted' };
    const { unanswered } = found;
    const report = request.report === true ? reportOf(job, found) : null;
    const facts = { dataset: dataset.id, tasks: tasks.length, skipped: dataset.skipped };
    return { kind: 'finished', ...facts, leaks: setting.asking.leaks, unanswered, report };
  } finally {
    await embedder?.dispose();
  }
}

/** @throws {UsageError} If a file would hold no ranking or several. */
function requestedRetrievers({ retrievers, file }: RetrieveRequest): readonly RetrieverName[] {
  if (file === undefined) return retrievers ?? DEFAULT_RETRIEVERS;
  if (retrievers?.length === 1) return retrievers;
  throw new UsageError(
    retrievers === undefined
      ? '--out needs --retriever'
      : `--out holds one ranking, not ${retrievers.length}`,
    [`one of ${retrieversInWords()}`],
  );
}

async function openTasks(
  { dataset: reference, repos, language, skipInvalid, limit = 'all' }: RetrieveRequest,
  retrievers: readonly RetrieverName[],
  { onEvent }: Surroundings,
): Promise<{ readonly dataset: Dataset; readonly tasks: readonly CompletionTask[] }> {
  const dataset = await openDataset(reference, {
    ...(repos === undefined ? {} : { reposDir: repos }),
    ...(language === undefined ? {} : { language }),
    ...(skipInvalid === undefined ? {} : { skipInvalid }),
    withShipped: retrievers.some(takesShipped),
    onProgress: (line) => {
      onEvent({ kind: 'noted', line });
    },
  });
  const tasks = limit === 'all' ? dataset.tasks : evenSample(dataset.tasks, limit);
  requireShipped(dataset.id, tasks, retrievers);
  return { dataset, tasks };
}

/** The encoder, where a retriever compares vectors. The caller disposes of it. */
async function openEmbedder(
  request: RetrieveRequest,
  retrievers: readonly RetrieverName[],
  surroundings: Surroundings,
): Promise<LoadedEmbedder | null> {
  if (!retrievers.some(usesEmbedder)) return null;
  const { model = DEFAULT_MODEL, retrieverEncoder, device, dtype, threads, vectorCache = true } = request;
  return loadEmbedder(
    { bundle: model, retrieverEncoder },
    deviceSelection({ device, dtype, threads }),
    fetchingWith(surroundings),
    {
      keepsVectors: vectorCache,
      onNote: (line) => {
        surroundings.onEvent({ kind: 'noted', line });
      },
    },
  );
}

/** Everything that is open while tasks are answered. */
interface Job {
  readonly request: RetrieveRequest;
  readonly retrievers: readonly RetrieverName[];
  readonly setting: RetrievalSetting;
  readonly topK: number;
  readonly dataset: Dataset;
  readonly tasks: readonly CompletionTask[];
  readonly embedder: LoadedEmbedder | null;
}

/** What was found out about the answers. */
interface Found {
  readonly unanswered: Map<NoChunks, number>;
  /** Empty where no report is asked for. */
  readonly qualities: ReadonlyMap<RetrieverName, TaskQuality[]>;
}

/** Answers every task. The file appears when all are answered; null, and no file, if the work was interrupted. */
async function retrieveEach(job: Job, surroundings: Surroundings): Promise<Found | null> {
  const { request, retrievers, tasks } = job;
  const file =
    request.file === undefined
      ? null
      : await ContextFile.open(request.file.path, request.file.format, request.dataset, tasks);
  const found: Found = {
    unanswered: new Map(),
    qualities: new Map(retrievers.map((name) => [name, []])),
  };
  try {
    const outcome = await retrieveTasks(job, surroundings, async (retrieved) => {
      await file?.add(retrieved, retrievers[0]!);
      note(retrieved, found, request.report === true);
    });
    if (outcome === 'cancelled') return null;
    await file?.commit();
    return found;
  } finally {
    surroundings.onEvent({ kind: 'stopped' });
    await file?.discard();
  }
}

function retrieveTasks(
  { tasks, dataset, setting, retrievers, embedder, topK }: Job,
  { onEvent, signal }: Surroundings,
  onTask: (retrieved: Retrieved) => Promise<void>,
): Promise<'done' | 'cancelled'> {
  const resources = {
    embedder() {
      if (embedder === null) throw new RangeError('no encoder was opened');
      return embedder.embedder;
    },
  };
  return retrieveAll(
    { tasks, repository: (name) => dataset.repository(name), setting, retrievers, resources, topK },
    progressEvents(tasks.length, onEvent, signal),
    onTask,
  );
}

function note(
  { task, chunks, reason }: Retrieved,
  { unanswered, qualities }: Found,
  withQuality: boolean,
): void {
  if (reason !== null) unanswered.set(reason, (unanswered.get(reason) ?? 0) + 1);
  if (!withQuality) return;
  for (const [name, list] of chunks) {
    qualities.get(name)!.push({ ...contextQuality(task, list), repository: task.repository });
  }
}

function reportOf(
  { request, setting, dataset, tasks, topK, embedder }: Job,
  { unanswered, qualities }: Found,
): RetrievalReport {
  return {
    schema: 'llava-eval/retrieval-report@1',
    dataset: dataset.id,
    tasks: tasks.length,
    retrievalProfile: setting.profile.version,
    query: request.query ?? 'last-n',
    strictReference: request.strictReference ?? false,
    leaks: setting.asking.leaks,
    topK,
    retrieverEncoder: embedder?.name ?? null,
    unanswered: Object.fromEntries(unanswered),
    rows: [...qualities].map(([name, list]) => retrievalRow(name, list)),
  };
}

/** One piece of work over the tasks, and another one while a repository's chunks are encoded. */
function progressEvents(total: number, onEvent: OnEvent, signal: AbortSignal): RetrieveProgress {
  let answered = 0;
  let isEncoding = false;
  const start = (work: string, steps: number): void => {
    onEvent({ kind: 'started', work, total: steps, unit: 'steps' });
  };
  start('retrieving', total);
  return {
    encoding(chunks) {
      isEncoding = true;
      start('encoding', chunks);
    },
    encoded(chunks) {
      onEvent({ kind: 'advanced', steps: chunks });
    },
    answered() {
      if (isEncoding) {
        isEncoding = false;
        start('retrieving', total);
        onEvent({ kind: 'advanced', steps: answered });
      }
      answered++;
      onEvent({ kind: 'advanced', steps: 1 });
    },
    isCancelled: () => signal.aborted,
  };
}
