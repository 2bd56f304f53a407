/**
 * @file Shards of one run, joined into a run folder of their own.
 */

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { DataError, JournalError, UsageError } from '../domain/errors.js';
import type { Summary } from '../report/numbers/summary.js';
import { publish } from '../report/publish/publish.js';
import { readRecordedRun } from '../run/finished-run.js';
import { JournalWriter, scanJournal } from '../run/journal.js';
import { mergeShards, type MergedShards, type ShardRun } from '../run/merge.js';
import { RecordTable } from '../run/record-table.js';
import {
  assertWritable,
  makeFolder,
  requireNothingForeign,
  runFolder,
  type RunFolder,
} from '../run/run-folder.js';
import { writeRunJson, type RunJson } from '../run/run-json.js';
import { EvidenceWriter, scanTaskEvidence } from '../run/task-evidence.js';

/** The run that the shards make. */
export interface MergedRun {
  readonly run: RunJson;
  readonly summary: Summary;
}

/**
 * Joins the run folders of all shards of one run into a new one, with its reports.
 *
 * @param paths Run folders of the shards, in any order.
 * @param out   The run folder to make. If its records cannot be written, none of them is left.
 * @throws {UsageError}   If a folder is given twice.
 * @throws {JournalError} If `out` holds a run already, or the shards do not make one run.
 * @throws {DataError}    If `out` cannot be written, or holds files of somebody else under the names of a run's.
 * @example
 * const { summary } = await mergeRuns(['results/1', 'results/2'], 'results/all');
 */
export async function mergeRuns(paths: readonly string[], out: string): Promise<MergedRun> {
  if (new Set(paths).size < paths.length) throw new UsageError('a run folder was given twice');
  const folder = runFolder(out);
  await assertWritable(out);
  requireNoRun(folder);
  requireNothingForeign(folder);
  const shards: ShardRun[] = [];
  for (const path of paths) shards.push(await readRecordedRun(path));
  const merged = mergeShards(shards);
  const records = await writeRun(folder, merged);
  return { run: merged.run, summary: await publish(folder, merged.run, records) };
}

/** @throws {JournalError} If the folder holds a run, finished or not. */
function requireNoRun({ path, journal, runJson }: RunFolder): void {
  if (!existsSync(journal) && !existsSync(runJson)) return;
  throw new JournalError(`${path}: holds a run already`, [
    'shards are joined into a folder of their own; name another one with --out',
  ]);
}

/**
 * Writes records, tasks and run.json; nothing of them is left if that fails.
 *
 * @returns The numbers of all records.
 */
async function writeRun(folder: RunFolder, { run, paths }: MergedShards): Promise<RecordTable> {
  await makeFolder(folder.path);
  const made: string[] = [];
  try {
    const journal = await JournalWriter.create(folder.journal, run.fingerprint);
    made.push(folder.journal);
    const records = new RecordTable();
    await copyAll(paths, journal, (path) =>
      scanJournal(runFolder(path).journal, async (record) => {
        await journal.append(record);
        records.add(record);
      }),
    );
    const tasks = await EvidenceWriter.open(folder.tasks, null);
    made.push(folder.tasks);
    await copyAll(paths, tasks, (path) =>
      scanTaskEvidence(runFolder(path).tasks, (evidence) => tasks.append(evidence)),
    );
    await writeRunJson(folder.runJson, run);
    return records;
  } catch (error) {
    for (const file of made) await rm(file, { force: true });
    if (!(error instanceof DataError)) throw error;
    throw new DataError(
      error.message,
      ['nothing of the merged run was kept; make room, or name another folder with --out, and merge again'],
      { cause: error },
    );
  }
}

/** Copies the lines of each folder and closes the file, also after a line that could not be written. */
async function copyAll(
  paths: readonly string[],
  file: { close(): Promise<void> },
  copy: (path: string) => Promise<unknown>,
): Promise<void> {
  try {
    for (const path of paths) await copy(path);
  } finally {
    await file.close();
  }
}
