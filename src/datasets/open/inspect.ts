/**
 * @file A dataset in numbers, with one of its tasks.
 */

import { UsageError } from '../../domain/errors.js';
import type { CompletionTask } from '../../domain/task.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import { openDataset } from './open-dataset.js';
import { overviewOf, type Overview } from './overview.js';

/** What {@link inspectDataset} finds. */
export interface Inspection {
  readonly overview: Overview;
  readonly sample: CompletionTask;
}

/**
 * Counts a dataset and picks a task to show.
 *
 * @param taskId The task to show; the first if undefined.
 * @throws {UsageError} If there is no such task.
 * @throws {DataError}  If the dataset cannot be used.
 * @example
 * const { overview } = await inspectDataset('tiny', undefined);
 * overview.crossFile; // => { yes: 7, no: 5, unstated: 0 }
 */
export async function inspectDataset(
  reference: string,
  taskId: string | undefined,
  options: Omit<DatasetOptions, 'withShipped'> = {},
): Promise<Inspection> {
  const dataset = await openDataset(reference, { ...options, withShipped: true });
  const sample = taskId === undefined ? dataset.tasks[0]! : taskById(dataset, taskId);
  return { overview: overviewOf(dataset), sample };
}

function taskById({ id, tasks }: Dataset, wanted: string): CompletionTask {
  const task = tasks.find((candidate) => candidate.id === wanted);
  if (task !== undefined) return task;
  throw new UsageError(`${id} has no task "${wanted}"`, [
    `its first is "${tasks[0]!.id}"; all are in its file, or in the journal of a run`,
  ]);
}
