/**
 * @file Runs against each other: the same tasks answered under other settings, models or versions.
 */

import { DataError } from '../../domain/errors.js';
import type { Basis } from '../../statistics/clusters.js';
import { isSameHardware } from '../../run/environment.js';
import type { FinishedRun } from '../../run/finished-run.js';
import { configurations } from '../../run/configurations.js';
import { configurationLabel, isSameConfiguration, type Configuration } from '../../run/record.js';
import { signed, interval, fixed, wrapped } from '../format.js';
import { labelledRows } from '../labelled-rows.js';
import { tabulate, type OutcomeColumn } from '../numbers/outcomes.js';
import { summarizeRun } from '../numbers/summarize-run.js';
import { compareColumns, type Comparison } from '../numbers/verdicts.js';

/** One run against the first. */
export interface RunComparison {
  readonly run: string;
  readonly base: string;
  /** Tasks both have. */
  readonly tasks: number;
  readonly inference: { readonly basis: Basis; readonly repositories: number };
  /**
   * Per configuration of both. `ttftRatio` sets times of two runs against each other that did not take turns, so it
   * has a verdict only where `isSameHardware`, and even then drift of the machine is in it. It is null where one of the
   * runs was not timed.
   */
  readonly comparisons: readonly Comparison[];
  readonly isSameHardware: boolean;
  /** Configurations that only one of the two has. */
  readonly unmatched: readonly string[];
}

export const COMPARE_SCHEMA = 'llava-eval/compare@1';

/**
 * Sets every run against the first, task by task.
 *
 * @throws {DataError} If the runs are of other data, of other metrics, or share no task.
 */
export function compareRuns(runs: readonly FinishedRun[]): RunComparison[] {
  const [base, ...others] = runs;
  if (base === undefined) return [];
  return others.map((run) => compareWith(base, run));
}

function compareWith(base: FinishedRun, other: FinishedRun): RunComparison {
  const [a, b] = [base.run.spec, other.run.spec];
  if (a.dataset.contentHash !== b.dataset.contentHash) {
    throw new DataError(`${other.path}: answers other tasks than ${base.path}`, [
      `datasets ${a.dataset.id} (${a.dataset.contentHash.slice(0, 12)}) and ${b.dataset.id} (${b.dataset.contentHash.slice(0, 12)})`,
      'runs are compared task by task; their data must be the same',
    ]);
  }
  if (a.metricProfile !== b.metricProfile) {
    throw new DataError(
      `${other.path}: is scored by ${b.metricProfile}, ${base.path} by ${a.metricProfile}`,
      ['scores of two metric profiles are different quantities'],
    );
  }
  const common = other.records.taskIds.filter((id) => base.records.rowOf(id) !== undefined);
  if (common.length === 0) {
    throw new DataError(`${other.path}: has no task in common with ${base.path}`, [
      'choose the same tasks with --limit or --tasks',
    ]);
  }
  const tableOf = ({ run, records }: FinishedRun) =>
    tabulate(configurations(run.spec), records, records.rowsOf(common));
  const [before, after] = [tableOf(base), tableOf(other)];
  const pairs = after.columns.flatMap((column) => {
    const match = matching(column, after.columns, before.columns);
    return match === undefined ? [] : [[column, match] as const];
  });
  const label = ({ configuration }: OutcomeColumn, topK: readonly number[]): string =>
    configurationLabel(configuration, topK);
  const isAlike = isSameHardware(base.run.hardware, other.run.hardware);
  const noise = [base, other].flatMap(
    ({ run, records }) => summarizeRun(run, records).noiseFloor?.ratio.ci95 ?? [],
  );
  const widest = noise.length === 0 ? null : ([Math.min(...noise), Math.max(...noise)] as const);
  const comparisons = compareColumns(pairs, before, widest, a.seed);
  return {
    ...{ run: other.path, base: base.path, tasks: common.length, isSameHardware: isAlike },
    inference: { basis: before.basis, repositories: before.count },
    comparisons: isAlike
      ? comparisons
      : comparisons.map((one) => ({ ...one, ttftRatio: unjudged(one.ttftRatio) })),
    unmatched: [
      ...after.columns
        .filter((column) => !pairs.some(([of]) => of === column))
        .map((column) => `${label(column, b.topK)} only in ${other.path}`),
      ...before.columns
        .filter((column) => !pairs.some(([, match]) => match === column))
        .map((column) => `${label(column, a.topK)} only in ${base.path}`),
    ],
  };
}

