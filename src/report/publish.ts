/**
 * @file Makes the reports of a run folder. They are a function of `run.json` and the journal alone, so
 * making them again gives the same bytes.
 */

import { writeAtomically } from '../run/atomic-file.js';
import { configurations } from '../run/configurations.js';
import type { TaskRecord } from '../run/record.js';
import type { RunFolder } from '../run/run-folder.js';
import type { RunJson } from '../run/run-json.js';
import { renderMarkdown } from './markdown.js';
import { summarize, type Summary } from './summary.js';

/** The summary of a run, from what it left on disk. */
export function summarizeRun(
  { spec, fingerprint, models }: RunJson,
  records: readonly TaskRecord[],
): Summary {
  const { compression, retrieverEncoder } = spec.models;
  const named = (name: string | null, identity: string | undefined) =>
    name === null || identity === undefined ? null : { name, identity };
  return summarize(
    {
      fingerprint,
      dataset: {
        id: spec.dataset.id,
        contentHash: spec.dataset.contentHash,
        tasks: new Set(records.map((record) => record.taskId)).size,
      },
      decoder: { name: models.decoder, identity: spec.models.decoder },
      encoder: named(models.encoder, compression?.encoder),
      retrieverEncoder: named(models.retrieverEncoder, retrieverEncoder?.encoder),
      device: spec.device,
      dtype: spec.dtype,
      metricProfile: spec.metricProfile,
      retrievalProfile: spec.retrievalProfile,
      topK: spec.topK,
      contextPlacement: spec.contextPlacement,
      seed: spec.seed,
    },
    configurations(spec),
    records,
  );
}

/** Writes `summary.json` and `report.md`, each whole or not at all. */
export async function publish(
  folder: RunFolder,
  run: RunJson,
  records: readonly TaskRecord[],
): Promise<Summary> {
  const summary = summarizeRun(run, records);
  await writeAtomically(folder.summary, `${JSON.stringify(summary, null, 2)}\n`);
  await writeAtomically(folder.report, renderMarkdown(summary, run));
  return summary;
}
