/**
 * @file `llava-eval run`: one comparison from the command line to the run folder.
 *
 * Everything that can be refused is refused before the run folder is made: settings, dataset, models,
 * widths, device, journal.
 */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Dataset } from '../../datasets/dataset.js';
import { openDataset } from '../../datasets/open/open-dataset.js';
import { evenSample } from '../../datasets/even-sample.js';
import { EXIT, JournalError, UsageError, type ExitCode } from '../../domain/errors.js';
import { sha256 } from '../../domain/hash.js';
import type { CompletionTask } from '../../domain/task.js';
import type { MetricProfile } from '../../metrics/profile.js';
import { DEFAULT_METRIC_PROFILE } from '../../metrics/registry.js';
import { defaultThreads } from '../../model/ort/threads.js';
import { DEFAULT_PIPELINES, usesRetrieval, usesSoftTokens } from '../../pipelines/pipeline.js';
import type { ContextPlacement } from '../../prompt/assemble.js';
import { promptBudget, type PromptBudget } from '../../prompt/budget.js';
import { publish } from '../../report/publish/publish.js';
import { renderTable } from '../../report/terminal/table.js';
import { DEFAULT_RETRIEVAL_PROFILE } from '../../retrieval/profile.js';
import { DEFAULT_RETRIEVERS, takesShipped, usesEmbedder } from '../../retrieval/kinds.js';
import { configurations } from '../../run/configurations.js';
import { describeHardware, gitState, ONNXRUNTIME_VERSION, PACKAGE } from '../../run/environment.js';
import { execute } from '../../run/execute.js';
import { JournalWriter, readJournal } from '../../run/journal.js';
import { describeResources, PhaseTimer } from '../../run/phases.js';
import { recordKey, type TaskRecord } from '../../run/record.js';
import { indexRepositories } from '../../run/repository-index.js';
import { assertWritable, defaultFolder, makeFolder, runFolder } from '../../run/run-folder.js';
import { runJson, writeRunJson } from '../../run/run-json.js';
import { fingerprint, type RunSpec } from '../../run/run-spec.js';
import { tasksOfShard } from '../../run/shard.js';
import { EvidenceWriter, scanTaskEvidence } from '../../run/task-evidence.js';
import {
  composeEmbedder,
  composeMetricProfile,
  composePipelines,
  loadModels,
  openVectorCache,
  type LoadedModels,
} from '../../comparison/compose.js';
import { fetchProgress, SILENT, terminalProgress } from '../terminal/progress.js';
import { requireShipped, retrievalSetting } from '../../comparison/retrieval-setting.js';
import { addRunOptions, mergeRunOptions, readConfigFile, type RunOptions } from '../flags/run-options.js';
import type { Shell } from '../terminal/shell.js';
import { runLatency } from './latency.js';

const DEFAULT_DATASET = 'npm-ts-lines';
/** Tasks of the default benchmark in a run that names no limit: minutes, not an hour, on two cores. */
const DEFAULT_SAMPLE = 80;
const DEFAULT_TOP_K = 10;

/** Registers the command. */
export function registerRun(program: Command, shell: Shell): void {
  const command = program
    .command('run')
    .summary('run the comparison, write a run folder, print the table')
    .description(
      'Answers each task with every pipeline and retriever on one decoder and device, and reports Exact Match, ' +
        'Edit Similarity and time to first token. Results go to stdout, progress and notes to stderr.',
    );
  addRunOptions(command).action(async (flags: Record<string, unknown>) => {
    const configPath = typeof flags.config === 'string' ? flags.config : undefined;
    const given = mergeRunOptions(flags, await readConfigFile(configPath));
    shell.exit(given.latencyOnly === true ? await runLatency(given, shell) : await run(given, shell));
  });
}

