/**
 * @file What a run is, as its folder records it: everything that decides a number, and where it came from.
 */

import type { Clock } from '../domain/clock.js';
import { UsageError } from '../domain/errors.js';
import { sha256 } from '../domain/hash.js';
import { portablePath, withPortablePaths } from '../files/portable-path.js';
import type { PromptSetting } from '../pipelines/in-file.js';
import { kindOf, type ContextForm } from '../pipelines/kinds.js';
import type { PluginDescription } from '../plugins/description.js';
import { promptBudget } from '../prompt/budget.js';
import { describeHardware, gitState, ONNXRUNTIME_VERSION, PACKAGE } from '../run/environment.js';
import { runJson, type RunJson } from '../run/run-json.js';
import { fingerprint, runSpecSchema, type RunSpec } from '../run/run-spec.js';
import { withoutServers } from './request.js';
import { modelIds, type LoadedModels } from './models/load-models.js';
import type { OpenComparison } from './open.js';
import type { ComparisonRequest } from './request.js';
import type { ComparisonSettings } from './settings.js';

/** Settings, then the bundle's defaults: everything that decides a number. */
function runSpec(
  { axes, answers, prompt, expandedChunks }: ComparisonSettings,
  { dataset, chosen, models, retrieval, metrics, referenceEnd }: OpenComparison,
  plugins: readonly PluginDescription[],
): RunSpec {
  const { defaults } = models.decoder;
  const { softTokensPerChunk } = models;
  // Parsed, so that the fields stand in the order in which they are read back: a report that is rebuilt has the same bytes.
  return runSpecSchema.parse({
    program: { name: PACKAGE.name, version: PACKAGE.version, onnxruntime: ONNXRUNTIME_VERSION },
    dataset: {
      id: dataset.id,
      contentHash: dataset.contentHash,
      taskCount: chosen.length,
      taskIdsHash: sha256(JSON.stringify(chosen.map((task) => task.id))),
    },
    models: modelIds(models),
    pipelines: [...axes.pipelines],
    retrievers: [...axes.retrievers],
    topK: [...axes.topK],
    retrievalProfile: retrieval.profile.version,
    metricProfile: metrics.version,
    contextPlacement: prompt.placement ?? defaults.contextPlacement,
    maxPromptTokens: prompt.limits.maxPromptTokens ?? defaults.maxPromptTokens,
    maxNewTokens: prompt.limits.maxNewTokens,
    contextTokens: prompt.limits.contextTokens ?? defaults.contextTokens,
    ...executionOf(models),
    ...(answers.timing.kind === 'timed'
      ? { ttftRepeats: answers.timing.ttftRepeats }
      : { timing: 'none' as const }),
    seed: answers.seed,
    ...(softTokensPerChunk === 1 ? {} : { softTokensPerChunk }),
    ...(axes.compressionRatio === undefined ? {} : { compressionRatio: [...axes.compressionRatio] }),
    ...(expandedChunks === null ? {} : { expandedChunks }),
    ...(plugins.length === 0 ? {} : { plugins }),
    ...(referenceEnd === null ? {} : { referenceEnd }),
  });
}

/** Where the decoder runs, and what says so. The threads are always those of this machine. */
function executionOf({
  execution,
  decoder: { served },
}: LoadedModels): Pick<RunSpec, 'device' | 'dtype' | 'threads' | 'server'> {
  if (served === null) return execution;
  const { device, dtype, threads } = execution;
  return {
    ...{ device: 'vllm', dtype: served.facts.dtype ?? 'unknown', threads },
    server: { ...served.facts, encoders: { device, dtype } },
  };
}

/** The record of a run that begins: `finishedAt` and `resources` are null, `chunks` is 0. */
export function describeRun(
  request: ComparisonRequest,
  settings: ComparisonSettings,
  open: OpenComparison,
  plugins: readonly PluginDescription[],
  startedAt: Date,
): RunJson {
  const { dataset, models } = open;
  const spec = runSpec(settings, open, plugins);
  return runJson({
    given: withPortablePaths(withoutServers(request)),
    // The fingerprint is of the settings as they are; only what people read of them is made portable.
    spec: { ...spec, dataset: { ...spec.dataset, id: portablePath(spec.dataset.id) } },
    fingerprint: fingerprint(spec),
    shard: settings.tasks.shard,
    startedAt: startedAt.toISOString(),
    finishedAt: null,
    hardware: describeHardware(),
    git: gitState(process.cwd()),
    models: withPortablePaths({
      decoder: models.decoder.name,
      encoder: models.compression?.name ?? null,
      retrieverEncoder: models.retrieverEncoder?.name ?? null,
      bundle: models.bundle.name,
      sources: models.sources.map((source) => ({ ...source, files: { ...source.files } })),
    }),
    data: dataset.sources.map(({ repository, origin, licence, size }) => ({
      ...{ repository, origin: portablePath(origin), licence, size },
    })),
    skippedRecords: dataset.skipped,
    chunks: 0,
    deviceProof: models.decoder.proof,
    resources: null,
  });
}

/** Tasks whose prompts fill the budget would all be skipped: that is known before the first of them. */
function requirePositions(spec: RunSpec, { decoder, softTokensPerChunk, softPrompt }: LoadedModels): void {
  const { maxPromptTokens, contextTokens, topK } = spec;
  const { maxPositions } = decoder.decoder;
  const soft = Math.max(0, ...topK) * softTokensPerChunk;
  const room: Readonly<Record<ContextForm, number>> = {
    'commented-text': contextTokens,
    'bare-text': soft,
    'soft-tokens': soft,
    'own-text': 0,
  };
  for (const pipeline of spec.pipelines) {
    const { shows, softPrompt: place = 'shared' } = kindOf(pipeline);
    const constant = place === 'never' ? 0 : (softPrompt?.vectors.rows ?? 0);
    const shown = shows.reduce((sum, form) => sum + room[form], constant);
    if (maxPromptTokens + shown <= maxPositions) continue;
    const parts =
      shown === 0 ? `${maxPromptTokens}` : `${maxPromptTokens} + ${shown} = ${maxPromptTokens + shown}`;
    throw new UsageError(
      `prompts of ${pipeline} may take ${parts} tokens, and the decoder has positions for ${maxPositions}`,
      [
        'a task whose prompt is too long is skipped, and with this budget most would be',
        'lower --max-prompt-tokens (in-file context and new tokens), --context-tokens (cross-file text) or --top-k',
      ],
    );
  }
}

/**
 * What every prompt of a run has in common.
 *
 * @throws {UsageError} If the window leaves no room for the code around the hole, or a prompt that fills its budget has
 *         no room in the decoder.
 */
export function promptSetting(
  spec: RunSpec,
  { models, retrieval }: OpenComparison,
  clock: Clock,
): PromptSetting {
  const { tokenizer, format } = models.decoder;
  requirePositions(spec, models);
  return {
    ...{ tokenizer, format, clock },
    budget: promptBudget(spec, format),
    placement: spec.contextPlacement,
    chunkOrder: retrieval.profile.promptOrder,
  };
}
