/**
 * @file Journal records to the numbers of a run: `summary.json`.
 *
 * Failed and skipped tasks are counted beside the metrics and never averaged in as zero; a metric of
 * nothing is null. Comparisons use the tasks that both sides scored.
 */

import type { Basis } from '../../statistics/clusters.js';
import { medianInterval } from '../../statistics/median-interval.js';
import { estimateMean, measured, type Estimate } from '../../statistics/paired.js';
import { mean, quantile, supportedPercentile, type Interval } from '../../statistics/statistics.js';
import { counterpart } from '../../run/configurations.js';
import {
  configurationLabel,
  configurationOf,
  isSameConfiguration,
  type Configuration,
  type TaskRecord,
} from '../../run/record.js';
import { RecordTable, type RecordNumber, type Rows } from '../../run/record-table.js';
import { isTimed, type RunSpec } from '../../run/run-spec.js';
import { extraMeans, type ExtraMeans } from './extras.js';
import { pipelineInRole } from '../../pipelines/kinds.js';
import { createRng } from '../../tensor/rng.js';
import { attributions, type Attribution } from './attribution.js';
import { rowLikelihood, type RowLikelihood } from './likelihood.js';
import type { ByStage } from './stages.js';
import { tabulate, type OutcomeColumn, type OutcomeTable } from './outcomes.js';
import { comparedColumns, compareColumns, recovery, type Comparison, type RowRecovery } from './verdicts.js';

export const SUMMARY_SCHEMA = 'llava-eval/summary@1';

const FULL_TEXT = pipelineInRole('full-text');
const NO_RETRIEVAL = pipelineInRole('no-retrieval');

/** Milliseconds; a percentile the sample is too small for is null. */
export interface Latency {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly mean: number | null;
}

/** Of a row: the first token, and the medians of the stages that make the cold time. */
export interface RowTimes {
  readonly ttftMs: Latency;
  readonly ttftColdMs: Latency;
  readonly stagesMs: ByStage<number | null>;
}

/** In a run that is not timed, each of them is null. */
type NoTimes = Readonly<Record<keyof RowTimes, null>>;

interface RowQuality extends Configuration {
  readonly tasks: { total: number; scored: number; failed: number; skipped: number };
  readonly exactMatch: Estimate;
  readonly editSimilarity: Estimate;
  /** What the metric profile adds, in percent; absent where it adds nothing. */
  readonly extras?: ExtraMeans;
  /** Of the true completion; null where it was not measured. */
  readonly likelihood: RowLikelihood | null;
  readonly promptTokens: { mean: number | null; p50: number | null; max: number | null };
  readonly softTokens: { mean: number | null };
  /** Chunks a task, and how many tasks got any. */
  readonly chunks: { mean: number | null; found: number };
  readonly generatedTokens: { mean: number | null };
  /** 1 - ttft / ttft of full-rag with the same retriever and top-k, paired per task; a fraction. Null without times. */
  readonly ttftReductionVsFullRag: { p50: number; ci95: Interval | null; pairs: number } | null;
  /** The entry of `comparisons` with the base `no-context`. */
  readonly vsNoContext: Pick<Comparison, 'exactMatch' | 'editSimilarity' | 'likelihood'> | null;
  /**
   * How much of what full-rag gains over no-context this row wins back, same retriever and top-k. A metric is null
   * where no gain of full-rag is shown; all is null without those two rows, and for themselves.
   */
  readonly recovery: RowRecovery | null;
}

/** One configuration in numbers. */
export type SummaryRow = RowQuality & (RowTimes | NoTimes);

/** The same where the run is timed. */
export type TimedRow = RowQuality & RowTimes;

/** The rows that have times: all of them, or none where the run is not timed. */
export function timedRows(rows: readonly SummaryRow[]): TimedRow[] {
  return rows.flatMap((row) => (row.ttftMs === null ? [] : [row]));
}

/** What the intervals of a set of rows are intervals over. */
export interface Inference {
  readonly basis: Basis;
  readonly repositories: number;
}

/**
 * What two timings of one thing differ by: the reference configuration against itself, paired per task. A
 * latency difference inside this interval is noise.
 */
export interface NoiseFloor {
  readonly configuration: Configuration;
  readonly pairs: number;
  /** Second timing over first. */
  readonly ratio: { readonly p50: number; readonly ci95: Interval | null };
}

