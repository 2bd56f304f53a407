/**
 * @file Journal records to the numbers of a run: `summary.json`.
 *
 * Failed and skipped tasks are counted beside the metrics and never averaged in as zero; a metric of
 * nothing is null. Comparisons use the tasks that both sides scored.
 */

import { compareCodePoints } from '../../domain/text.js';
import type { Basis } from '../../statistics/clusters.js';
import { medianInterval } from '../../statistics/median-interval.js';
import { estimateMean, measured, type Difference, type Estimate } from '../../statistics/paired.js';
import { mean, quantile, supportedPercentile, type Interval } from '../../statistics/statistics.js';
import { counterpart } from '../../run/configurations.js';
import {
  configurationLabel,
  configurationOf,
  isSameConfiguration,
  type Configuration,
  type ScoredRecord,
  type TaskRecord,
} from '../../run/record.js';
import type { RunSpec } from '../../run/run-spec.js';
import { extraMeans, type ExtraMeans } from './extras.js';
import { pipelineInRole } from '../../pipelines/kinds.js';
import { createRng } from '../../tensor/rng.js';
import type { Stage } from './stages.js';
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

export interface SummaryRow extends Configuration {
  readonly tasks: { total: number; scored: number; failed: number; skipped: number };
  readonly exactMatch: Estimate;
  readonly editSimilarity: Estimate;
  /** What the metric profile adds, in percent; absent where it adds nothing. */
  readonly extras?: ExtraMeans;
  readonly ttftMs: Latency;
  readonly ttftColdMs: Latency;
  /** Medians of the stages that make the cold time. */
  readonly stagesMs: Readonly<Record<Stage, number | null>>;
  readonly promptTokens: { mean: number | null; p50: number | null; max: number | null };
  readonly softTokens: { mean: number | null };
  readonly chunks: { mean: number | null };
  readonly generatedTokens: { mean: number | null };
  /** 1 - ttft / ttft of full-rag with the same retriever and top-k, paired per task; a fraction. */
  readonly ttftReductionVsFullRag: { p50: number; ci95: Interval | null; pairs: number } | null;
  /** The entry of `comparisons` with the base `no-context`. */
  readonly vsNoContext: { exactMatch: Difference; editSimilarity: Difference } | null;
  /**
   * How much of what full-rag gains over no-context this row wins back, same retriever and top-k. A metric is null
   * where no gain of full-rag is shown; all is null without those two rows, and for themselves.
   */
  readonly recovery: RowRecovery | null;
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
  readonly noiseFloor: NoiseFloor | null;
  /** The same over the tasks that use an identifier of another file; empty if none is marked. */
  readonly crossFileRows: readonly SummaryRow[];
  /** What the intervals of `crossFileRows` are over; null without such rows. */
  readonly crossFileInference: Inference | null;
}

/** What a summary says about its run beside the numbers. */
export type SummaryHead = Omit<
  Summary,
  'schema' | 'inference' | 'rows' | 'comparisons' | 'noiseFloor' | 'crossFileRows' | 'crossFileInference'
>;

/**
 * Aggregates records, one row a configuration, in the order given.
 *
 * Resampling is seeded by the run's seed, so the summary is a function of the journal.
 */
export function summarize(
  head: SummaryHead,
  configurations: readonly Configuration[],
  unordered: readonly TaskRecord[],
): Summary {
  // By task id: sums of times depend in their last digits on the order in which shards or resumed runs wrote.
  const records = [...unordered].sort((a, b) => compareCodePoints(a.taskId, b.taskId));
  const table = tabulate(configurations, records);
  const floor = noiseFloor(table, head.spec.seed);
  const crossFile = records.filter((record) => record.crossFile === true);
  const whole = summarizeRows(table, records, floor, head.spec.seed);
  const part =
    crossFile.length === 0
      ? null
      : summarizeRows(tabulate(configurations, crossFile), crossFile, floor, head.spec.seed);
  return {
    schema: SUMMARY_SCHEMA,
    ...head,
    inference: whole.inference,
    rows: whole.rows,
    comparisons: whole.comparisons,
    noiseFloor: floor,
    crossFileRows: part?.rows ?? [],
    crossFileInference: part?.inference ?? null,
  };
}

