/**
 * @file Journal records to the numbers of a run: `summary.json`.
 *
 * Failed and skipped tasks are counted beside the metrics and never averaged in as zero; a metric of
 * nothing is null. Comparisons use the tasks that both sides scored.
 */

import { compareCodePoints } from '../domain/text.js';
import {
  bootstrapMean,
  bootstrapMedian,
  mcnemar,
  mean,
  quantile,
  signFlipTest,
  supportedPercentile,
  type Interval,
} from '../metrics/statistics.js';
import {
  configurationLabel,
  isSameConfiguration,
  type Configuration,
  type ScoredRecord,
  type TaskRecord,
} from '../run/record.js';
import { createRng, type Rng } from '../tensor/rng.js';

export const SUMMARY_SCHEMA = 'llava-eval/summary@1';

/** Percent. */
export interface Estimate {
  readonly mean: number | null;
  readonly ci95: Interval | null;
}

/** Milliseconds; a percentile the sample is too small for is null. */
export interface Latency {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly mean: number | null;
}

/** Percentage points, other minus base, on the tasks both scored. */
export interface Difference {
  readonly delta: number | null;
  readonly ci95: Interval | null;
  readonly p: number | null;
}

export interface SummaryRow extends Configuration {
  readonly tasks: { total: number; scored: number; failed: number; skipped: number };
  readonly exactMatch: Estimate;
  readonly editSimilarity: Estimate;
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
  readonly vsNoContext: { exactMatch: Difference; editSimilarity: Difference } | null;
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

export const STAGES = ['retrieve', 'tokenize', 'encode', 'project', 'prefill'] as const;
export type Stage = (typeof STAGES)[number];

export interface Summary {
  readonly schema: typeof SUMMARY_SCHEMA;
  readonly fingerprint: string;
  readonly dataset: { readonly id: string; readonly contentHash: string; readonly tasks: number };
  readonly decoder: { readonly name: string; readonly identity: string };
  readonly encoder: { readonly name: string; readonly identity: string } | null;
  readonly retrieverEncoder: { readonly name: string; readonly identity: string } | null;
  readonly device: string;
  readonly dtype: string;
  readonly metricProfile: string;
  readonly retrievalProfile: string;
  /** Several in a sweep. */
  readonly topK: readonly number[];
  readonly contextPlacement: string;
  readonly seed: number;
  readonly rows: readonly SummaryRow[];
  readonly noiseFloor: NoiseFloor | null;
  /** The same over the tasks that use an identifier of another file; empty if none is marked. */
  readonly crossFileRows: readonly SummaryRow[];
}

/** What a summary says about its run beside the numbers. */
export type SummaryHead = Omit<Summary, 'schema' | 'rows' | 'noiseFloor' | 'crossFileRows'>;

/**
 * Aggregates records, one row a configuration, in the order given.
 *
 * Resampling is seeded by the run's seed, so the summary is a function of the journal.
 */
export function summarize(
  head: SummaryHead,
  configurations: readonly Configuration[],
  records: readonly TaskRecord[],
): Summary {
  // By task id, so that resampling does not depend on the order in which shards or resumed runs wrote.
  const ordered = [...records].sort((a, b) => compareCodePoints(a.taskId, b.taskId));
  const crossFile = ordered.filter((record) => record.crossFile === true);
  return {
    schema: SUMMARY_SCHEMA,
    ...head,
    rows: summarizeRows(configurations, ordered, head.seed),
    noiseFloor: noiseFloor(ordered, createRng(head.seed)),
    crossFileRows: crossFile.length === 0 ? [] : summarizeRows(configurations, crossFile, head.seed),
  };
}

function summarizeRows(
  configurations: readonly Configuration[],
  records: readonly TaskRecord[],
  seed: number,
): SummaryRow[] {
  const of = (configuration: Configuration): TaskRecord[] =>
    records.filter((record) => isSameConfiguration(record, configuration));
  const noContext = scoredByTask(of({ pipeline: 'no-context', retriever: null, topK: null }));
  return configurations.map((configuration) => {
    const fullRag =
      configuration.pipeline === 'compressed'
        ? scoredByTask(of({ ...configuration, pipeline: 'full-rag' }))
        : new Map<string, ScoredRecord>();
    // The same draws for every row: rows with equal outcomes have equal intervals.
    return summarizeRow(configuration, of(configuration), noContext, fullRag, createRng(seed));
  });
}

function noiseFloor(records: readonly TaskRecord[], rng: Rng): NoiseFloor | null {
  const timed = records.flatMap((record) =>
    record.status === 'scored' && record.timing.control !== null
      ? [{ record, ratio: record.timing.control.ttftMs / record.timing.ttftMs }]
      : [],
  );
  const ratios = timed.map(({ ratio }) => ratio);
  const [first] = timed;
  const p50 = quantile(ratios, 0.5);
  if (first === undefined || p50 === null) return null;
  const { pipeline, retriever, topK } = first.record;
  return {
    configuration: { pipeline, retriever, topK },
    pairs: ratios.length,
    ratio: { p50, ci95: bootstrapMedian(ratios, rng) },
  };
}

function scoredByTask(records: readonly TaskRecord[]): Map<string, ScoredRecord> {
  return new Map(records.flatMap((record) => (record.status === 'scored' ? [[record.taskId, record]] : [])));
}

function summarizeRow(
  { pipeline, retriever, topK }: Configuration,
  own: readonly TaskRecord[],
  noContext: ReadonlyMap<string, ScoredRecord>,
  fullRag: ReadonlyMap<string, ScoredRecord>,
  rng: Rng,
): SummaryRow {
  const scored = own.flatMap((record) => (record.status === 'scored' ? [record] : []));
  const em = scored.map((record) => record.exactMatch * 100);
  const es = scored.map((record) => record.editSimilarity * 100);
  const stage = (read: (record: ScoredRecord) => number): number | null => quantile(scored.map(read), 0.5);
  const promptTokens = scored.map((record) => record.promptTokens);
  return {
    pipeline,
    retriever,
    topK,
    tasks: {
      total: own.length,
      scored: scored.length,
      failed: own.filter((record) => record.status === 'failed').length,
      skipped: own.filter((record) => record.status === 'skipped').length,
    },
    exactMatch: { mean: mean(em), ci95: bootstrapMean(em, rng) },
    editSimilarity: { mean: mean(es), ci95: bootstrapMean(es, rng) },
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
    ttftReductionVsFullRag: reduction(scored, fullRag, rng),
    vsNoContext: pipeline === 'no-context' ? null : compare(scored, noContext, rng),
  };
}

function latency(values: readonly number[]): Latency {
  return {
    p50: supportedPercentile(values, 'p50'),
    p90: supportedPercentile(values, 'p90'),
    p99: supportedPercentile(values, 'p99'),
    mean: mean(values),
  };
}

function reduction(
  own: readonly ScoredRecord[],
  fullRag: ReadonlyMap<string, ScoredRecord>,
  rng: Rng,
): SummaryRow['ttftReductionVsFullRag'] {
  const reductions = own.flatMap((record) => {
    const full = fullRag.get(record.taskId);
    return full === undefined ? [] : [1 - record.timing.ttftMs / full.timing.ttftMs];
  });
  const p50 = quantile(reductions, 0.5);
  return p50 === null ? null : { p50, ci95: bootstrapMedian(reductions, rng), pairs: reductions.length };
}

function compare(
  own: readonly ScoredRecord[],
  base: ReadonlyMap<string, ScoredRecord>,
  rng: Rng,
): SummaryRow['vsNoContext'] {
  const pairs = own.flatMap((record) => {
    const other = base.get(record.taskId);
    return other === undefined ? [] : [{ own: record, base: other }];
  });
  if (pairs.length === 0) return null;
  const em = pairs.map((pair) => (pair.own.exactMatch - pair.base.exactMatch) * 100);
  const es = pairs.map((pair) => (pair.own.editSimilarity - pair.base.editSimilarity) * 100);
  const lost = em.filter((difference) => difference < 0).length;
  const won = em.filter((difference) => difference > 0).length;
  return {
    exactMatch: { delta: mean(em), ci95: bootstrapMean(em, rng), p: mcnemar(lost, won) },
    editSimilarity: { delta: mean(es), ci95: bootstrapMean(es, rng), p: signFlipTest(es, rng) },
  };
}

/** The first configurations that could not be scored, for messages. */
export function unscored(rows: readonly SummaryRow[], topKs: readonly number[]): string[] {
  return rows.flatMap((row) =>
    row.tasks.failed + row.tasks.skipped === 0
      ? []
      : [`${configurationLabel(row, topKs)}: ${row.tasks.failed} failed, ${row.tasks.skipped} skipped`],
  );
}
