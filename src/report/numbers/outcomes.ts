/**
 * @file Journal records as columns: one number a task and configuration, in one order of tasks.
 *
 * Everything statistical reads this table, so that pairing by task happens in one place.
 */

import { basisOf, numbered, type Basis } from '../../statistics/clusters.js';
import type { Outcomes } from '../../statistics/paired.js';
import type { Configuration } from '../../run/record.js';
import type { RecordTable, Rows } from '../../run/record-table.js';
import { likelihoodColumns, type LikelihoodColumns } from './likelihood.js';

/** What became of each task under one configuration. */
export interface OutcomeColumn extends Outcomes {
  readonly configuration: Configuration;
  /** The second timing of the same prompt; NaN where there is none. */
  readonly controlMs: Float64Array;
  readonly likelihood: LikelihoodColumns;
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

/**
 * Makes the table; a task without a scored record under a configuration has NaN there.
 *
 * @param rows The tasks to take, in order; all by default.
 */
export function tabulate(
  configurations: readonly Configuration[],
  records: RecordTable,
  rows: Rows = records.rows(),
): OutcomeTable {
  const ids = records.taskIds;
  const { cluster, count } = numbered(Array.from(rows, (row) => records.repository(row)));
  const columns = configurations.map((configuration) => {
    const column = records.column(configuration);
    return {
      configuration,
      exactMatch: column.numbers('exactMatch', rows),
      editSimilarity: column.numbers('editSimilarity', rows),
      ttftMs: column.numbers('ttftMs', rows),
      controlMs: column.numbers('controlMs', rows),
      likelihood: likelihoodColumns(column, rows),
    };
  });
  return { taskIds: Array.from(rows, (row) => ids[row]!), cluster, count, basis: basisOf(count), columns };
}
