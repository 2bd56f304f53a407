/**
 * @file `junit.xml` of a run: a suite a configuration, a case a task, so that a CI system shows which tasks could
 * not be answered. A wrong completion is a result, not a failure; judging a run is the gate's work.
 */

import { configurationLabel, type Configuration, type TaskRecord } from '../../run/record.js';
import { RecordTable, type RecordColumn } from '../../run/record-table.js';
import type { RunJson } from '../../run/run-json.js';
import { junitLines, type JUnitCase } from './junit.js';

/**
 * The lines of the file; the order of the records does not matter.
 *
 * @param records Those of the journal, as a table or one by one.
 */
export function runJUnit(
  run: RunJson,
  configurations: readonly Configuration[],
  records: RecordTable | Iterable<TaskRecord>,
): Iterable<string> {
  const table = RecordTable.from(records);
  return junitLines(
    `llava-eval: ${run.spec.dataset.id}`,
    configurations.map((configuration) => ({
      name: configurationLabel(configuration, run.spec.topK),
      timestamp: run.startedAt,
      cases: { [Symbol.iterator]: () => casesOf(table, table.column(configuration)) },
    })),
  );
}

function* casesOf(table: RecordTable, column: RecordColumn): Generator<JUnitCase> {
  const ids = table.taskIds;
  for (const row of table.rows()) {
    const outcome = outcomeOf(column, row);
    if (outcome !== null) yield { name: ids[row]!, group: table.repository(row), ...outcome };
  }
}

function outcomeOf(column: RecordColumn, row: number): Omit<JUnitCase, 'name' | 'group'> | null {
  if (column.status(row) === 'scored') {
    const ms = column.number('ttftColdMs', row) + column.number('decodeMs', row);
    // Where nothing was timed, a case has no time.
    return Number.isNaN(ms) ? { outcome: 'passed' } : { outcome: 'passed', seconds: ms / 1000 };
  }
  const record = column.unscored(row);
  if (record === null) return null;
  switch (record.status) {
    case 'failed':
      return { outcome: 'error', message: `${record.error.stage}: ${record.error.message}` };
    case 'skipped':
      return { outcome: 'skipped', message: skipped(record) };
  }
}

function skipped({ reason, promptTokens }: Extract<TaskRecord, { status: 'skipped' }>): string {
  switch (reason) {
    case 'prompt-too-long':
      return `the prompt of ${promptTokens} tokens is longer than the model allows`;
    case 'no-reference':
      return 'the metric profile has no value for the reference of this task';
  }
}
