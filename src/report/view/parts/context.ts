/**
 * @file What every section of a report is made from.
 */

import { positionsOf, readingRank, subjectOf } from '../../../pipelines/kinds.js';
import { configurationLabel, type Configuration, type TaskRecord } from '../../../run/record.js';
import { RecordTable, type RecordNumber } from '../../../run/record-table.js';
import type { Summary, SummaryRow } from '../../numbers/summary.js';
import type { Comparison } from '../../numbers/verdicts.js';

export interface Context {
  readonly summary: Summary;
  /** The rows at the largest top-k. */
  readonly shown: readonly SummaryRow[];
  readonly records: RecordTable;
  /** Those at the largest top-k, in the order in which a reader asks. */
  readonly comparisons: readonly Comparison[];
  /** The largest top-k; null in a run without retrieval. */
  readonly topK: number | null;
  /** The comparisons of the pipeline that the report is about; empty where nothing is compared. */
  readonly own: readonly Comparison[];
  /** Of each pipeline of the run among all kinds; its look follows from it. */
  readonly positions: ReadonlyMap<string, number>;
}

/**
 * Puts in order what the sections ask for. Of a sweep, the sentences and the charts of single configurations are about
 * the largest top-k and the largest compression ratio.
 *
 * @param records A table, or the records one by one.
 */
export function contextOf(summary: Summary, records: RecordTable | Iterable<TaskRecord>): Context {
  const topK = summary.spec.topK.at(-1) ?? null;
  const ratio = summary.spec.compressionRatio?.at(-1);
  const isShown = (row: Configuration): boolean =>
    (row.topK === null || row.topK === topK) &&
    (row.compressionRatio === undefined || row.compressionRatio === ratio);
  const shown = summary.rows.filter(isShown);
  const comparisons = inReadingOrder(
    // A pipeline that retrieves nothing has no top-k, whatever the run has.
    summary.comparisons.filter(({ of }) => isShown(of)),
  );
  const subject = subjectOf(comparisons.map(({ of }) => of.pipeline));
  return {
    ...{ summary, shown, comparisons, topK },
    records: RecordTable.from(records),
    own: comparisons.filter(({ of }) => of.pipeline === subject),
    positions: positionsOf(summary.rows.map(({ pipeline }) => pipeline)),
  };
}

/** What a reader asks first, first: retriever by retriever, the subject of the report before other pipelines. */
function inReadingOrder(comparisons: readonly Comparison[]): Comparison[] {
  const retrievers = [...new Set(comparisons.map(({ of }) => of.retriever))];
  return [...comparisons].sort(
    (a, b) =>
      retrievers.indexOf(a.of.retriever) - retrievers.indexOf(b.of.retriever) ||
      readingRank(a.of.pipeline, a.base.pipeline) - readingRank(b.of.pipeline, b.base.pipeline),
  );
}

/** One number of each scored record of a configuration, by task id. */
export function scoredOf(
  configuration: Configuration,
  name: RecordNumber,
  records: RecordTable,
): Float64Array {
  return records.column(configuration).scored(name, records.rows());
}

/** A configuration by name; with its top-k where a run has several. */
export function nameOf(row: Configuration, topKs: readonly number[] = []): string {
  return configurationLabel(row, topKs).replace('/', ' · ');
}

/** The base without the retriever that both share. */
export function comparisonName({ of, base }: Comparison): string {
  return `${configurationLabel(of, [])} − ${base.pipeline}`;
}

/** Of a run with several top-k or compression ratios, which one is shown. */
export function atTopK(summary: Summary, topK: number | null): string {
  const { topK: topKs, compressionRatio: ratios = [] } = summary.spec;
  return `${topKs.length > 1 ? `Top-k ${topK}. ` : ''}${ratios.length > 1 ? `Text ${ratios.at(-1)}x. ` : ''}`;
}
