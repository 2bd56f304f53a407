/**
 * @file Whether a run may be held to a baseline at all.
 *
 * Three kinds of difference: what makes the numbers incomparable (other tasks, other metric) is always refused; what
 * can move them (any other field of the fingerprint: a model, a budget, a version) is refused unless the user says
 * that this change is what the gate is to judge; hardware is not part of the fingerprint and only widens tolerances.
 */

import { DataError } from '../domain/errors.js';
import type { FinishedRun } from '../run/finished-run.js';
import { describeChange, specChanges, type SpecChange } from '../run/spec-changes.js';
import type { Baseline } from './baseline.js';

export { describeChange, specChanges, type SpecChange };

/** Fields whose change makes numbers incomparable, and why. */
const INCOMPARABLE: Readonly<Record<string, string>> = {
  'dataset.contentHash': 'the tasks have other texts',
  metricProfile: 'scores of two metric profiles are different quantities',
};

/**
 * Refuses a run that this baseline says nothing about.
 *
 * @param mayChange Whether other fields of the fingerprint may differ.
 * @returns         The fields that differ.
 * @throws {DataError} Naming tasks or fields.
 */
export function assertComparable(
  { path, run, records }: FinishedRun,
  baseline: Baseline,
  baselinePath: string,
  mayChange: boolean,
): SpecChange[] {
  const ids = new Set(records.taskIds);
  const known = new Set(baseline.tasks.ids);
  const missing = baseline.tasks.ids.filter((id) => !ids.has(id)).length;
  const added = [...ids].filter((id) => !known.has(id)).length;
  if (missing + added > 0) {
    throw new DataError(`${path}: has other tasks than the baseline ${baselinePath}`, [
      `${missing} of the baseline's ${known.size} are missing, ${added} are new`,
      'a gate compares task by task; run the tasks of the baseline (--dataset, --limit, --tasks), or make a new baseline',
    ]);
  }
  const changes = specChanges(baseline.run.spec, run.spec);
  const incomparable = changes.filter(({ field }) => field in INCOMPARABLE);
  if (incomparable.length > 0) {
    throw new DataError(`${path}: cannot be compared with the baseline ${baselinePath}`, [
      ...incomparable.map((change) => `${describeChange(change)}: ${INCOMPARABLE[change.field]!}`),
      'make a new baseline: llava-eval gate RUN --update --reason "why"',
    ]);
  }
  if (baseline.run.fingerprint !== run.fingerprint && !mayChange) {
    throw new DataError(`${path}: was made with other settings, models or versions than ${baselinePath}`, [
      ...changes.map(describeChange),
      'if this change is what the gate is to judge, pass --allow-fingerprint-change; otherwise make a new baseline',
    ]);
  }
  return changes;
}