/** The same configuration; else the only one of that pipeline and retriever, so that runs of two top-k compare. */
function matching(
  column: OutcomeColumn,
  own: readonly OutcomeColumn[],
  others: readonly OutcomeColumn[],
): OutcomeColumn | undefined {
  const alike = ({ configuration: { pipeline, retriever } }: OutcomeColumn): boolean =>
    pipeline === column.configuration.pipeline && retriever === column.configuration.retriever;
  const candidates = others.filter(alike);
  const same = candidates.find(({ configuration }) =>
    isSameConfiguration(configuration, column.configuration),
  );
  return same ?? (candidates.length === 1 && own.filter(alike).length === 1 ? candidates[0] : undefined);
}

/**
 * For the terminal, ending in a newline.
 *
 * @param changes What differs in settings, models and versions, in words.
 * @param width   Columns of the terminal.
 */
export function renderRunComparison(
  { run, base, tasks, inference, comparisons, isSameHardware, unmatched }: RunComparison,
  changes: readonly string[],
  width = 80,
): string {
  const topKs = (read: (one: Comparison) => Configuration): number[] => [
    ...new Set(comparisons.flatMap((one) => read(one).topK ?? [])),
  ];
  const label = (one: Comparison): string =>
    configurationLabel(
      one.of,
      topKs(({ of }) => of),
    );
  const cell = ({ delta, ci95, verdict }: Comparison['exactMatch']): string =>
    `${signed(delta, 2)} ${interval(ci95, 1)} ${verdict}`;
  const text = (of: string): string[] => wrapped(of, Math.min(width, 80) - 2).map((line) => `  ${line}`);
  const lines = [
    run,
    ...text(`against ${base}, ${tasks} tasks of both`),
    ...(changes.length === 0
      ? text('settings, models and versions are the same')
      : changes.map((change) => `  ${change}`)),
    '',
    ...labelledRows(
      ['EM points', 'ES points'],
      comparisons.map((one) => [label(one), cell(one.exactMatch), cell(one.editSimilarity)]),
      width,
    ),
    ...likelihoodLines(comparisons, label, text, width),
    '',
    ...ratioLines(comparisons, isSameHardware, label, text, width),
    '',
    ...text(
      `Intervals: 95 %, over ${inference.basis === 'repositories' ? `${inference.repositories} repositories` : 'tasks'}. ` +
        `Verdicts are corrected for ${comparisons.length} comparisons, at 5 %; tied: no difference is shown.`,
    ),
    ...unmatched.map((one) => `  ${one}`),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** Times of two machines are shown and not judged. */
function unjudged(ratio: Comparison['ttftRatio']): Comparison['ttftRatio'] {
  return ratio === null ? null : { ...ratio, verdict: 'tied' };
}

/** The ratios of TTFT; one line that says so where one of the runs was not timed. */
function ratioLines(
  comparisons: readonly Comparison[],
  isSameHardware: boolean,
  label: (one: Comparison) => string,
  text: (of: string) => string[],
  width: number,
): string[] {
  const rows = comparisons.flatMap((one): [string, string][] => {
    if (one.ttftRatio === null) return [];
    const { p50, ci95, verdict } = one.ttftRatio;
    const ratio = `${fixed(p50, 3)}x ${interval(ci95, 3)}`.trimEnd();
    return [[label(one), isSameHardware ? `${ratio} ${verdict}` : ratio]];
  });
  if (rows.length === 0 && comparisons.length > 0) {
    return text('TTFT: not measured, since at least one of the runs was made with --no-timing');
  }
  return [
    ...text(
      isSameHardware
        ? 'TTFT, median ratio of pairs (the runs did not take turns: drift is in it):'
        : 'TTFT, median ratio of pairs (other hardware: not judged):',
    ),
    ...labelledRows([''], rows, width),
  ];
}

/** Differences in the likelihood of the true line; nothing where one of the runs has none. */
function likelihoodLines(
  comparisons: readonly Comparison[],
  label: (one: Comparison) => string,
  text: (of: string) => string[],
  width: number,
): string[] {
  const rows = comparisons.flatMap((one): [string, string][] => {
    if (one.likelihood === null) return [];
    const { delta, ci95, verdict } = one.likelihood.perToken;
    return [[label(one), `${signed(delta, 3)} ${interval(ci95, 3)} ${verdict}`]];
  });
  if (rows.length === 0) return [];
  const lines = labelledRows([''], rows, width);
  return ['', ...text('Likelihood of the true line, nats a token (fewer are better):'), ...lines];
}
