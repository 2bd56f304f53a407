/**
 * @file The records of a run with their texts, in an order that does not depend on that of the journal: by task id, and
 * then as the rows of the report.
 *
 * A journal can be larger than memory, so it is read as often as it takes to have a part of the tasks at a time. A run of
 * less than fifty thousand records is read once.
 */

import { collectRecords } from '../../run/journal.js';
import { recordKey, type Configuration, type TaskRecord } from '../../run/record.js';
import type { RecordTable } from '../../run/record-table.js';

/** Records in memory; with their texts about 2 kB each. */
const RECORDS_AT_ONCE = 50_000;

/**
 * Every record of a journal.
 *
 * @param table          The numbers of the same journal.
 * @param configurations The rows of the report, in their order.
 * @param atOnce         Most records in memory, but those of one task at least.
 * @throws {JournalError} If the journal cannot be read.
 */
export async function* recordsInOrder(
  journal: string,
  table: RecordTable,
  configurations: readonly Configuration[],
  atOnce = RECORDS_AT_ONCE,
): AsyncGenerator<TaskRecord, void> {
  const ids = table.taskIds;
  const ordered = Array.from(table.rows(), (row) => ids[row]!);
  const rankOf = new Map(ordered.map((id, rank) => [id, rank]));
  const placeOf = new Map(configurations.map((one, place) => [recordKey('', one), place]));
  const place = (record: TaskRecord): number => placeOf.get(recordKey('', record)) ?? placeOf.size;
  const tasksAtOnce = Math.max(1, Math.floor(atOnce / Math.max(1, configurations.length)));
  for (let from = 0; from < ordered.length; from += tasksAtOnce) {
    const isOfThisPart = (id: string): boolean => {
      const rank = rankOf.get(id);
      return rank !== undefined && rank >= from && rank < from + tasksAtOnce;
    };
    const records = await collectRecords(journal, isOfThisPart);
    yield* records.sort((a, b) => rankOf.get(a.taskId)! - rankOf.get(b.taskId)! || place(a) - place(b));
  }
}
