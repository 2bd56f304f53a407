/**
 * @file A run as a function: from a request to a run folder with its summary and reports.
 *
 * The steps, one after the other: **resolve** what was asked -> **open** dataset and models -> **index** the
 * repositories -> **answer** every task with every configuration -> **publish** what was found. Whatever can be
 * refused is refused before the run folder is made.
 */

import type { Summary } from '../report/numbers/summary.js';
import { DEFAULT_RETRIEVAL_PROFILE } from '../retrieval/profile.js';
import { PhaseTimer } from '../run/phases.js';
import { defaultFolder } from '../run/run-folder.js';
import type { RunJson } from '../run/run-json.js';
import { answerTasks } from './answer.js';
import type { Comparison } from './comparison.js';
import type { Surroundings } from './events.js';
import { claimFolder } from './folder.js';
import { indexChunks } from './index-chunks.js';
import { openComparison } from './open.js';
import { publishRun } from './publish-run.js';
import type { ComparisonRequest } from './request.js';
import { retrievalSetting } from './retrieval-setting.js';
import { comparisonSettings, requireFolderOfResumed } from './settings.js';
import { describeRun, promptSetting, requireSameRun } from './spec.js';

/** What a comparison came to. */
export type ComparisonOutcome =
  | {
      readonly kind: 'finished';
      /** Path of the run folder. */
      readonly folder: string;
      readonly run: RunJson;
      readonly summary: Summary;
      /** Tasks of this run, and of its dataset. */
      readonly tasks: { readonly run: number; readonly dataset: number };
    }
  | {
      readonly kind: 'interrupted';
      /** Null if nothing was written yet. */
      readonly folder: string | null;
      readonly records: { readonly kept: number; readonly expected: number };
    };

/**
 * Runs a comparison, or goes on with one.
 *
 * @param request      `{}` is the default run.
 * @param surroundings Told of progress; ends the work by its signal.
 * @throws {UsageError}   If the settings contradict each other or the run that is to be continued.
 * @throws {DataError}    If the dataset cannot be used or the results cannot be written.
 * @throws {ModelError}   If a model cannot be used.
 * @throws {JournalError} If the folder holds a run already, or a damaged one.
 * @example
 * const outcome = await runComparison({ dataset: 'tiny', out: 'results/a' }, quietSurroundings());
 * if (outcome.kind === 'finished') console.log(outcome.summary.rows.length); // => 7
 */
export async function runComparison(
  request: ComparisonRequest,
  surroundings: Surroundings,
): Promise<ComparisonOutcome> {
  requireFolderOfResumed(request);
  const startedAt = surroundings.wallClock();
  const phases = new PhaseTimer(surroundings.clock, 'dataset');
  const retrieval = await retrievalSetting(request.retrievalProfile ?? DEFAULT_RETRIEVAL_PROFILE);
  const settings = comparisonSettings(request, retrieval.profile);
  const path = request.out ?? defaultFolder(startedAt, settings.tasks.dataset);
  const folder = await claimFolder(path, request.resume ?? false);
  const open = await openComparison(settings, retrieval, phases, surroundings);
  try {
    const run = describeRun(request, settings, open, startedAt);
    requireSameRun(folder, run);
    const prompt = promptSetting(run.spec, open, surroundings.clock);
    return await carryOut({ surroundings, phases, folder, settings, open, prompt, run });
  } finally {
    surroundings.onEvent({ kind: 'stopped' });
    await open.models.dispose();
  }
}

/** Index, answers, reports: everything that takes long. */
async function carryOut(comparison: Comparison): Promise<ComparisonOutcome> {
  const { folder, open } = comparison;
  const { path } = folder.files;
  const expected = open.tasks.length * open.configurations.length;
  const index = await indexChunks(comparison);
  if (index === null) {
    const kept = folder.earlier?.records.length ?? 0;
    return { kind: 'interrupted', folder: null, records: { kept, expected } };
  }
  const { begun, records, isComplete } = await answerTasks(comparison, index);
  if (!isComplete) {
    return { kind: 'interrupted', folder: path, records: { kept: records.length, expected } };
  }
  const { run, summary } = await publishRun(comparison, begun, index, records);
  const tasks = { run: open.tasks.length, dataset: open.dataset.tasks.length };
  return { kind: 'finished', folder: path, run, summary, tasks };
}
