/**
 * @file A run against a baseline: every check with its reason, and one verdict from which words and exit codes
 * follow.
 *
 * Each check fails, passes or is inconclusive. It fails when worse is shown, by a test whose level is shared by all
 * checks of its kind; it passes when worse than the rule allows is ruled out; in between it says how many more
 * tasks would settle it. What is missing fails: nothing passes that was not measured.
 */

import { normalQuantile } from '../statistics/distributions.js';
import { holm } from '../statistics/holm.js';
import {
  editSimilarityChange,
  exactMatchChange,
  natsChange,
  moreTasks,
  whereBoth,
  type Change,
  type NatsChange,
} from '../statistics/regression.js';
import { mean } from '../statistics/statistics.js';
import { configurationLabel, isSameConfiguration, type Configuration } from '../run/record.js';
import type { Check, GateSide, Outcome, Pair } from './outcome.js';
import type { QualityRule, Rules } from './rules.js';
import { checkTimes } from './times.js';

/**
 * Every check of the rules, in a fixed order.
 *
 * @param isSameHardware Whether both sides were timed on one kind of machine.
 */
export function checkRun(baseline: GateSide, run: GateSide, rules: Rules, isSameHardware: boolean): Check[] {
  const topKs = [...new Set(baseline.columns.flatMap(({ configuration }) => configuration.topK ?? []))];
  const label = (configuration: Configuration): string => configurationLabel(configuration, topKs);
  const pairs = baseline.columns.map((before) => ({
    before,
    after: run.columns.find(({ configuration }) => isSameConfiguration(configuration, before.configuration)),
    subject: label(before.configuration),
  }));
  return [
    ...pairs.flatMap((pair) => checkTasks(pair, baseline, run, rules)),
    ...checkQuality(pairs, rules),
    ...checkLikelihood(pairs, rules),
    ...checkTimes(baseline, run, pairs, label, rules, isSameHardware),
  ];
}

/** The verdict over all checks: one that failed fails all, one that is inconclusive keeps it from passing. */
export function verdictOf(checks: readonly Check[]): Outcome {
  if (checks.length === 0 || checks.some(({ outcome }) => outcome === 'failed')) return 'failed';
  return checks.some(({ outcome }) => outcome === 'inconclusive') ? 'inconclusive' : 'passed';
}

function checkTasks(
  { before, after, subject }: Pair,
  baseline: GateSide,
  run: GateSide,
  rules: Rules,
): Check[] {
  const had = baseline.unscored.get(before) ?? { failed: 0, skipped: 0 };
  const check = { kind: 'tasks', subject, moreTasks: null } as const;
  if (after === undefined) {
    const reason = 'the run has no such configuration';
    return [{ ...check, outcome: 'failed', baseline: had.failed, run: null, change: null, reason }];
  }
  const has = run.unscored.get(after) ?? { failed: 0, skipped: 0 };
  const newFailed = has.failed - had.failed;
  const newSkipped = has.skipped - had.skipped;
  const isTooMany = newFailed > rules.tasks.newFailed || newSkipped > rules.tasks.newSkipped;
  return [
    {
      ...check,
      outcome: isTooMany ? 'failed' : 'passed',
      baseline: had.failed + had.skipped,
      run: has.failed + has.skipped,
      change: newFailed + newSkipped,
      reason: `${has.failed} failed, ${has.skipped} skipped; the baseline has ${had.failed} and ${had.skipped}`,
    },
  ];
}

const QUALITIES = [
  { kind: 'exact-match', field: 'exactMatch', change: exactMatchChange },
  { kind: 'edit-similarity', field: 'editSimilarity', change: editSimilarityChange },
] as const;

/** EM and ES of every configuration: one family of tests. */
function checkQuality(pairs: readonly Pair[], { quality }: Rules): Check[] {
  if (quality === null) return [];
  const measured = QUALITIES.flatMap(({ kind, field, change }) => {
    const rule = quality[field];
    if (rule === null) return [];
    return pairs.map(({ before, after, subject }) => {
      const both = after === undefined ? null : change(before[field], after[field]);
      // Means over the tasks that both sides scored, so that baseline + change = run.
      const was = meanWhere(before[field], after?.[field]);
      const is = after === undefined ? null : meanWhere(after[field], before[field]);
      return { kind, subject, rule, both, was, is };
    });
  });
  const adjusted = holm(measured.map(({ both }) => both?.p ?? null));
  return measured.map(({ kind, subject, rule, both, was, is }, i): Check => {
    const judged = judgeQuality(both, is, rule, adjusted[i] ?? null, quality.level, measured.length);
    return { kind, subject, baseline: was, run: is, change: both?.delta ?? null, ...judged };
  });
}

