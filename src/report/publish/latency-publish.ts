/**
 * @file Writes what a run with `--latency-only` found: `latency.json` and `report.md`, a function of `run.json` and
 * the samples.
 */

import { writeAtomically } from '../../files/atomic-file.js';
import type { LatencySample } from '../../run/latency.js';
import { writeLatencySamples, type LatencyRun } from '../../run/latency-json.js';
import type { RunFolder } from '../../run/run-folder.js';
import { renderLatencyReport } from '../terminal/latency-report.js';
import { summarizeLatency, type LatencySummary } from '../numbers/latency-summary.js';

/**
 * Summarizes the samples and writes both files.
 *
 * @param samples Complete rounds, at least one.
 * @throws {DataError} If a file cannot be written.
 */
export async function publishLatency(
  folder: Pick<RunFolder, 'latency' | 'report'>,
  run: LatencyRun,
  samples: readonly LatencySample[],
): Promise<LatencySummary> {
  const summary = summarizeLatency(run, samples);
  await writeLatencyReports(folder, run, samples, summary);
  return summary;
}

/** Writes both files, each whole or not at all. @throws {DataError} If one cannot be written. */
export async function writeLatencyReports(
  folder: Pick<RunFolder, 'latency' | 'report'>,
  run: LatencyRun,
  samples: readonly LatencySample[],
  summary: LatencySummary,
): Promise<void> {
  const { fingerprint } = run;
  await writeLatencySamples(folder.latency, { fingerprint, summary, samples: [...samples] });
  await writeAtomically(folder.report, renderLatencyReport(run, summary));
}
