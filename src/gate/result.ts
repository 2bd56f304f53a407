/**
 * @file The outcome of a gate: one verdict, from which headline, exit code and every output follow.
 */

import { EXIT, type ExitCode } from '../domain/errors.js';
import { verdictOf } from './check.js';
import type { Check, Outcome } from './outcome.js';
import type { Baseline } from './baseline.js';
import { describeChange, type SpecChange } from './compatible.js';

/** What to do about a gate that can neither pass nor fail: exit 0, 1, or 5, a code of its own. */
export const INCONCLUSIVE_MODES = ['pass', 'fail', 'exit-5'] as const;
export type InconclusiveMode = (typeof INCONCLUSIVE_MODES)[number];

export interface GateResult {
  readonly verdict: Outcome;
  readonly exitCode: ExitCode;
  /** One line: the verdict in words, with counts. */
  readonly headline: string;
  /** About how many more tasks would settle what is inconclusive; null where nothing is, or tasks do not help. */
  readonly moreTasks: number | null;
  readonly run: { readonly path: string; readonly fingerprint: string };
  readonly baseline: {
    readonly path: string;
    readonly fingerprint: string;
    readonly reason: string;
    readonly updatedAt: string;
    readonly ageDays: number;
    readonly tasks: number;
  };
  /** Fields of the fingerprint that differ, in words; empty where nothing does. */
  readonly changes: readonly string[];
  readonly isSameHardware: boolean;
  /** Whether both sides have times; without them the verdict says nothing about latency, and the headline says that. */
  readonly hasTimes: boolean;
  readonly checks: readonly Check[];
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Puts the result together; the only place where a verdict becomes an exit code. */
export function gateResult(from: {
  readonly checks: readonly Check[];
  readonly mode: InconclusiveMode;
  readonly run: GateResult['run'];
  readonly baseline: Pick<Baseline, 'reason' | 'updatedAt' | 'tasks'> & {
    readonly run: Pick<Baseline['run'], 'fingerprint'>;
  };
  readonly baselinePath: string;
  readonly changes: readonly SpecChange[];
  readonly isSameHardware: boolean;
  readonly hasTimes: boolean;
  readonly now: Date;
}): GateResult {
  const { checks, baseline, mode, hasTimes } = from;
  const verdict = verdictOf(checks);
  const needed = checks.flatMap((check) => check.moreTasks ?? []);
  const moreTasks = verdict === 'inconclusive' && needed.length > 0 ? Math.max(...needed) : null;
  return {
    verdict,
    exitCode: exitCodeOf(verdict, mode),
    headline: `${headlineOf(verdict, checks, moreTasks)}${hasTimes ? '' : '; latency was not measured'}`,
    moreTasks,
    run: from.run,
    baseline: {
      path: from.baselinePath,
      fingerprint: baseline.run.fingerprint,
      reason: baseline.reason,
      updatedAt: baseline.updatedAt,
      ageDays: Math.max(0, Math.floor((from.now.getTime() - Date.parse(baseline.updatedAt)) / DAY_MS)),
      tasks: baseline.tasks.ids.length,
    },
    changes: from.changes.map(describeChange),
    isSameHardware: from.isSameHardware,
    hasTimes,
    checks,
  };
}

/** The exit code of a verdict. */
export function exitCodeOf(verdict: Outcome, mode: InconclusiveMode): ExitCode {
  switch (verdict) {
    case 'passed':
      return EXIT.done;
    case 'failed':
      return EXIT.gateFailed;
    case 'inconclusive':
      return { pass: EXIT.done, fail: EXIT.gateFailed, 'exit-5': EXIT.gateInconclusive }[mode];
    default:
      return verdict satisfies never;
  }
}

/** The verdict in words. */
export function headlineOf(verdict: Outcome, checks: readonly Check[], moreTasks: number | null): string {
  const count = (outcome: Outcome): number => checks.filter((check) => check.outcome === outcome).length;
  const open = count('inconclusive');
  switch (verdict) {
    case 'passed':
      return `gate passed: all ${checks.length} checks`;
    case 'failed':
      return checks.length === 0
        ? 'gate FAILED: the rules check nothing'
        : `gate FAILED: ${count('failed')} of ${checks.length} checks${open === 0 ? '' : `, ${open} inconclusive`}`;
    case 'inconclusive': {
      const which = `${open} of ${checks.length} checks`;
      return moreTasks === null
        ? `gate inconclusive: ${which}`
        : `gate inconclusive: needs about ${moreTasks} more tasks (${which})`;
    }
    default:
      return verdict satisfies never;
  }
}
