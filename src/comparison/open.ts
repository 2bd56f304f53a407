/**
 * @file Opens everything a run works with: its tasks, its scores, its models.
 */

import type { Dataset } from '../datasets/dataset.js';
import { evenSample } from '../datasets/even-sample.js';
import { openDataset } from '../datasets/open/open-dataset.js';
import { ModelError, UsageError } from '../domain/errors.js';
import type { CompletionTask } from '../domain/task.js';
import { referenceEndOf } from '../generation/reference-end.js';
import type { ReferenceEnd } from '../generation/reference.js';
import type { MetricProfile } from '../metrics/profile.js';
import { borrowsChunks, needsSoftPrompt, usesScorer, type PipelineName } from '../pipelines/kinds.js';
import { takesShipped } from '../retrieval/kinds.js';
import { configurations } from '../run/configurations.js';
import type { PhaseTimer } from '../run/phases.js';
import { lenderOf, type Lender } from '../run/lender.js';
import type { Configuration } from '../run/record.js';
import type { RetrievalSetting } from '../run/repository-index.js';
import { tasksOfShard } from '../run/shard.js';
import { fetchingWith, type Surroundings } from './events.js';
import { openMetricProfile } from './metric-profile.js';
import { loadModels, type LoadedModels } from './models/load-models.js';
import { requireShipped } from './retrieval-setting.js';
import type { AnswerSelection, ComparisonSettings, TaskSelection } from './settings.js';

export interface OpenComparison {
  readonly dataset: Dataset;
  /** The tasks of the whole run, in the dataset's order. */
  readonly chosen: readonly CompletionTask[];
  /** Those of this shard. */
  readonly tasks: readonly CompletionTask[];
  readonly configurations: readonly Configuration[];
  readonly retrieval: RetrievalSetting;
  readonly metrics: MetricProfile;
  readonly models: LoadedModels;
  /** Who lends chunks to the pipelines that must not see their own; null where no pipeline borrows. */
  readonly lender: Lender | null;
  /** How the decoder ends a line; null where the likelihood of the references is not measured. */
  readonly referenceEnd: ReferenceEnd | null;
}

/**
 * Opens dataset and models. The caller disposes of the models.
 *
 * @returns Null if the shard holds no task; no model is opened then.
 * @throws {UsageError} If a task is asked for that is not there, or there is none.
 * @throws {DataError}  If the dataset cannot be used, or lacks chunks that are asked for as shipped.
 * @throws {ModelError} If a model cannot be used.
 */
export async function openComparison(
  settings: ComparisonSettings,
  retrieval: RetrievalSetting,
  phases: PhaseTimer,
  surroundings: Surroundings,
): Promise<OpenComparison | null> {
  const { axes } = settings;
  const withShipped = axes.retrievers.some(takesShipped);
  const dataset = await openTasks(settings.tasks, withShipped, surroundings);
  const chosen = chooseTasks(dataset, settings.tasks);
  requireShipped(dataset.id, chosen, axes.retrievers);
  const { shard } = settings.tasks;
  if (chosen.length === 0) throw new UsageError(`${dataset.id} holds no task`);
  const tasks = shard === null ? chosen : tasksOfShard(chosen, shard);
  if (tasks.length === 0) return null;
  const lender = openLender(settings, dataset.id, chosen);
  const metrics = await openMetricProfile(settings.answers.metricProfile, chosen);
  phases.enter('models');
  const models = await loadModels(
    settings.models,
    settings.needs,
    settings.device,
    fetchingWith(surroundings),
    surroundings.clock,
  );
  try {
    requireScorer(axes, models);
    requireConcurrent(settings.answers, models);
    requireSoftPrompt(axes.pipelines, models);
    const referenceEnd = settings.answers.likelihood ? await findReferenceEnd(models, surroundings) : null;
    return {
      ...{ dataset, chosen, tasks, configurations: configurations(axes), retrieval, metrics, models },
      ...{ lender, referenceEnd },
    };
  } catch (error) {
    await models.dispose();
    throw error;
  }
}