export interface Summary {
  readonly schema: typeof SUMMARY_SCHEMA;
  readonly fingerprint: string;
  readonly dataset: { readonly id: string; readonly contentHash: string; readonly tasks: number };
  readonly decoder: { readonly name: string; readonly identity: string; readonly promptFamily: string };
  readonly encoder: { readonly name: string; readonly identity: string } | null;
  readonly retrieverEncoder: { readonly name: string; readonly identity: string } | null;
  readonly device: string;
  /** Everything that decided a number, as `run.json` has it. */
  readonly spec: RunSpec;
  readonly inference: Inference;
  readonly rows: readonly SummaryRow[];
  /** Pipelines of this run against each other, paired by task; corrected for their number. */
  readonly comparisons: readonly Comparison[];
  /** What gains are due to, where the run has controls with the chunks of other tasks. */
  readonly attributions: readonly Attribution[];
  /** Null where nothing was timed twice. */
  readonly noiseFloor: NoiseFloor | null;
  /** The same over the tasks that use an identifier of another file; empty if none is marked. */
  readonly crossFileRows: readonly SummaryRow[];
  /** What the intervals of `crossFileRows` are over; null without such rows. */
  readonly crossFileInference: Inference | null;
}

/** What a summary says about its run beside the numbers. */
export type SummaryHead = Omit<
  Summary,
  | 'schema'
  | 'inference'
  | 'rows'
  | 'comparisons'
  | 'attributions'
  | 'noiseFloor'
  | 'crossFileRows'
  | 'crossFileInference'
>;

/**
 * Aggregates records, one row a configuration, in the order given.
 *
 * Resampling is seeded by the run's seed, so the summary is a function of the journal. Sums go by task id, since in
 * their last digits they depend on the order, and shards or resumed runs wrote in another one.
 *
 * @param records A table, or the records one by one.
 */
export function summarize(
  head: SummaryHead,
  configurations: readonly Configuration[],
  records: RecordTable | Iterable<TaskRecord>,
): Summary {
  const table = RecordTable.from(records);
  const all = table.rows();
  const outcomes = tabulate(configurations, table, all);
  const floor = noiseFloor(outcomes, head.spec.seed);
  const whole = summarizeRows(outcomes, table, all, floor, head.spec);
  const crossFile = all.filter((row) => table.crossFile(row) === true);
  const part =
    crossFile.length === 0
      ? null
      : summarizeRows(tabulate(configurations, table, crossFile), table, crossFile, floor, head.spec);
  return {
    schema: SUMMARY_SCHEMA,
    ...head,
    inference: whole.inference,
    rows: whole.rows,
    comparisons: whole.comparisons,
    attributions: attributions(outcomes, whole.comparisons),
    noiseFloor: floor,
    crossFileRows: part?.rows ?? [],
    crossFileInference: part?.inference ?? null,
  };
}

function summarizeRows(
  table: OutcomeTable,
  records: RecordTable,
  inOrder: Rows,
  floor: NoiseFloor | null,
  spec: RunSpec,
): Pick<Summary, 'inference' | 'rows' | 'comparisons'> {
  const comparisons = compareColumns(
    comparedColumns(table.columns),
    table,
    floor?.ratio.ci95 ?? null,
    spec.seed,
  );
  const rows = table.columns.map((column) => {
    const { configuration } = column;
    const against = (pipeline: Configuration['pipeline']): Comparison | undefined =>
      comparisons.find((one) => isSameConfiguration(one.of, configuration) && one.base.pipeline === pipeline);
    return {
      ...summarizeRow(configuration, records, inOrder, isTimed(spec)),
      exactMatch: estimateMean(measured(column.exactMatch, table), 'binary'),
      editSimilarity: estimateMean(measured(column.editSimilarity, table), 'graded'),
      likelihood: rowLikelihood(column.likelihood, table),
      ttftReductionVsFullRag: reduction(against(FULL_TEXT)),
      vsNoContext: differences(against(NO_RETRIEVAL)),
      recovery: recoveryOf(column, table, comparisons),
    };
  });
  return { inference: { basis: table.basis, repositories: table.count }, rows, comparisons };
}

function noiseFloor(table: OutcomeTable, seed: number): NoiseFloor | null {
  const column = table.columns.find(({ controlMs }) => controlMs.some((value) => !Number.isNaN(value)));
  if (column === undefined) return null;
  const ratios = measured(
    column.controlMs.map((second, i) => second / column.ttftMs[i]!),
    table,
  );
  return {
    configuration: column.configuration,
    pairs: ratios.values.length,
    ratio: { p50: quantile(ratios.values, 0.5)!, ci95: medianInterval(ratios, createRng(seed)) },
  };
}