async function run(given: RunOptions, shell: Shell): Promise<ExitCode> {
  const progress = given.quiet === true ? SILENT : terminalProgress(shell.stderr);
  const startedAt = shell.wallClock();
  const phases = new PhaseTimer(shell.clock, 'dataset');
  const datasetReference = given.dataset ?? DEFAULT_DATASET;
  const folder = runFolder(given.out ?? defaultFolder(startedAt, datasetReference));
  if (given.resume === true && given.out === undefined) {
    throw new UsageError('--resume needs --out: the folder of the run to continue');
  }
  await assertWritable(folder.path);
  const earlier = given.resume === true ? await readJournal(folder.journal) : null;
  const evidenced = earlier === null ? null : await scanTaskEvidence(folder.tasks);
  if (earlier === null && existsSync(folder.journal)) {
    throw new JournalError(`${folder.path}: holds a run already`, [
      'continue it with --resume, or choose another folder with --out',
    ]);
  }

  const axes = resolveAxes(given);
  const rows = configurations(axes);
  const retrieval = await retrievalSetting(given.retrievalProfile ?? DEFAULT_RETRIEVAL_PROFILE);
  const hardware = describeHardware();
  const threads = given.threads ?? defaultThreads();

  const dataset = await openDataset(datasetReference, {
    ...(given.repos === undefined ? {} : { reposDir: given.repos }),
    ...(given.skipInvalid === undefined ? {} : { skipInvalid: given.skipInvalid }),
    ...(given.format === undefined ? {} : { format: given.format }),
    withShipped: axes.retrievers.some(takesShipped),
    onProgress: (line) => {
      progress.note(line);
    },
  });
  for (const deviation of dataset.deviations) progress.note(deviation);
  const chosen = chooseTasks(dataset, given, datasetReference);
  requireShipped(dataset.id, chosen, axes.retrievers);
  const metrics = await composeMetricProfile(given.metricProfile ?? DEFAULT_METRIC_PROFILE, chosen);
  phases.enter('models');
  const models = await loadModels({
    bundle: given.model ?? 'nano',
    decoder: given.decoder,
    encoder: given.encoder,
    projector: given.projector,
    retrieverEncoder: given.retrieverEncoder,
    device: given.device ?? 'auto',
    dtype: given.dtype ?? 'fp32',
    threads,
    promptFamily: given.promptFamily,
    encoderInput: given.encoderInput,
    needsCompression: axes.pipelines.some(usesSoftTokens),
    needsSoftLength: axes.pipelines.includes('budget-rag'),
    needsEmbedder: axes.retrievers.some(usesEmbedder),
    requireDevice: given.requireDevice ?? false,
    fetching: { progress: fetchProgress(progress), signal: shell.interrupt },
  });
  try {
    const { spec, budget, placement } = resolveSpec({
      given,
      dataset,
      chosen,
      models,
      axes,
      retrievalProfile: retrieval.profile.version,
      metrics,
      threads,
    });
    const print = fingerprint(spec);
    if (earlier !== null && earlier.fingerprint !== print) {
      throw new UsageError(`${folder.path}: was made with other settings, data, models or versions`, [
        `its fingerprint is ${earlier.fingerprint.slice(0, 12)}, that of this command ${print.slice(0, 12)}`,
        'repeat the first command exactly and add --resume, or start a new run with another --out',
      ]);
    }
    const tasks = given.shard === undefined ? chosen : tasksOfShard(chosen, given.shard);
    if (tasks.length === 0) throw new UsageError('this shard holds no task; use fewer shards');

    phases.enter('index');
    const encoder = models.retrieverEncoder?.encoder;
    const execution = { device: models.device, dtype: given.dtype ?? 'fp32', threads } as const;
    const vectors =
      encoder === undefined || given.vectorCache === false
        ? null
        : openVectorCache(encoder, execution, (note) => {
            progress.note(note);
          });
    let encoded = 0;
    const index = await indexRepositories(
      {
        tasks,
        repository: (name) => dataset.repository(name),
        setting: retrieval,
        retrievers: axes.retrievers,
        resources: { embedder: () => composeEmbedder(models, vectors) },
      },
      {
        start: (chunks) => {
          phases.enter('encoding');
          encoded = chunks;
          progress.start('encoding', chunks);
        },
        advance: (chunks) => {
          progress.advance(chunks);
        },
        isCancelled: () => shell.interrupt.aborted,
      },
    );
    progress.stop();
    phases.enter('recording');
    if (index === null) {
      progress.note('interrupted before the first task; nothing was written');
      return EXIT.interrupted;
    }

    await makeFolder(folder.path);
    const journal =
      earlier === null
        ? await JournalWriter.create(folder.journal, print)
        : await JournalWriter.reopen(folder.journal, earlier);
    const evidence = await EvidenceWriter.open(folder.tasks, evidenced);
    const started = runJson({
      given,
      spec,
      fingerprint: print,
      shard: given.shard ?? null,
      startedAt: startedAt.toISOString(),
      finishedAt: null,
      hardware,
      git: gitState(process.cwd()),
      models: {
        decoder: models.decoderName,
        encoder: models.compression?.name ?? null,
        retrieverEncoder: models.retrieverEncoder?.name ?? null,
        bundle: models.bundle.name,
        sources: models.sources.map((source) => ({ ...source, files: { ...source.files } })),
      },
      data: dataset.sources.map(({ repository, origin, licence, size }) => ({
        repository,
        origin,
        licence,
        size,
      })),
      skippedRecords: dataset.skipped,
      chunks: index.chunkCount,
      deviceProof: models.proof,
      resources: null,
    });
    await writeRunJson(folder.runJson, started);

    const records: TaskRecord[] = [...(earlier?.records ?? [])];
    const total = tasks.length * rows.length;
    progress.start('answering', total);
    progress.advance(records.length);
    let isComplete: boolean;
    try {
      isComplete = await execute(
        {
          tasks,
          configurations: rows,
          maxNewTokens: spec.maxNewTokens,
          ttftRepeats: spec.ttftRepeats,
          seed: spec.seed,
        },
        {
          decoder: models.decoder,
          tokenizer: models.tokenizer,
          format: models.format,
          metrics,
          pipelines: composePipelines(
            axes.pipelines,
            models,
            { budget, placement, chunkOrder: retrieval.profile.promptOrder },
            shell.clock,
            spec.seed,
          ),
          retriever: (name, task) => index.retriever(name, task),
          clock: shell.clock,
        },
        {
          recorded: new Set(records.map((record) => recordKey(record.taskId, record))),
          isCancelled: () => shell.interrupt.aborted,
          onPhase: (phase) => {
            phases.enter(phase);
          },
          onTask: (task) => evidence.append(task),
          onRecord: async (record) => {
            await journal.append(record);
            records.push(record);
            progress.advance(1);
          },
        },
      );
    } finally {
      progress.stop();
      await evidence.close();
      await journal.close();
    }
    if (!isComplete) {
      progress.note(`interrupted: ${records.length} of ${total} records are kept in ${folder.path}`);
      progress.note('  repeat the command with --out and that folder and --resume to go on');
      return EXIT.interrupted;
    }

    phases.enter('report');
    const published = { ...started, finishedAt: shell.wallClock().toISOString() };
    const summary = await publish(folder, published, records);
    const resources = {
      ...phases.finish(),
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      vectors: { needed: vectors?.use.asked ?? encoded, kept: vectors?.use.found ?? 0 },
    };
    const finished = { ...published, resources };
    await writeRunJson(folder.runJson, finished);

    shell.stdout.write(
      given.json === true ? `${JSON.stringify(summary)}\n` : renderTable(summary, finished.deviceProof),
    );
    progress.note(
      `\n${describeTasks(dataset, tasks)}; everything is in ${folder.path}\n  report.html there shows the numbers and every task\n  ${describeResources(resources)}`,
    );
    return summary.rows.some((row) => row.tasks.failed > 0) ? EXIT.someTasksFailed : EXIT.done;
  } finally {
    progress.stop();
    await models.dispose();
  }
}

