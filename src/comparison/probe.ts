/**
 * @file The diagnostics of a compressor as a function: from a request to a folder that says what its soft tokens are.
 *
 * The steps, one after the other: **open** tasks and models -> **retrieve** the chunks of every task -> **encode** them
 * once each -> measure **collapse** -> read the tasks with moved soft tokens (**smoothness**) -> read one chunk a task by
 * itself (**identifiers**) -> **publish**. Nothing is written before the last step.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import { DataError } from '../domain/errors.js';
import type { CompletionTask } from '../domain/task.js';
import { loadPlugins } from '../plugins/load.js';
import { agreementOf } from '../probe/agreement.js';
import {
  distinctChunks,
  OtherChunks,
  poolOf,
  softTokens,
  type ChunkPool,
  type PooledChunk,
} from '../probe/chunk-pool.js';
import { geometryOf } from '../probe/geometry.js';
import {
  readCarried,
  type CarriedChunk,
  type CarrierParts,
  type SampledChunk,
} from '../probe/identifiers.js';
import { PERTURBATIONS } from '../probe/perturbations.js';
import {
  readSmoothness,
  type SmoothnessParts,
  type SmoothnessTask,
  type Unread,
} from '../probe/smoothness.js';
import { probeFolder, publishProbe, requireFreeFolder } from '../report/probe/probe-folder.js';
import type { Probe } from '../report/probe/probe-json.js';
import { summarizeProbe, type ProbeReadings } from '../report/probe/summarize.js';
import { DEFAULT_RETRIEVAL_PROFILE } from '../retrieval/profile.js';
import { PhaseTimer } from '../run/phases.js';
import { defaultFolder } from '../run/run-folder.js';
import type { RunJson } from '../run/run-json.js';
import type { Comparison } from './comparison.js';
import type { Surroundings } from './events.js';
import { indexChunks } from './index-chunks.js';
import { openComparison } from './open.js';
import { compressorOf } from './open-pipelines.js';
import { probeSettings, type ProbeRequest } from './probe-request.js';
import { retrievalSetting } from './retrieval-setting.js';
import { comparisonSettings } from './settings.js';
import { describeRun, promptSetting } from './spec.js';
import { meanNorm } from '../tensor/matrix.js';

/** What a probe came to. */
export type ProbeOutcome =
  | { readonly kind: 'finished'; readonly folder: string; readonly probe: Probe }
  /** Nothing was written. */
  | { readonly kind: 'interrupted' };

/**
 * Probes the compressor of a bundle, or one that is put together.
 *
 * @param request      `{}` probes the embedded model.
 * @param surroundings Told of progress; ends the work by its signal.
 * @throws {UsageError} If the settings contradict each other.
 * @throws {DataError}  If the dataset cannot be used, fewer than two chunks are found, or the folder cannot be written
 *                      or holds a probe already.
 * @throws {ModelError} If a model cannot be used.
 * @example
 * const outcome = await probeCompressor({ dataset: 'tiny', out: 'results/probe' }, quietSurroundings());
 * if (outcome.kind === 'finished') console.log(outcome.probe.collapse.softTokens.meanCosine);
 */
export async function probeCompressor(
  request: ProbeRequest,
  surroundings: Surroundings,
): Promise<ProbeOutcome> {
  const { asked, limits } = probeSettings(request);
  const plugins = await loadPlugins(asked.plugins ?? []);
  const startedAt = surroundings.wallClock();
  const retrieval = await retrievalSetting(asked.retrievalProfile ?? DEFAULT_RETRIEVAL_PROFILE);
  const settings = comparisonSettings(asked, retrieval.profile);
  const folder = probeFolder(asked.out ?? `${defaultFolder(startedAt, settings.tasks.dataset)}-probe`);
  await requireFreeFolder(folder);
  const phases = new PhaseTimer(surroundings.clock, 'dataset');
  const open = await openComparison(settings, retrieval, phases, surroundings);
  if (open === null) throw new RangeError('a probe has no shards');
  try {
    const run = describeRun(asked, settings, open, plugins, startedAt);
    const prompt = promptSetting(run.spec, open, surroundings.clock);
    const readings = await measure({ surroundings, phases, settings, open, prompt, run }, limits);
    if (readings === null) return { kind: 'interrupted' };
    const probe = summarizeProbe(readings);
    await publishProbe(folder, probe);
    return { kind: 'finished', folder: folder.path, probe };
  } finally {
    surroundings.onEvent({ kind: 'stopped' });
    await open.models.dispose();
  }
}

/** Everything that is open. */
type Open = Omit<Comparison, 'folder' | 'retried'>;

/** Null if it was interrupted. */
async function measure(probe: Open, limits: ProbeReadings['limits']): Promise<ProbeReadings | null> {
  const { open, run } = probe;
  const found = await retrieveChunks(probe);
  if (found === null) return null;
  const all = distinctChunks(found.chunks, Infinity);
  requireChunks(all.length, open.dataset.id);
  const pool = await encodeChunks(probe, distinctChunks(all, limits.chunks));
  if (pool === null) return null;
  const parts = partsOf(probe, pool, limits);
  const tasks = await readTasks(probe, found.shown, parts);
  if (tasks === null) return null;
  const chunks = await readChunks(probe, found.shown, parts);
  if (chunks === null) return null;
  return {
    ...{ spec: run.spec, limits, tasks: tasks.read, unreadTasks: tasks.unread },
    ...{ chunks: chunks.read, unreadChunks: chunks.unread },
    models: namesOf(run),
    collapse: {
      found: all.length,
      measured: pool.chunks.length,
      encoder: geometryOf(pool.encoded),
      softTokens: geometryOf(softTokens(pool)),
      meanNorm: parts.meanNorm,
      agreement: agreementOf(pool.encoded, pool.projected),
    },
  };
}

