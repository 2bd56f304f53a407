/**
 * @file The gate as two functions: make a run the baseline, or hold a run to it.
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../domain/errors.js';
import { makeFolders } from '../files/folder.js';
import {
  baselineOf,
  baselineSide,
  requireBaseline,
  readBaseline,
  runSide,
  writeBaseline,
  type Baseline,
} from '../gate/baseline.js';
import { checkRun } from '../gate/check.js';
import { assertComparable } from '../gate/compatible.js';
import { gateResult, type GateResult, type InconclusiveMode } from '../gate/result.js';
import { DEFAULT_RULES, readRules } from '../gate/rules.js';
import { isSameHardware } from '../run/environment.js';
import { readFinishedRun } from '../run/finished-run.js';

/** What {@link judgeRun} is asked. */
export interface GateRequest {
  /** Path of the run folder. */
  readonly run: string;
  /** Path of the baseline; `results/baselines/<dataset>.json` if absent. */
  readonly baseline?: string | undefined;
  /** Path of a file of rules; the defaults if absent. */
  readonly rules?: string | undefined;
  /** Whether a run made with other settings, models or versions is judged all the same. */
  readonly allowsFingerprintChange?: boolean | undefined;
  /** What an inconclusive gate ends with; `pass` if absent. */
  readonly inconclusive?: InconclusiveMode | undefined;
}

/** A verdict. */
export interface Judgement {
  readonly result: GateResult;
  /** When the run was started, as it recorded it. */
  readonly runStartedAt: string;
}

/**
 * Holds a run to its baseline, task by task.
 *
 * @param now Decides how old the baseline is.
 * @throws {JournalError} If the run is not finished or not whole.
 * @throws {DataError}    If there is no baseline, the rules cannot be read, or the two cannot be compared.
 * @example
 * const { result } = await judgeRun({ run: 'results/pr' }, new Date());
 * process.exitCode = result.exitCode; // 1 if the gate failed
 */
export async function judgeRun(request: GateRequest, now: Date): Promise<Judgement> {
  const run = await readFinishedRun(request.run);
  const rules = request.rules === undefined ? DEFAULT_RULES : await readRules(request.rules);
  const baselinePath = request.baseline ?? defaultBaseline(run.run.spec.dataset.id);
  const baseline = await readBaseline(baselinePath);
  const mayChange = request.allowsFingerprintChange ?? false;
  const changes = assertComparable(run, baseline, baselinePath, mayChange);
  const isAlike = isSameHardware(baseline.run.hardware, run.run.hardware);
  const [before, after] = [baselineSide(baseline), runSide(run)];
  const result = gateResult({
    checks: checkRun(before, after, rules, isAlike),
    hasTimes: before.isTimed && after.isTimed,
    mode: request.inconclusive ?? 'pass',
    run: { path: run.path, fingerprint: run.run.fingerprint },
    ...{ baseline, baselinePath, changes, isSameHardware: isAlike, now },
  });
  return { result, runStartedAt: run.run.startedAt };
}

/** What {@link updateBaseline} is asked. */
export interface UpdateRequest extends Pick<GateRequest, 'run' | 'baseline'> {
  /** Why the run is what later runs are held to; kept, and shown beside every verdict. */
  readonly reason: string;
}

/** A baseline that was written. */
export interface UpdatedBaseline {
  readonly path: string;
  readonly tasks: number;
  readonly configurations: number;
  /** Tasks that failed in the run, over all configurations: later runs may fail as many. */
  readonly failed: number;
  /** The baseline that was there before. */
  readonly replaced: Pick<Baseline, 'updatedAt' | 'reason'> | null;
}

/**
 * Makes a run the baseline.
 *
 * @param now Kept as the date of the baseline.
 * @throws {UsageError}   If the reason is empty.
 * @throws {JournalError} If the run is not finished or not whole.
 * @throws {DataError}    If the baseline cannot be written, or another file stands in its place.
 * @example
 * await updateBaseline({ run: 'results/main', reason: 'projector 0.2' }, new Date());
 */
export async function updateBaseline(
  { run: runPath, baseline, reason }: UpdateRequest,
  now: Date,
): Promise<UpdatedBaseline> {
  requireReason(reason);
  const run = await readFinishedRun(runPath);
  const path = baseline ?? defaultBaseline(run.run.spec.dataset.id);
  if (existsSync(path)) requireBaseline(path);
  // One of another version is replaced without a word about it.
  const before = existsSync(path) ? await readBaseline(path).catch(() => null) : null;
  const made = baselineOf(run, reason.trim(), now);
  await makeFolders(dirname(path));
  await writeBaseline(path, made);
  return {
    path,
    tasks: made.tasks.ids.length,
    configurations: made.outcomes.length,
    failed: made.outcomes.reduce((sum, outcome) => sum + outcome.failed, 0),
    replaced: before === null ? null : { updatedAt: before.updatedAt, reason: before.reason },
  };
}

/** @throws {UsageError} If there is none. */
export function requireReason(reason: string | undefined): asserts reason is string {
  if (reason !== undefined && reason.trim() !== '') return;
  throw new UsageError('--update needs --reason: a baseline changes on purpose', [
    'the reason is kept in the baseline and shown beside every verdict',
  ]);
}

function defaultBaseline(dataset: string): string {
  const name = dataset.replace(/[^\w.-]+/g, '-').replace(/^[.-]+/, '') || 'run';
  return join('results', 'baselines', `${name}.json`);
}
