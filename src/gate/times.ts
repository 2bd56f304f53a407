/**
 * @file The checks of times: ratios of TTFT within a run, and TTFT itself.
 */

import { comparedColumns } from '../report/numbers/verdicts.js';
import type { OutcomeColumn } from '../report/numbers/outcomes.js';
import { isSameConfiguration, type Configuration } from '../run/record.js';
import { moreTasks, slowdown, whereBoth } from '../statistics/regression.js';
import { quantileOfSorted } from '../statistics/statistics.js';
import type { Check, GateSide, Pair } from './outcome.js';
import { DEFAULT_TTFT_RULE, type Rules } from './rules.js';

/** What the rules say about times, and which kinds of checks follow. */
const TIME_RULES = [
  { rule: 'ttft', kind: 'ttft-ratio' },
  { rule: 'absoluteTtft', kind: 'ttft' },
] as const;

/**
 * The checks of times. Where a side has none, each rule that asks for times fails once. A rule asks if it stands in the
 * rules, or if the baseline has times: a run must not lose them unseen.
 *
 * @param pairs          The configurations of the baseline.
 * @param label          What a configuration is called.
 * @param isSameHardware Whether both sides were timed on one kind of machine.
 */
export function checkTimes(
  baseline: GateSide,
  run: GateSide,
  pairs: readonly Pair[],
  label: (configuration: Configuration) => string,
  rules: Rules,
  isSameHardware: boolean,
): Check[] {
  if (!baseline.isTimed || !run.isTimed) return notMeasured(baseline, run, rules);
  return [
    ...checkRatios(baseline, run, label, rules, isSameHardware),
    ...checkAbsolute(pairs, rules, isSameHardware),
  ];
}

function notMeasured(baseline: GateSide, run: GateSide, rules: Rules): Check[] {
  const lacking = baseline.isTimed
    ? 'the run was'
    : run.isTimed
      ? 'the baseline was'
      : 'the baseline and the run were';
  return TIME_RULES.flatMap(({ rule, kind }): Check[] => {
    const isAsked = rules[rule] === undefined ? baseline.isTimed : rules[rule] !== null;
    if (!isAsked) return [];
    return [
      {
        ...{ kind, subject: 'all configurations', outcome: 'failed', moreTasks: null },
        ...{ baseline: null, run: null, change: null },
        reason: `not measured: ${lacking} made with --no-timing; time both, or switch the rule off with "${rule}": null`,
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

/** Over the tasks that both sides have. */
function medianWhere(values: Float64Array, others: Float64Array | undefined): number | null {
  return quantileOfSorted(whereBoth(values, others).sort(), 0.5);
}

/** A factor as what it adds. @example percent(1.05) // => '5.0 %' */
function percent(factor: number): string {
  return `${((factor - 1) * 100).toFixed(1)} %`.replace('-', '−');
}