function namesOf({ models: { bundle, decoder, encoder } }: RunJson): ProbeReadings['models'] {
  return { bundle, decoder, encoder: encoder ?? bundle };
}

/** @throws {DataError} If there is nothing to compare. */
function requireChunks(found: number, dataset: string): void {
  if (found >= 2) return;
  throw new DataError(
    `${dataset}: retrieval found ${found} different chunks, and a probe compares at least two`,
    [
      'does the retrieval profile look for files of this kind, and has each repository a second file?',
      'take more tasks with --limit, or another --retrieval-profile',
    ],
  );
}

/** What was retrieved. */
interface Found {
  /** Those of all retrievers. */
  readonly chunks: readonly PooledChunk[];
  /** Those that a prompt of each task shows, the first retriever's. */
  readonly shown: ReadonlyMap<CompletionTask, readonly RetrievedChunk[]>;
}

async function retrieveChunks(probe: Open): Promise<Found | null> {
  const { open, settings, surroundings, phases } = probe;
  const index = await indexChunks(probe);
  if (index === null) return null;
  phases.enter('retrieval');
  const { retrievers, topK } = settings.axes;
  const chunks: PooledChunk[] = [];
  const shown = new Map<CompletionTask, readonly RetrievedChunk[]>();
  start(surroundings, 'retrieving', open.tasks.length);
  for (const task of open.tasks) {
    if (surroundings.signal.aborted) return null;
    const { repository, language } = task;
    for (const name of retrievers) {
      const ranked = await index.retriever(name, task).retrieve(task, topK[0]!);
      chunks.push(...ranked.map(({ text }) => ({ text, repository, language })));
      if (!shown.has(task)) shown.set(task, ranked);
    }
    advance(surroundings);
  }
  return { chunks, shown };
}

async function encodeChunks(
  { open, surroundings, phases }: Open,
  chunks: readonly PooledChunk[],
): Promise<ChunkPool | null> {
  phases.enter('encoding');
  start(surroundings, 'encoding', chunks.length);
  return poolOf(
    chunks,
    compressorOf(open.models),
    (steps) => {
      surroundings.onEvent({ kind: 'advanced', steps });
    },
    () => surroundings.signal.aborted,
  );
}

function partsOf(
  { open, prompt, run }: Open,
  pool: ChunkPool,
  { recallTokens }: ProbeReadings['limits'],
): SmoothnessParts & CarrierParts {
  const { models, metrics, referenceEnd } = open;
  const { decoder } = models.decoder;
  return {
    ...{ decoder, metrics, pool, recallTokens, setting: prompt },
    likelihood:
      referenceEnd === null || decoder.scorer === null ? null : { scorer: decoder.scorer, end: referenceEnd },
    constants: models.softPrompt?.vectors ?? null,
    compressor: compressorOf(models),
    others: new OtherChunks(pool),
    meanNorm: meanNorm(softTokens(pool)),
    maxNewTokens: run.spec.maxNewTokens,
    seed: run.spec.seed,
  };
}

async function readTasks(
  { surroundings, phases }: Open,
  shown: Found['shown'],
  parts: SmoothnessParts,
): Promise<{ readonly read: readonly SmoothnessTask[]; readonly unread: readonly Unread[] } | null> {
  phases.enter('prefill');
  const prompts = 1 + PERTURBATIONS.length;
  start(surroundings, 'moving soft tokens', shown.size * prompts);
  const read: SmoothnessTask[] = [];
  const unread: Unread[] = [];
  for (const [task, chunks] of shown) {
    if (surroundings.signal.aborted) return null;
    const result = await readSmoothness(task, chunks, parts, () => {
      advance(surroundings);
    });
    if (typeof result === 'string') {
      unread.push(result);
      advance(surroundings, prompts);
    } else read.push(result);
  }
  return { read, unread };
}

/** The best chunk of each task, each text once. */
function sampledChunks(shown: Found['shown']): SampledChunk[] {
  const sampled = new Map<string, SampledChunk>();
  for (const [{ id, repository, language }, [best]] of shown) {
    if (best === undefined || sampled.has(best.text)) continue;
    sampled.set(best.text, { taskId: id, repository, language, text: best.text });
  }
  return [...sampled.values()];
}

async function readChunks(
  { surroundings, phases }: Open,
  shown: Found['shown'],
  parts: CarrierParts,
): Promise<{ readonly read: readonly CarriedChunk[]; readonly unread: number } | null> {
  phases.enter('likelihood');
  const sampled = sampledChunks(shown);
  start(surroundings, 'looking for names', sampled.length);
  const read: CarriedChunk[] = [];
  for (const chunk of sampled) {
    if (surroundings.signal.aborted) return null;
    const result = await readCarried(chunk, parts);
    if (result !== null) read.push(result);
    advance(surroundings);
  }
  return { read, unread: sampled.length - read.length };
}

function start({ onEvent }: Surroundings, work: string, total: number): void {
  onEvent({ kind: 'started', work, total, unit: 'steps' });
}

function advance({ onEvent }: Surroundings, steps = 1): void {
  onEvent({ kind: 'advanced', steps });
}
