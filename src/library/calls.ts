/**
 * @file The commands `score`, `compare` and `gate` as functions.
 */

import { compareFolders, type FolderComparison } from '../comparison/compare.js';
import { judgeRun, type GateRequest, type Judgement } from '../comparison/gate.js';
import { scorePredictions, type ScoreRequest } from '../comparison/score.js';
import type { ProfileReport } from '../metrics/profile.js';

/** The scores of predictions, in percent. */
export interface Scores extends ProfileReport {
  /** Name and version of the metric profile. */
  readonly profile: string;
}

/**
 * Scores predictions that exist already. No model is needed.
 *
 * @throws {UserError} If a file cannot be used, or predictions and references do not answer each other one to one.
 * @example
 * const { em, es } = await score({ predictions: 'p.jsonl', references: 'tiny', profile: 'llavacode' });
 */
export async function score(request: ScoreRequest): Promise<Scores> {
  const { profile, report } = await scorePredictions(request);
  return { profile: profile.version, ...report };
}

/**
 * Sets run folders against the first of them, task by task.
 *
 * @param paths Folders of finished runs of the same data and metric profile; two or more.
 * @throws {UserError} If they cannot be compared.
 * @example
 * const { runs } = await compareRuns(['results/main', 'results/mine']);
 * console.log(runs[0].comparisons[0].exactMatch); // points, with interval and verdict
 */
export function compareRuns(paths: readonly string[]): Promise<FolderComparison> {
  return compareFolders(paths);
}

/**
 * Holds a run to its baseline.
 *
 * @param now Decides how old the baseline is.
 * @throws {UserError} If the two cannot be compared.
 * @example
 * const { result } = await gate({ run: 'results/pr', baseline: 'results/baselines/main.json' });
 * process.exitCode = result.exitCode; // 1 if the gate failed
 */
export function gate(request: GateRequest, now: Date = new Date()): Promise<Judgement> {
  return judgeRun(request, now);
}