function summarizeRow(
  configuration: Configuration,
  table: RecordTable,
  inOrder: Rows,
  hasTimes: boolean,
): Omit<
  RowQuality,
  'exactMatch' | 'editSimilarity' | 'likelihood' | 'ttftReductionVsFullRag' | 'vsNoContext' | 'recovery'
> &
  (RowTimes | NoTimes) {
  const column = table.column(configuration);
  const of = (name: RecordNumber): Float64Array => column.scored(name, inOrder);
  const [scored, failed, skipped] = (['scored', 'failed', 'skipped'] as const).map((status) =>
    column.count(status, inOrder),
  ) as [number, number, number];
  const extras = column.extras(inOrder);
  const promptTokens = of('promptTokens');
  return {
    ...configurationOf(configuration),
    tasks: { total: scored + failed + skipped, scored, failed, skipped },
    ...(extras === null ? {} : { extras: extraMeans(extras) }),
    ...(hasTimes ? rowTimes(of) : NO_TIMES),
    promptTokens: {
      mean: mean(promptTokens),
      p50: quantile(promptTokens, 0.5),
      max: promptTokens.length === 0 ? null : promptTokens.reduce((a, b) => Math.max(a, b)),
    },
    softTokens: { mean: mean(of('softTokens')) },
    chunks: { mean: mean(of('chunks')), found: of('chunks').filter((count) => count > 0).length },
    generatedTokens: { mean: mean(of('generatedTokens')) },
  };
}

const NO_TIMES: NoTimes = { ttftMs: null, ttftColdMs: null, stagesMs: null };

/** @param of One number of each scored record. */
function rowTimes(of: (name: RecordNumber) => Float64Array): RowTimes {
  const stage = (name: RecordNumber): number | null => quantile(of(name), 0.5);
  return {
    ttftMs: latency(of('ttftMs')),
    ttftColdMs: latency(of('ttftColdMs')),
    stagesMs: {
      retrieve: stage('retrieveMs'),
      tokenize: stage('tokenizeMs'),
      encode: stage('encodeMs'),
      project: stage('projectMs'),
      ...(of('modelMs').some((time) => time > 0) ? { model: stage('modelMs') } : {}),
      prefill: stage('prefillMs'),
    },
  };
}

function latency(values: Float64Array): Latency {
  return {
    p50: supportedPercentile(values, 'p50'),
    p90: supportedPercentile(values, 'p90'),
    p95: supportedPercentile(values, 'p95'),
    p99: supportedPercentile(values, 'p99'),
    mean: mean(values),
  };
}

function reduction(comparison: Comparison | undefined): SummaryRow['ttftReductionVsFullRag'] {
  if (comparison === undefined || comparison.ttftRatio === null) return null;
  const { pairs, ttftRatio } = comparison;
  const { p50, ci95 } = ttftRatio;
  return { p50: 1 - p50, ci95: ci95 === null ? null : [1 - ci95[1], 1 - ci95[0]], pairs };
}

function recoveryOf(
  column: OutcomeColumn,
  table: OutcomeTable,
  comparisons: readonly Comparison[],
): RowRecovery | null {
  const { configuration } = column;
  if (configuration.pipeline === FULL_TEXT) return null;
  const gain = comparisons.find(
    ({ of, base }) =>
      base.pipeline === NO_RETRIEVAL && isSameConfiguration(of, counterpart(configuration, FULL_TEXT)),
  );
  if (gain === undefined) return null;
  const columnOf = (wanted: Configuration): OutcomeColumn =>
    table.columns.find((other) => isSameConfiguration(other.configuration, wanted))!;
  return recovery(column, columnOf(gain.of), columnOf(gain.base), table, gain);
}

function differences(comparison: Comparison | undefined): SummaryRow['vsNoContext'] {
  if (comparison === undefined) return null;
  const { exactMatch, editSimilarity, likelihood } = comparison;
  return { exactMatch, editSimilarity, likelihood };
}

/** The first configurations that could not be scored, for messages. */
export function unscored(rows: readonly SummaryRow[], topKs: readonly number[]): string[] {
  return rows.flatMap((row) =>
    row.tasks.failed + row.tasks.skipped === 0
      ? []
      : [`${configurationLabel(row, topKs)}: ${row.tasks.failed} failed, ${row.tasks.skipped} skipped`],
  );
}