/** What spans the rows of the run. Without a pipeline that retrieves, there is no retriever and no top-k. */
function resolveAxes(given: RunOptions): Pick<RunSpec, 'pipelines' | 'retrievers' | 'topK'> {
  const pipelines = given.pipelines ?? [...DEFAULT_PIPELINES];
  if (!pipelines.some(usesRetrieval)) return { pipelines, retrievers: [], topK: [] };
  const topK = given.sweep?.topK ?? [given.topK ?? DEFAULT_TOP_K];
  return {
    pipelines,
    retrievers: given.retrievers ?? [...DEFAULT_RETRIEVERS],
    topK: [...new Set(topK)].sort((a, b) => a - b),
  };
}

/** Settings, then the bundle's defaults, then the program's: everything that decides a number. */
function resolveSpec(from: {
  readonly given: RunOptions;
  readonly dataset: Dataset;
  readonly chosen: readonly CompletionTask[];
  readonly models: LoadedModels;
  readonly axes: Pick<RunSpec, 'pipelines' | 'retrievers' | 'topK'>;
  readonly retrievalProfile: string;
  readonly metrics: MetricProfile;
  readonly threads: number;
}): { spec: RunSpec; budget: PromptBudget; placement: ContextPlacement } {
  const { given, dataset, chosen, models, axes, retrievalProfile, metrics, threads } = from;
  const { defaults } = models;
  const limits = {
    maxPromptTokens: given.maxPromptTokens ?? defaults.maxPromptTokens,
    maxNewTokens: given.maxNewTokens ?? 50,
    contextTokens: given.contextTokens ?? defaults.contextTokens,
  };
  const placement = given.contextPlacement ?? defaults.contextPlacement;
  const spec: RunSpec = {
    program: { name: PACKAGE.name, version: PACKAGE.version, onnxruntime: ONNXRUNTIME_VERSION },
    dataset: {
      id: dataset.id,
      contentHash: dataset.contentHash,
      taskCount: chosen.length,
      taskIdsHash: sha256(JSON.stringify(chosen.map((task) => task.id))),
    },
    models: modelIds(models),
    ...axes,
    retrievalProfile,
    metricProfile: metrics.version,
    contextPlacement: placement,
    ...limits,
    device: models.device,
    dtype: given.dtype ?? 'fp32',
    threads,
    ttftRepeats: given.ttftRepeats ?? 1,
    seed: given.seed ?? 0,
    ...(models.softTokensPerChunk === 1 ? {} : { softTokensPerChunk: models.softTokensPerChunk }),
  };
  return { spec, budget: promptBudget(limits, models.format), placement };
}