type Judgement = Pick<Check, 'outcome' | 'reason' | 'moreTasks'>;

function judgeQuality(
  change: Change | null,
  value: number | null,
  rule: QualityRule,
  p: number | null,
  level: number,
  family: number,
): Judgement {
  const failed = (reason: string): Judgement => ({ outcome: 'failed', reason, moreTasks: null });
  if (change === null || value === null) return failed('no task has a value on both sides');
  const { pairs, delta, won, lost, lowerBound, deviation } = change;
  if (rule.floor !== null && value < rule.floor) {
    return failed(`${value.toFixed(2)} % is below the floor of ${rule.floor} %`);
  }
  if (rule.maxDrop !== null && -delta > rule.maxDrop) {
    return failed(`fell by ${(-delta).toFixed(2)} points, more than the ${rule.maxDrop} allowed`);
  }
  const flips = `${lost} tasks worse, ${won} better of ${pairs}`;
  if (p === null) {
    return { outcome: 'passed', reason: `the same on all ${pairs} tasks`, moreTasks: null };
  }
  if (p < level) return failed(`${flips}; corrected p ${shown(p)}, the level is ${level}`);
  if (lowerBound > -rule.margin) {
    return {
      outcome: 'passed',
      reason: `${flips}; a drop of ${rule.margin} points is ruled out`,
      moreTasks: null,
    };
  }
  const needed =
    delta > -rule.margin
      ? moreTasks(pairs, (rule.margin + delta) / (deviation / Math.sqrt(pairs)), normalQuantile(0.95))
      : moreTasks(
          pairs,
          -delta / (deviation / Math.sqrt(pairs)),
          normalQuantile(1 - level / family) + normalQuantile(0.8),
        );
  return {
    outcome: 'inconclusive',
    reason: `${flips}; neither a drop nor its absence (${rule.margin} points) is shown`,
    moreTasks: needed,
  };
}

/** Nats a token of every configuration that has them in the baseline: one family of tests. */
function checkLikelihood(pairs: readonly Pair[], { likelihood: rule }: Rules): Check[] {
  if (rule === null) return [];
  const measured = pairs
    .filter(({ before }) => before.likelihood.perToken.some((value) => !Number.isNaN(value)))
    .map(({ before, after, subject }) => {
      const [was, is] = [before.likelihood.perToken, after?.likelihood.perToken];
      return {
        subject,
        baseline: mean(whereBoth(was, is)),
        run: is === undefined ? null : mean(whereBoth(is, was)),
        both: is === undefined ? null : natsChange(was, is),
      };
    });
  const adjusted = holm(measured.map(({ both }) => both?.p ?? null));
  return measured.map(({ subject, baseline, run, both }, i): Check => {
    const judged = judgeNats(both, rule, adjusted[i] ?? null, measured.length);
    return { kind: 'likelihood', subject, baseline, run, change: both?.rise ?? null, ...judged };
  });
}

function judgeNats(
  change: NatsChange | null,
  { level, margin, maxRise }: NonNullable<Rules['likelihood']>,
  p: number | null,
  family: number,
): Judgement {
  const failed = (reason: string): Judgement => ({ outcome: 'failed', reason, moreTasks: null });
  if (change === null) return failed('no task has a likelihood on both sides');
  const { pairs, rise, won, lost, upperBound, deviation } = change;
  if (maxRise !== null && rise > maxRise) {
    return failed(`rose by ${rise.toFixed(3)} nats a token, more than the ${maxRise} allowed`);
  }
  const moved = `${lost} tasks less likely, ${won} likelier of ${pairs}`;
  if (p === null) return { outcome: 'passed', reason: `the same on all ${pairs} tasks`, moreTasks: null };
  if (p < level) return failed(`${moved}; corrected p ${shown(p)}, the level is ${level}`);
  if (upperBound < margin) {
    return { outcome: 'passed', reason: `${moved}; a rise of ${margin} nats is ruled out`, moreTasks: null };
  }
  const standardError = deviation / Math.sqrt(pairs);
  return {
    outcome: 'inconclusive',
    reason: `${moved}; neither a rise nor its absence (${margin} nats) is shown`,
    moreTasks:
      rise < margin
        ? moreTasks(pairs, (margin - rise) / standardError, normalQuantile(0.95))
        : moreTasks(pairs, rise / standardError, normalQuantile(1 - level / family) + normalQuantile(0.8)),
  };
}

/** In percent, over the tasks that both sides have. */
function meanWhere(values: Float64Array, others: Float64Array | undefined): number | null {
  const fraction = mean(whereBoth(values, others));
  return fraction === null ? null : fraction * 100;
}

function shown(p: number): string {
  return p < 0.0001 ? '< 0.0001' : `= ${p.toFixed(4)}`;
}
