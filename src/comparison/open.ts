/**
 * @file Opens everything a run works with: its tasks, its scores, its models.
 */

import type { Dataset } from '../datasets/dataset.js';
import { evenSample } from '../datasets/even-sample.js';
import { openDataset } from '../datasets/open/open-dataset.js';
import { UsageError } from '../domain/errors.js';
import type { CompletionTask } from '../domain/task.js';
import type { MetricProfile } from '../metrics/profile.js';
import { takesShipped } from '../retrieval/kinds.js';
import { configurations } from '../run/configurations.js';
import type { PhaseTimer } from '../run/phases.js';
import type { Configuration } from '../run/record.js';
import type { RetrievalSetting } from '../run/repository-index.js';
import { tasksOfShard } from '../run/shard.js';
import { fetchingWith, type Surroundings } from './events.js';
import { openMetricProfile } from './metric-profile.js';
import { loadModels, type LoadedModels } from './models/load-models.js';
import { requireShipped } from './retrieval-setting.js';
import type { ComparisonSettings, TaskSelection } from './settings.js';

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
  const metrics = await openMetricProfile(settings.answers.metricProfile, chosen);
  phases.enter('models');
  const models = await loadModels(
    settings.models,
    settings.needs,
    settings.device,
    fetchingWith(surroundings),
  );
  return { dataset, chosen, tasks, configurations: configurations(axes), retrieval, metrics, models };
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
