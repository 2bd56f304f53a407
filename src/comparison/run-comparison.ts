/**
 * @file A run as a function: from a request to a run folder with its summary and reports.
 *
 * The steps, one after the other: **resolve** what was asked -> **open** dataset and models -> **index** the
 * repositories -> **answer** every task with every configuration -> **publish** what was found. Whatever can be
 * refused is refused before the run folder is made.
 */

import type { Summary } from '../report/numbers/summary.js';
import { summarizeRun } from '../report/numbers/summarize-run.js';
import { loadPlugins } from '../plugins/load.js';
import { DEFAULT_RETRIEVAL_PROFILE } from '../retrieval/profile.js';
import { PhaseTimer } from '../run/phases.js';
import type { SkipReason } from '../run/record-table.js';
import type { RunJson } from '../run/run-json.js';
import type { Shard } from '../run/shard.js';
import { answerTasks } from './answer.js';
import type { Comparison } from './comparison.js';
import type { Surroundings } from './events.js';
import {
  claimFolder,
  isResumed,
  outFolder,
  reopenFailed,
  requireFolderOfResumed,
  requireSameRun,
  type ClaimedFolder,
} from './folder.js';
import { indexChunks } from './index-chunks.js';
import { openComparison, type OpenComparison } from './open.js';
import { publishRun } from './publish-run.js';
import type { ComparisonRequest } from './request.js';
import { retrievalSetting } from './retrieval-setting.js';
import { comparisonSettings, type ComparisonSettings } from './settings.js';
import { describeRun, promptSetting } from './spec.js';

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
      /** Records that were skipped, by reason; they have no score. */
      readonly skipped: Readonly<Record<SkipReason, number>>;
      /** Whether it was finished before, so that nothing was left to do. */
      readonly wasFinished: boolean;
    }
  | {
      readonly kind: 'interrupted';
      /** Null if nothing was written yet. */
      readonly folder: string | null;
      readonly records: { readonly kept: number; readonly expected: number };
      /** What to continue in the folder; null for a whole run. */
      readonly shard: Shard | null;
    }
  /** The shard holds no task: there is nothing to run, and nothing was written. */
  | { readonly kind: 'empty'; readonly shard: Shard };

/**
 * Runs a comparison, or goes on with one. A run that is finished stays as it is.
 *
 * @param request      `{}` is the default run.
 * @param surroundings Told of progress; ends the work by its signal.
 * @throws {UsageError}   If the settings contradict each other or the run that is to be continued.
 * @throws {DataError}    If the dataset cannot be used or the results cannot be written.
 * @throws {ModelError}   If a model cannot be used, or its device is lost.
 * @throws {PluginError}  If a plug-in cannot be used.
 * @throws {JournalError} If the folder holds a run already, a damaged one, or one that another process works on.
 * @throws {TooManyFailuresError} If more records failed than `maxFailures` allows.
 * @example
 * const outcome = await runComparison({ dataset: 'tiny', out: 'results/a' }, quietSurroundings());
 * if (outcome.kind === 'finished') console.log(outcome.summary.rows.length); // => 7
 */
export async function runComparison(
  request: ComparisonRequest,
  surroundings: Surroundings,
): Promise<ComparisonOutcome> {
  requireFolderOfResumed(request);
  const plugins = await loadPlugins(request.plugins ?? []);
  const startedAt = surroundings.wallClock();
  const phases = new PhaseTimer(surroundings.clock, 'dataset');
  const retrieval = await retrievalSetting(request.retrievalProfile ?? DEFAULT_RETRIEVAL_PROFILE);
  const settings = comparisonSettings(request, retrieval.profile);
  const path = outFolder(request, settings.tasks, startedAt);
  const folder = await claimFolder(path, isResumed(request), surroundings);
  try {
    const open = await openComparison(settings, retrieval, phases, surroundings);
    if (open === null) return emptyShard(settings);
    try {
      const run = describeRun(request, settings, open, plugins, startedAt);
      requireSameRun(folder, run);
      const retried = reopenFailed(folder, request);
      const prompt = promptSetting(run.spec, open, surroundings.clock);
      return (
        finishedBefore(folder, open) ??
        (await carryOut({ surroundings, phases, folder, retried, settings, open, prompt, run }))
      );
    } finally {
      surroundings.onEvent({ kind: 'stopped' });
      await open.models.dispose();
    }
  } finally {
    await folder.lock.release();
  }
}

function emptyShard({ tasks: { shard } }: ComparisonSettings): ComparisonOutcome {
  if (shard === null) throw new RangeError('a whole run has tasks');
  return { kind: 'empty', shard };
}

/** The outcome of a run that has nothing left to do; null if it has. */
function finishedBefore(
  { files, earlier, earlierRun: run }: ClaimedFolder,
  open: OpenComparison,
): ComparisonOutcome | null {
  if (earlier === null || run === null || run.finishedAt === null) return null;
  const isWhole = open.tasks.every(({ id }) =>
    open.configurations.every((configuration) => earlier.records.has(id, configuration)),
  );
  if (!isWhole) return null;
  const summary = summarizeRun(run, earlier.records);
  const skipped = earlier.records.skippedCounts;
  const tasks = taskCounts(open);
  return { kind: 'finished', folder: files.path, run, summary, tasks, skipped, wasFinished: true };
}

function taskCounts({ tasks, dataset }: OpenComparison): { readonly run: number; readonly dataset: number } {
  return { run: tasks.length, dataset: dataset.tasks.length };
}

/** Index, answers, reports: everything that takes long. */
async function carryOut(comparison: Comparison): Promise<ComparisonOutcome> {
  const { folder, open, settings } = comparison;
  const { path } = folder.files;
  const { shard } = settings.tasks;
  const expected = open.tasks.length * open.configurations.length;
  const index = await indexChunks(comparison);
  if (index === null) {
    const kept = folder.earlier?.records.size ?? 0;
    return { kind: 'interrupted', folder: null, records: { kept, expected }, shard };
  }
  const { begun, records, isComplete } = await answerTasks(comparison, index);
  if (!isComplete) {
    return { kind: 'interrupted', folder: path, records: { kept: records.size, expected }, shard };
  }
  const { run, summary } = await publishRun(comparison, begun, index, records);
  const skipped = records.skippedCounts;
  return {
    kind: 'finished',
    folder: path,
    run,
    summary,
    tasks: taskCounts(open),
    skipped,
    wasFinished: false,
  };
}
