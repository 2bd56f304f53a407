/**
 * @file Makes the reports of a run folder. They are a function of `run.json` and the journal alone, so
 * making them again gives the same bytes.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically, writeLinesAtomically, writePartsAtomically } from '../../files/atomic-file.js';
import { makeFolders } from '../../files/folder.js';
import { configurations } from '../../run/configurations.js';
import { collectRecords } from '../../run/journal.js';
import type { TaskRecord } from '../../run/record.js';
import type { RecordTable } from '../../run/record-table.js';
import type { RunFolder } from '../../run/run-folder.js';
import type { RunJson } from '../../run/run-json.js';
import { CHART_IDS, drawCharts, type DrawnChart } from '../charts/charts.js';
import { csvParts } from '../data-files/csv.js';
import { dataColumns } from '../data-files/data-columns.js';
import { recordsInOrder } from '../data-files/ordered-records.js';
import { parquetParts } from '../data-files/parquet.js';
import { listedTasks, packTasks, readPageEvidence } from '../html/explorer-data.js';
import { readPageAssets } from '../html/assets.js';
import { renderHtml } from '../html/document.js';
import { renderMarkdown } from '../documents/markdown.js';
import { runJUnit } from '../documents/run-junit.js';
import type { Summary } from '../numbers/summary.js';
import { summarizeRun } from '../numbers/summarize-run.js';
import { reportView } from '../view/view.js';

/** What a run writes by itself. */
export const DEFAULT_FORMATS = ['md', 'html', 'junit', 'json'] as const;
/** And what it has for other programs. */
export const REPORT_FORMATS = [...DEFAULT_FORMATS, 'csv', 'parquet'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

export interface PublishOptions {
  /** Default: those that a run writes by itself. */
  readonly formats?: readonly ReportFormat[];
  /** Most tasks whose prompts the page holds; by default as many as fit. */
  readonly tasks?: number | 'fit' | 'all';
}

/**
 * Summarizes a run and writes its reports.
 *
 * @param records The numbers of the folder's journal.
 * @throws {DataError} If a file cannot be written.
 */
export async function publish(
  folder: RunFolder,
  run: RunJson,
  records: RecordTable,
  options: PublishOptions = {},
): Promise<Summary> {
  const summary = summarizeRun(run, records);
  await writeReports(folder, { run, records, summary }, options);
  return summary;
}

/** A run and its numbers. */
export interface SummarizedRun {
  readonly run: RunJson;
  readonly records: RecordTable;
  readonly summary: Summary;
}

/**
 * Writes the reports of a run folder, each file whole or not at all.
 *
 * @throws {DataError} If a file cannot be written.
 */
export async function writeReports(
  folder: RunFolder,
  { run, records, summary }: SummarizedRun,
  { formats = DEFAULT_FORMATS, tasks = 'fit' }: PublishOptions = {},
): Promise<void> {
  if (formats.includes('json')) {
    await writeAtomically(folder.summary, `${JSON.stringify(summary, null, 2)}\n`);
  }
  if (formats.includes('junit')) {
    await writeLinesAtomically(folder.junit, runJUnit(run, configurations(run.spec), records));
  }
  const ordered = (): AsyncIterable<TaskRecord> =>
    recordsInOrder(folder.journal, records, configurations(run.spec));
  if (formats.includes('csv')) {
    await writePartsAtomically(folder.csv, csvParts(dataColumns(run), ordered()));
  }
  if (formats.includes('parquet')) {
    await writePartsAtomically(folder.parquet, parquetParts(dataColumns(run), ordered()));
  }
  if (!formats.includes('md') && !formats.includes('html')) return;

  const view = reportView(summary, run, records);
  const charts = await drawCharts(view.sections.flatMap((section) => section.charts));
  if (formats.includes('md')) {
    await publishCharts(folder, charts);
    await writeAtomically(folder.report, renderMarkdown(view, charts));
  }
  if (formats.includes('html')) {
    const evidence = await readPageEvidence(folder.tasks, records, tasks);
    const listed = new Set(listedTasks(records, tasks));
    const shown = await collectRecords(folder.journal, (id) => listed.has(id));
    const packed = packTasks(configurations(run.spec), run.spec, shown, evidence, tasks, records);
    await writeAtomically(folder.page, renderHtml(view, charts, packed, await readPageAssets()));
  }
}

/** Writes the charts and removes those of an earlier report that this one has not. */
async function publishCharts({ charts: folder }: RunFolder, charts: readonly DrawnChart[]): Promise<void> {
  await makeFolders(folder);
  const names = new Set(charts.map(({ id }) => `${id}.svg`));
  for (const { id, file } of charts) await writeAtomically(join(folder, `${id}.svg`), file);
  for (const name of CHART_IDS.map((id) => `${id}.svg`)) {
    if (!names.has(name)) await rm(join(folder, name), { force: true });
  }
}
