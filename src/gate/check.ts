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
  slowdown,
  type Change,
  type NatsChange,
} from '../statistics/regression.js';
import { mean, quantileOfSorted } from '../statistics/statistics.js';
import type { OutcomeColumn } from '../report/numbers/outcomes.js';
import { comparedColumns } from '../report/numbers/verdicts.js';
import { configurationLabel, isSameConfiguration, type Configuration } from '../run/record.js';
import { DEFAULT_TTFT_RULE, type QualityRule, type Rules } from './rules.js';

export type Outcome = 'passed' | 'failed' | 'inconclusive';

/** One thing a run is held to. Numbers are for display; `reason` says in words what decided. */
export interface Check {
  readonly kind: 'exact-match' | 'edit-similarity' | 'likelihood' | 'ttft-ratio' | 'ttft' | 'tasks';
  /** `compressed/bm25`, or `compressed/bm25 : full-rag` for a ratio. */
  readonly subject: string;
  readonly outcome: Outcome;
  /** Percent, nats a token, a ratio, milliseconds or a number of tasks, by kind; null where there is none. */
  readonly baseline: number | null;
  readonly run: number | null;
  /**
   * Points, nats a token, tasks, or of times a factor minus 1: the median over tasks of what became of each, which need
   * not be the quotient of the medians beside it. Null where one side is missing.
   */
  readonly change: number | null;
  readonly reason: string;
  /** About how many more tasks an inconclusive check needs; null where tasks would not help. */
  readonly moreTasks: number | null;
}

/** What a gate reads of either side: the same tasks in the same order. */
export interface GateSide {
  readonly columns: readonly OutcomeColumn[];
  readonly unscored: ReadonlyMap<OutcomeColumn, { readonly failed: number; readonly skipped: number }>;
  /** Whether it has times at all: a run with `--no-timing` has none. */
  readonly isTimed: boolean;
  /** Median of the A/A ratio; null where nothing was timed twice. */
  readonly noise: number | null;
}

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
    ...checkTimes(baseline, run, rules, () => [
      ...checkRatios(baseline, run, label, rules, isSameHardware),
      ...checkAbsolute(pairs, rules, isSameHardware),
    ]),
  ];
}

/** The verdict over all checks: one that failed fails all, one that is inconclusive keeps it from passing. */
export function verdictOf(checks: readonly Check[]): Outcome {
  if (checks.length === 0 || checks.some(({ outcome }) => outcome === 'failed')) return 'failed';
  return checks.some(({ outcome }) => outcome === 'inconclusive') ? 'inconclusive' : 'passed';
}

