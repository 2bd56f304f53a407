/**
 * @file `openRun`: a run folder as data.
 */

import { summarizeRun } from '../report/numbers/summarize-run.js';
import type { Summary } from '../report/numbers/summary.js';
import { collectRecords } from '../run/journal.js';
import { readRecordedRun } from '../run/finished-run.js';
import type { TaskRecord } from '../run/record.js';
import { runFolder } from '../run/run-folder.js';
import type { RunJson } from '../run/run-json.js';
import { readTaskEvidence, type TaskEvidence } from '../run/task-evidence.js';

/** A run folder, finished or not. */
export interface OpenedRun {
  readonly path: string;
  /** `run.json`: settings, fingerprint, hashes, hardware. `finishedAt` is null while the run is not finished. */
  readonly run: RunJson;
  /** The numbers of `summary.json`, computed from the records: quality in percent, times in milliseconds. */
  readonly summary: Summary;
  /**
   * The journal: one record for each task and configuration, with texts and chunks. Times in milliseconds, scores as
   * fractions. Read anew with every call, since a large run has gigabytes of them.
   */
  readonly records: () => Promise<readonly TaskRecord[]>;
  /** The tasks by id, with the code around each hole and the chunks; empty where the folder lacks `tasks.jsonl`. */
  readonly tasks: () => Promise<ReadonlyMap<string, TaskEvidence>>;
}

/**
 * Opens a run folder. No plug-in is needed, whatever the run used.
 *
 * @throws {JournalError} If it holds no run, or its files do not belong together.
 * @example
 * const { summary } = await openRun('results/a');
 * for (const { pipeline, exactMatch } of summary.rows) console.log(pipeline, exactMatch.mean, exactMatch.ci95);
 */
export async function openRun(path: string): Promise<OpenedRun> {
  const { run, records } = await readRecordedRun(path);
  return {
    ...{ path, run, summary: summarizeRun(run, records) },
    records: () => collectRecords(runFolder(path).journal),
    async tasks() {
      return (await readTaskEvidence(runFolder(path).tasks))?.tasks ?? new Map<string, TaskEvidence>();
    },
  };
}
