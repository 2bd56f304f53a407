/**
 * @file Reads the folder of a run that is finished. Whatever draws conclusions from a run reads it here.
 */

import { JournalError } from '../domain/errors.js';
import { configurations } from './configurations.js';
import { readJournal } from './journal.js';
import type { TaskRecord } from './record.js';
import { runFolder } from './run-folder.js';
import { readRunJson, type RunJson } from './run-json.js';

export interface FinishedRun {
  readonly path: string;
  readonly run: RunJson;
  readonly records: readonly TaskRecord[];
}

/**
 * Reads a run that was finished, is whole and scored something.
 *
 * @throws {JournalError} If it was interrupted, is one shard of several, has lost records, or measured nothing.
 */
export async function readFinishedRun(path: string): Promise<FinishedRun> {
  const folder = runFolder(path);
  const run = await readRunJson(folder.runJson);
  const { fingerprint, records } = await readJournal(folder.journal);
  if (fingerprint !== run.fingerprint) {
    throw new JournalError(`${path}: run.json and journal.jsonl belong to different runs`, [
      'restore the folder as it was written',
    ]);
  }
  if (run.finishedAt === null) {
    throw new JournalError(`${path}: the run was not finished (${records.length} records)`, [
      'part of a run is not what it would have measured; continue it with --resume first',
    ]);
  }
  if (run.shard !== null) {
    throw new JournalError(`${path}: holds shard ${run.shard.index} of ${run.shard.count}`, [
      'join the shards with `llava-eval merge` first',
    ]);
  }
  const expected = run.spec.dataset.taskCount * configurations(run.spec).length;
  if (records.length !== expected) {
    throw new JournalError(`${folder.journal}: ${records.length} records, expected ${expected}`, [
      `${run.spec.dataset.taskCount} tasks under ${configurations(run.spec).length} configurations; the journal was changed after the run`,
    ]);
  }
  if (!records.some(({ status }) => status === 'scored')) {
    throw new JournalError(`${path}: no task was scored`, [
      'nothing was measured, so there is nothing to judge',
    ]);
  }
  return { path, run, records };
}
