/**
 * @file Reads the folders of runs: of any run, or only of a run that is finished.
 */

import { JournalError } from '../domain/errors.js';
import { configurations } from './configurations.js';
import { readJournal } from './journal.js';
import type { RecordTable } from './record-table.js';
import { runFolder } from './run-folder.js';
import { readRunJson, type RunJson } from './run-json.js';

/** What a run left on disk, finished or not. */
export interface RecordedRun {
  readonly path: string;
  readonly run: RunJson;
  /** The numbers of the journal's records. */
  readonly records: RecordTable;
}

/** A run that {@link readFinishedRun} has read. */
export type FinishedRun = RecordedRun;

/**
 * Reads a run folder.
 *
 * @throws {JournalError} If a file of it cannot be read, or they belong to different runs.
 */
export async function readRecordedRun(path: string): Promise<RecordedRun> {
  const folder = runFolder(path);
  const run = await readRunJson(folder.runJson);
  const { fingerprint, records } = await readJournal(folder.journal, run.spec);
  if (fingerprint !== run.fingerprint) {
    throw new JournalError(`${path}: run.json and journal.jsonl belong to different runs`, [
      'restore the folder as it was written',
    ]);
  }
  return { path, run, records };
}

/**
 * Makes sure that the journal of a finished run holds all its records.
 *
 * @throws {JournalError} If some are missing. Of a shard only whole tasks can be asked for: how many tasks it had is
 *         not recorded.
 */
export function requireAllRecords({ path, run, records }: RecordedRun): void {
  const each = configurations(run.spec).length;
  const tasks = run.shard === null ? run.spec.dataset.taskCount : records.taskCount;
  if (records.size === tasks * each) return;
  throw new JournalError(`${runFolder(path).journal}: ${records.size} records, expected ${tasks * each}`, [
    `${tasks} tasks under ${each} configurations; the journal was changed after the run`,
  ]);
}

/**
 * Reads a run that was finished, is whole and scored something.
 *
 * @throws {JournalError} If it was interrupted, is one shard of several, has lost records, or measured nothing.
 */
export async function readFinishedRun(path: string): Promise<FinishedRun> {
  const recorded = await readRecordedRun(path);
  const { run, records } = recorded;
  if (run.finishedAt === null) {
    throw new JournalError(`${path}: the run was not finished (${records.size} records)`, [
      'part of a run is not what it would have measured; continue it with --resume first',
    ]);
  }
  if (run.shard !== null) {
    throw new JournalError(`${path}: holds shard ${run.shard.index} of ${run.shard.count}`, [
      'join the shards with `llava-eval merge` first',
    ]);
  }
  requireAllRecords(recorded);
  if (!records.isAnyScored) {
    throw new JournalError(`${path}: no task was scored`, [
      'nothing was measured, so there is nothing to judge',
    ]);
  }
  return recorded;
}