/** The tasks of the whole run, in the dataset's order. */
function chooseTasks(dataset: Dataset, given: RunOptions, reference: string): readonly CompletionTask[] {
  let tasks = dataset.tasks;
  if (given.tasks !== undefined) {
    const known = new Map<string, CompletionTask>(tasks.map((task) => [task.id, task]));
    const unknown = given.tasks.filter((id) => !known.has(id));
    if (unknown.length > 0) {
      throw new UsageError(`${dataset.id} has no task ${unknown.join(', ')}`, [
        `its ids look like ${tasks[0]?.id ?? '(it has none)'}`,
      ]);
    }
    const wanted = new Set(given.tasks);
    tasks = tasks.filter((task) => wanted.has(task.id));
  }
  const limit =
    given.limit ?? (given.tasks === undefined && reference === DEFAULT_DATASET ? DEFAULT_SAMPLE : 'all');
  return limit === 'all' ? tasks : evenSample(tasks, limit);
}

function describeTasks(dataset: Dataset, tasks: readonly CompletionTask[]): string {
  const part = `${tasks.length} of ${dataset.tasks.length} tasks of ${dataset.id}`;
  return tasks.length < dataset.tasks.length ? `${part} (--limit all for every one)` : part;
}

function modelIds(models: LoadedModels): RunSpec['models'] {
  const { compression, retrieverEncoder } = models;
  return {
    decoder: models.decoder.identity,
    decoderTokenizer: models.tokenizer.identity,
    promptFamily: models.format.family,
    compression:
      compression === null
        ? null
        : {
            encoder: compression.encoder.identity,
            encoderTokenizer: compression.tokenizer.identity,
            projector: compression.projector.identity,
            input: compression.conventions.input,
            maxTokens: compression.conventions.maxTokens,
            normalize: compression.conventions.normalize,
          },
    retrieverEncoder:
      retrieverEncoder === null
        ? null
        : { encoder: retrieverEncoder.encoder.identity, tokenizer: retrieverEncoder.tokenizer.identity },
  };
}