interface Pair {
  readonly before: OutcomeColumn;
  /** Undefined where the run has no such configuration. */
  readonly after: OutcomeColumn | undefined;
  readonly subject: string;
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

/** What the rules say about times, and which kinds of checks follow. */
const TIME_RULES = [
  { rule: 'ttft', kind: 'ttft-ratio' },
  { rule: 'absoluteTtft', kind: 'ttft' },
] as const;

/**
 * The checks of times, where both sides have times. Where one has none, each rule that asks for times fails once. A rule
 * asks if it stands in the rules, or if the baseline has times: a run must not lose them unseen.
 *
 * @param checks Those of two sides with times.
 */
function checkTimes(
  baseline: GateSide,
  run: GateSide,
  rules: Rules,
  checks: () => readonly Check[],
): readonly Check[] {
  if (baseline.isTimed && run.isTimed) return checks();
  const lacking = [...(baseline.isTimed ? [] : ['the baseline']), ...(run.isTimed ? [] : ['the run'])].join(
    ' and ',
  );
  return TIME_RULES.flatMap(({ rule, kind }): Check[] => {
    const isAsked = rules[rule] === undefined ? baseline.isTimed : rules[rule] !== null;
    if (!isAsked) return [];
    return [
      {
        ...{
          kind,
          subject: 'all configurations',
          outcome: 'failed',
          baseline: null,
          run: null,
          change: null,
        },
        reason: `not measured: ${lacking} was made with --no-timing; time both, or switch the rule off with "${rule}": null`,
        moreTasks: null,
      },
    ];
  });
}

/** Ratios of TTFT within each run, per task, so that the speed of the machine falls out. */
function checkRatios(
  baseline: GateSide,
  run: GateSide,
  label: (configuration: Configuration) => string,
  { ttft = DEFAULT_TTFT_RULE }: Rules,
  isSameHardware: boolean,
): Check[] {
  if (ttft === null) return [];
  const pairs = comparedColumns(baseline.columns);
  const tolerance = isSameHardware ? ttft.tolerance : ttft.otherHardwareTolerance;
  const noise = Math.max(...[baseline.noise, run.noise].map((ratio) => Math.abs(Math.log(ratio ?? 1))));
  return pairs.map(([of, base]): Check => {
    const find = (column: OutcomeColumn): OutcomeColumn | undefined =>
      run.columns.find(({ configuration }) => isSameConfiguration(configuration, column.configuration));
    const [ofNow, baseNow] = [find(of), find(base)];
    const before = quotients(of.ttftMs, base.ttftMs);
    const after = ofNow && baseNow && quotients(ofNow.ttftMs, baseNow.ttftMs);
    return {
      kind: 'ttft-ratio',
      subject: `${label(of.configuration)} : ${base.configuration.pipeline}`,
      ...judgeTime(before, after, { level: ttft.level / pairs.length, tolerance, noise }),
    };
  });
}

function checkAbsolute(pairs: readonly Pair[], { absoluteTtft }: Rules, isSameHardware: boolean): Check[] {
  if (absoluteTtft === null) return [];
  return pairs.map(({ before, after, subject }): Check => {
    const { level, tolerance } = absoluteTtft;
    const judged = judgeTime(before.ttftMs, after?.ttftMs, {
      level: level / pairs.length,
      tolerance,
      noise: 0,
    });
    return isSameHardware
      ? { kind: 'ttft', subject, ...judged }
      : {
          ...{ kind: 'ttft', subject, ...judged },
          outcome: 'inconclusive',
          reason: 'the baseline was measured on other hardware: milliseconds do not compare',
          moreTasks: null,
        };
  });
}

interface TimeRule {
  readonly level: number;
  readonly tolerance: number;
  /** Absolute log of the A/A ratio. */
  readonly noise: number;
}

function judgeTime(
  before: Float64Array,
  after: Float64Array | undefined,
  { level, tolerance, noise }: TimeRule,
): Omit<Check, 'kind' | 'subject'> {
  const was = medianWhere(before, after);
  const change = after === undefined ? null : slowdown(quotients(after, before), level);
  if (after === undefined || change === null) {
    const reason = 'no task was timed on both sides';
    return { outcome: 'failed', baseline: was, run: null, change: null, reason, moreTasks: null };
  }
  const { pairs, factor, atLeast, atMost, leastTasks } = change;
  const shared = { baseline: was, run: medianWhere(after, before), change: factor - 1 };
  const limit = (1 + tolerance) * Math.exp(noise);
  // Loud noise keeps a check from passing; it does not hide what is louder still.
  const allowed = `${percent(limit)} (${percent(1 + tolerance)} and A/A noise of ${percent(Math.exp(noise))})`;
  if (atLeast === null || atMost === null) {
    const reason = `${pairs} tasks are too few for a bound on the median, ${leastTasks} are needed`;
    return { ...shared, outcome: 'inconclusive', reason, moreTasks: leastTasks - pairs };
  }
  if (atLeast > limit) {
    return {
      ...shared,
      outcome: 'failed',
      reason: `at least ${percent(atLeast)} slower, allowed are ${allowed}`,
      moreTasks: null,
    };
  }
  if (noise > Math.log(1 + Math.max(tolerance, 0.02))) {
    const reason = `the machine was too unquiet: one prompt timed twice differs by ${percent(Math.exp(noise))} (slower over faster)`;
    return { ...shared, outcome: 'inconclusive', reason, moreTasks: null };
  }
  if (atMost <= limit) {
    const reason = `at most ${percent(atMost)} slower, allowed are ${allowed}`;
    return { ...shared, outcome: 'passed', reason, moreTasks: null };
  }
  const distance = Math.log(limit / factor);
  const reach = distance > 0 ? Math.log(atMost / factor) : Math.log(factor / atLeast);
  return {
    ...shared,
    outcome: 'inconclusive',
    reason: `between ${percent(atLeast)} and ${percent(atMost)} slower, allowed are ${allowed}`,
    moreTasks: distance === 0 ? null : moreTasks(pairs, Math.abs(distance) / reach, 1),
  };
}

function quotients(values: Float64Array, bases: Float64Array): Float64Array {
  const result = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) result[i] = values[i]! / bases[i]!;
  return result;
}

/** In percent, over the tasks that both sides have. */
function meanWhere(values: Float64Array, others: Float64Array | undefined): number | null {
  const fraction = mean(whereBoth(values, others));
  return fraction === null ? null : fraction * 100;
}

/** Over the tasks that both sides have. */
function medianWhere(values: Float64Array, others: Float64Array | undefined): number | null {
  return quantileOfSorted(whereBoth(values, others).sort(), 0.5);
}

function whereBoth(values: Float64Array, others: Float64Array | undefined): Float64Array {
  const both = new Float64Array(values.length);
  let n = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isNaN(others === undefined ? value : value + others[i]!)) both[n++] = value;
  }
  return both.subarray(0, n);
}

/** A factor as what it adds. @example percent(1.05) // => '5.0 %' */
function percent(factor: number): string {
  return `${((factor - 1) * 100).toFixed(1)} %`.replace('-', '−');
}

function shown(p: number): string {
  return p < 0.0001 ? '< 0.0001' : `= ${p.toFixed(4)}`;
}