/** @throws {UsageError} If a pipeline is about a constant prompt and the run has none. */
function requireSoftPrompt(pipelines: readonly PipelineName[], { softPrompt }: LoadedModels): void {
  const needing = pipelines.filter(needsSoftPrompt);
  if (needing.length === 0 || softPrompt !== null) return;
  throw new UsageError(`${needing.join(' and ')} shows a tuned constant prompt, and this run has none`, [
    'give one with --soft-prompt FILE, or leave it out of --pipelines',
  ]);
}

/** @throws {UsageError} If a pipeline borrows chunks and all tasks are of one repository. */
function openLender(
  { axes, answers }: ComparisonSettings,
  id: string,
  chosen: readonly CompletionTask[],
): Lender | null {
  const borrowers = axes.pipelines.filter(borrowsChunks);
  if (borrowers.length === 0) return null;
  const lender = lenderOf(chosen, answers.seed);
  if (lender !== null) return lender;
  throw new UsageError(
    `${borrowers.join(' and ')} show the chunks of a task of another repository, and the tasks of ${id} are all of ` +
      (chosen[0]?.repository ?? 'none'),
    ['give a dataset of two repositories or more, or leave them out of --pipelines'],
  );
}

/** @throws {ModelError} If a pipeline asks for probabilities and the decoder hands out none. */
function requireScorer({ pipelines }: ComparisonSettings['axes'], { decoder }: LoadedModels): void {
  const asking = pipelines.filter(usesScorer);
  if (asking.length === 0 || decoder.decoder.scorer !== null) return;
  throw new ModelError(
    `${decoder.name}: hands out no probabilities, and ${asking.join(', ')} choose by them`,
    ['leave these pipelines out, or take a decoder as weights instead of an export'],
  );
}

/** @throws {UsageError} If tasks are to overlap and the decoder takes one sequence at a time. */
function requireConcurrent({ timing }: AnswerSelection, { decoder }: LoadedModels): void {
  if (timing.kind === 'timed' || timing.tasksAtOnce === 1 || decoder.decoder.concurrent) return;
  throw new UsageError(
    `--concurrency ${timing.tasksAtOnce}: the decoder ${decoder.name} takes one sequence at a time`,
    ['leave --concurrency out: tasks overlap only on a decoder that is a server of its own'],
  );
}

/** @throws {ModelError} If the decoder's probabilities are no numbers. */
async function findReferenceEnd(
  { decoder: { decoder, tokenizer, format, name } }: LoadedModels,
  { onEvent }: Surroundings,
): Promise<ReferenceEnd | null> {
  const { scorer } = decoder;
  if (scorer === null) {
    onEvent({
      kind: 'noted',
      line: `${name} hands out no probabilities: the likelihood of the references is left out`,
    });
    return null;
  }
  try {
    return await referenceEndOf({ decoder, scorer, tokenizer, format });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ModelError(
      `${name} gives no usable probabilities: ${error.message}`,
      [
        'weights or activations have overflowed: run in fp32, or on another device',
        'with --no-likelihood the run goes on without them',
      ],
      { cause: error },
    );
  }
}

async function openTasks(
  { dataset: reference, repos, format, language, skipInvalid }: TaskSelection,
  withShipped: boolean,
  { onEvent }: Surroundings,
): Promise<Dataset> {
  const note = (line: string): void => {
    onEvent({ kind: 'noted', line });
  };
  const dataset = await openDataset(reference, {
    ...(repos === undefined ? {} : { reposDir: repos }),
    ...(format === undefined ? {} : { format }),
    ...(language === undefined ? {} : { language }),
    skipInvalid,
    withShipped,
    onProgress: note,
  });
  dataset.deviations.forEach(note);
  return dataset;
}

/** The tasks that are named, or an even sample. @throws {UsageError} If one is named that is not there. */
function chooseTasks(
  { id, tasks }: Dataset,
  { tasks: named, limit }: TaskSelection,
): readonly CompletionTask[] {
  const wanted = named === undefined ? null : new Set(named);
  const known = new Set<string>(tasks.map((task) => task.id));
  const unknown = [...(wanted ?? [])].filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new UsageError(`${id} has no task ${unknown.join(', ')}`, [
      `its ids look like ${tasks[0]?.id ?? '(it has none)'}`,
    ]);
  }
  const left = wanted === null ? tasks : tasks.filter((task) => wanted.has(task.id));
  return limit === 'all' ? left : evenSample(left, limit);
}
