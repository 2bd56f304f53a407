/**
 * @file Journal records as columns: one number a task and configuration, in one order of tasks.
 *
 * Everything statistical reads this table, so that pairing by task happens in one place.
 */

import { compareCodePoints } from '../../domain/text.js';
import { basisOf, numbered, type Basis } from '../../statistics/clusters.js';
import type { Outcomes } from '../../statistics/paired.js';
import { isSameConfiguration, type Configuration, type TaskRecord } from '../../run/record.js';

/** What became of each task under one configuration. */
export interface OutcomeColumn extends Outcomes {
  readonly configuration: Configuration;
  /** The second timing of the same prompt; NaN where there is none. */
  readonly controlMs: Float64Array;
}

/** The tasks of a run, or of a part of it, with the outcomes of every configuration. */
export interface OutcomeTable {
  /** In code-point order, so that resampling does not depend on the order in which records were written. */
  readonly taskIds: readonly string[];
  /** Repository of each task, as a number from 0. */
  readonly cluster: Int32Array;
  /** Repositories. */
  readonly count: number;
  /** What an interval over these tasks is an interval over. */
  readonly basis: Basis;
  readonly columns: readonly OutcomeColumn[];
}

/** Makes the table; a task without a scored record under a configuration has NaN there. */
export function tabulate(
  configurations: readonly Configuration[],
  records: readonly TaskRecord[],
): OutcomeTable {
  const repositoryOf = new Map(records.map(({ taskId, repository }) => [taskId, repository]));
  const taskIds = [...repositoryOf.keys()].sort(compareCodePoints);
  const rowOf = new Map(taskIds.map((id, row) => [id, row]));
  const { cluster, count } = numbered(taskIds.map((id) => repositoryOf.get(id)!));
  const empty = (): Float64Array => new Float64Array(taskIds.length).fill(NaN);
  const columns = configurations.map((configuration) => ({
    configuration,
    ...{ exactMatch: empty(), editSimilarity: empty(), ttftMs: empty(), controlMs: empty() },
  }));
  for (const record of records) {
    if (record.status !== 'scored') continue;
    const column = columns.find(({ configuration }) => isSameConfiguration(configuration, record));
    if (column === undefined) continue;
    const row = rowOf.get(record.taskId)!;
    column.exactMatch[row] = record.exactMatch;
    column.editSimilarity[row] = record.editSimilarity;
    column.ttftMs[row] = record.timing.ttftMs;
    column.controlMs[row] = record.timing.control?.ttftMs ?? NaN;
  }
  return { taskIds, cluster, count, basis: basisOf(count), columns };
}
