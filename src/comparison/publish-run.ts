/**
 * @file The end of a run: its summary, its reports, and what it took.
 */

import { publish } from '../report/publish/publish.js';
import type { Summary } from '../report/numbers/summary.js';
import type { RecordTable } from '../run/record-table.js';
import { writeRunJson, type RunJson } from '../run/run-json.js';
import type { Comparison } from './comparison.js';
import type { ChunkIndex } from './index-chunks.js';

/** Writes summary and reports, and completes `run.json`. */
export async function publishRun(
  { folder, surroundings, phases, open }: Comparison,
  begun: RunJson,
  { vectors }: ChunkIndex,
  records: RecordTable,
): Promise<{ readonly run: RunJson; readonly summary: Summary }> {
  phases.enter('report');
  const server = (await open.models.decoder.served?.times()) ?? null;
  const finished = { ...begun, finishedAt: surroundings.wallClock().toISOString() };
  const summary = await publish(folder.files, finished, records);
  const resources = {
    ...phases.finish(),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    vectors,
    ...(server === null ? {} : { server }),
  };
  const run = { ...finished, resources };
  await writeRunJson(folder.files.runJson, run);
  return { run, summary };
}
