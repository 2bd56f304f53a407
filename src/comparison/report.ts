/**
 * @file The reports of a run folder, made again: its numbers, and the files that show them.
 *
 * A folder that cannot be written still has numbers: they are returned together with the reason.
 */

import { existsSync } from 'node:fs';
import { DataError, UsageError } from '../domain/errors.js';
import { summarizeLatency, type LatencySummary } from '../report/numbers/latency-summary.js';
import { summarizeRun } from '../report/numbers/summarize-run.js';
import type { Summary } from '../report/numbers/summary.js';
import { writeLatencyReports } from '../report/publish/latency-publish.js';
import { writeReports, type PublishOptions, type ReportFormat } from '../report/publish/publish.js';
import { readRecordedRun, requireAllRecords } from '../run/finished-run.js';
import { readLatency, type LatencyRun } from '../run/latency-json.js';
import { runFolder, type RunFolder } from '../run/run-folder.js';
import type { RunJson } from '../run/run-json.js';

/** What {@link reportRun} is asked. */
export interface ReportRequest extends PublishOptions {
  /** Path of the run folder. */
  readonly path: string;
}

/** The numbers of a run, and whether its files could be written. */
export type ReportOutcome = (
  | {
      readonly kind: 'tasks';
      readonly run: RunJson;
      readonly summary: Summary;
      /** Records in the journal: all, or those that a run left so far. */
      readonly records: number;
    }
  | { readonly kind: 'latency'; readonly run: LatencyRun; readonly summary: LatencySummary }
) & {
  /** Why the files could not be written; null if they were. */
  readonly unwritten: DataError | null;
};

/**
 * Makes the reports of a run folder again; the same folder gives the same bytes.
 *
 * @throws {UsageError}   If a report is asked for that a run of this kind has not.
 * @throws {JournalError} If the folder holds no run, or one that was changed after it.
 * @example
 * const { summary, unwritten } = await reportRun({ path: 'results/main', formats: ['md'] });
 */
export async function reportRun({ path, ...options }: ReportRequest): Promise<ReportOutcome> {
  const folder = runFolder(path);
  return existsSync(folder.latency) ? reportLatency(folder, options) : reportTasks(folder, options);
}

async function reportTasks(folder: RunFolder, options: PublishOptions): Promise<ReportOutcome> {
  const recorded = await readRecordedRun(folder.path);
  const { run, records } = recorded;
  if (run.finishedAt !== null) requireAllRecords(recorded);
  const summary = summarizeRun(run, records);
  const unwritten = await problemOf(folder, writeReports(folder, { run, records, summary }, options));
  return { kind: 'tasks', run, summary, records: records.size, unwritten };
}

/** The reports that a run without tasks has. */
const LATENCY_FORMATS: ReadonlySet<ReportFormat> = new Set<ReportFormat>(['md', 'json']);

async function reportLatency(folder: RunFolder, { formats, tasks }: PublishOptions): Promise<ReportOutcome> {
  const stray = formats?.filter((format) => !LATENCY_FORMATS.has(format)) ?? [];
  if (stray.length > 0 || tasks !== undefined) {
    throw new UsageError(`${folder.path}: is of a run with --latency-only, which has no tasks`, [
      'its reports are md and json; leave --tasks out',
    ]);
  }
  const { run, samples } = await readLatency(folder);
  const summary = summarizeLatency(run, samples);
  const unwritten = await problemOf(folder, writeLatencyReports(folder, run, samples, summary));
  return { kind: 'latency', run, summary, unwritten };
}

/** Why the files could not be written, about the folder; null if they were. */
async function problemOf({ path }: RunFolder, writing: Promise<void>): Promise<DataError | null> {
  try {
    await writing;
    return null;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return new DataError(
      `${path}: the reports cannot be written there: ${error.message}`,
      ['the numbers are those of the folder all the same; copy it elsewhere to have the files'],
      { cause: error },
    );
  }
}
