/**
 * @file From what a run left on disk to its numbers.
 */

import { configurations } from '../../run/configurations.js';
import type { TaskRecord } from '../../run/record.js';
import { RecordTable } from '../../run/record-table.js';
import type { RunJson } from '../../run/run-json.js';
import { summarize, type Summary } from './summary.js';

/**
 * The summary of a run: means, intervals and verdicts, a function of its arguments alone.
 *
 * @param run     The content of `run.json`.
 * @param records Those of the journal, as a table or one by one.
 * @example
 * const { run, records } = await readFinishedRun('results/main');
 * summarizeRun(run, records).rows[0]!.exactMatch.mean; // percent
 */
export function summarizeRun(
  { spec, fingerprint, models }: RunJson,
  records: RecordTable | Iterable<TaskRecord>,
): Summary {
  const table = RecordTable.from(records);
  const { compression, retrieverEncoder } = spec.models;
  const named = (name: string | null, identity: string | undefined) =>
    name === null || identity === undefined ? null : { name, identity };
  return summarize(
    {
      fingerprint,
      dataset: {
        id: spec.dataset.id,
        contentHash: spec.dataset.contentHash,
        tasks: table.taskCount,
      },
      decoder: {
        name: models.decoder,
        identity: spec.models.decoder,
        promptFamily: spec.models.promptFamily,
      },
      encoder: named(models.encoder, compression?.encoder),
      retrieverEncoder: named(models.retrieverEncoder, retrieverEncoder?.encoder),
      device: spec.device,
      spec,
    },
    configurations(spec),
    table,
  );
}
