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

/** @param samples Complete rounds, at least one. */
export async function publishLatency(
  folder: Pick<RunFolder, 'latency' | 'report'>,
  run: LatencyRun,
  samples: readonly LatencySample[],
): Promise<LatencySummary> {
  const summary = summarizeLatency(run, samples);
  const { fingerprint } = run;
  await writeLatencySamples(folder.latency, { fingerprint, summary, samples: [...samples] });
  await writeAtomically(folder.report, renderLatencyReport(run, summary));
  return summary;
}