function summarizeRows(
  table: OutcomeTable,
  records: readonly TaskRecord[],
  floor: NoiseFloor | null,
  seed: number,
): Pick<Summary, 'inference' | 'rows' | 'comparisons'> {
  const comparisons = compareColumns(comparedColumns(table.columns), table, floor?.ratio.ci95 ?? null, seed);
  const rows = table.columns.map((column) => {
    const { configuration } = column;
    const own = records.filter((record) => isSameConfiguration(record, configuration));
    const against = (pipeline: Configuration['pipeline']): Comparison | undefined =>
      comparisons.find((one) => isSameConfiguration(one.of, configuration) && one.base.pipeline === pipeline);
    return {
      ...summarizeRow(configuration, own),
      exactMatch: estimateMean(measured(column.exactMatch, table), 'binary'),
      editSimilarity: estimateMean(measured(column.editSimilarity, table), 'graded'),
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
  own: readonly TaskRecord[],
): Omit<SummaryRow, 'exactMatch' | 'editSimilarity' | 'ttftReductionVsFullRag' | 'vsNoContext' | 'recovery'> {
  const scored = own.flatMap((record) => (record.status === 'scored' ? [record] : []));
  const stage = (read: (record: ScoredRecord) => number): number | null => quantile(scored.map(read), 0.5);
  const promptTokens = scored.map((record) => record.promptTokens);
  return {
    ...configurationOf(configuration),
    tasks: {
      total: own.length,
      scored: scored.length,
      failed: own.filter((record) => record.status === 'failed').length,
      skipped: own.filter((record) => record.status === 'skipped').length,
    },
    ...(scored.some((record) => record.extras !== undefined) ? { extras: extraMeans(scored) } : {}),
    ttftMs: latency(scored.map((record) => record.timing.ttftMs)),
    ttftColdMs: latency(scored.map((record) => record.timing.ttftColdMs)),
    stagesMs: {
      retrieve: stage((record) => record.timing.retrieveMs),
      tokenize: stage((record) => record.timing.tokenizeMs),
      encode: stage((record) => record.timing.encodeMs),
      project: stage((record) => record.timing.projectMs),
      prefill: stage((record) => record.timing.prefillMs),
    },
    promptTokens: {
      mean: mean(promptTokens),
      p50: quantile(promptTokens, 0.5),
      max: promptTokens.length === 0 ? null : promptTokens.reduce((a, b) => Math.max(a, b)),
    },
    softTokens: { mean: mean(scored.map((record) => record.softTokens)) },
    chunks: { mean: mean(scored.map((record) => record.chunks.length)) },
    generatedTokens: { mean: mean(scored.map((record) => record.generatedTokens)) },
  };
}

function latency(values: readonly number[]): Latency {
  return {
    p50: supportedPercentile(values, 'p50'),
    p90: supportedPercentile(values, 'p90'),
    p95: supportedPercentile(values, 'p95'),
    p99: supportedPercentile(values, 'p99'),
    mean: mean(values),
  };
}

function reduction(comparison: Comparison | undefined): SummaryRow['ttftReductionVsFullRag'] {
  if (comparison === undefined) return null;
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
  const { exactMatch, editSimilarity } = comparison;
  return { exactMatch, editSimilarity };
}

/** The first configurations that could not be scored, for messages. */
export function unscored(rows: readonly SummaryRow[], topKs: readonly number[]): string[] {
  return rows.flatMap((row) =>
    row.tasks.failed + row.tasks.skipped === 0
      ? []
      : [`${configurationLabel(row, topKs)}: ${row.tasks.failed} failed, ${row.tasks.skipped} skipped`],
  );
}
