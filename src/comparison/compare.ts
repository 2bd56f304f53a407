/**
 * @file Run folders against the first of them: what differs in their settings, and what it did to their answers.
 */

import { UsageError } from '../domain/errors.js';
import { describeChange, specChanges } from '../gate/compatible.js';
import { COMPARE_SCHEMA, compareRuns, type RunComparison } from '../report/compare/compare.js';
import { readFinishedRun, type FinishedRun } from '../run/finished-run.js';

/** Every run but the first, set against it. */
export interface FolderComparison {
  readonly schema: typeof COMPARE_SCHEMA;
  /** Path of the first run. */
  readonly base: string;
  readonly runs: readonly ChangedRun[];
}

/** One comparison, with what differs in settings, models and versions; empty where nothing does. */
export interface ChangedRun extends RunComparison {
  readonly changes: readonly string[];
}

/**
 * Sets every run against the first, task by task.
 *
 * @param paths Run folders of finished runs, the one to compare with first.
 * @throws {UsageError}   If there are fewer than two, or one is given twice.
 * @throws {JournalError} If a run is not finished or not whole.
 * @throws {DataError}    If the runs are of other data, of other metrics, or share no task.
 * @example
 * const { runs } = await compareFolders(['results/main', 'results/mine']);
 * runs[0]!.comparisons[0]!.exactMatch.delta; // points of EM, mine minus main
 */
export async function compareFolders(paths: readonly string[]): Promise<FolderComparison> {
  if (paths.length < 2) {
    throw new UsageError('compare needs two runs or more', ['the first is what the others are set against']);
  }
  if (new Set(paths).size < paths.length) throw new UsageError('a run folder was given twice');
  const runs: FinishedRun[] = [];
  for (const path of paths) runs.push(await readFinishedRun(path));
  const base = runs[0]!;
  return {
    schema: COMPARE_SCHEMA,
    base: base.path,
    runs: compareRuns(runs).map((comparison, i) => ({
      ...comparison,
      changes: specChanges(base.run.spec, runs[i + 1]!.run.spec).map(describeChange),
    })),
  };
}
