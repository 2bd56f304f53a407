/**
 * @file Two configurations on the tasks that both scored: what differs, and whether the run shows it.
 */

import {
  bootstrapMean,
  bootstrapMedian,
  mcnemar,
  mean,
  quantile,
  signFlipTest,
  type Interval,
} from '../metrics/statistics.js';
import type { PipelineName } from '../pipelines/pipeline.js';
import {
  configurationLabel,
  isSameConfiguration,
  type Configuration,
  type ScoredRecord,
  type TaskRecord,
} from '../run/record.js';
import { createRng } from '../tensor/rng.js';
import type { Difference, NoiseFloor } from './summary.js';

export type Verdict = 'better' | 'worse' | 'tied';

export interface Comparison {
  readonly of: Configuration;
  readonly base: Configuration;
  /** Tasks both scored; at least one. */
  readonly pairs: number;
  /** Points, of minus base. */
  readonly exactMatch: Difference;
  readonly editSimilarity: Difference;
  /** TTFT of the one over TTFT of the base: the median over tasks. */
  readonly ttftRatio: { readonly p50: number; readonly ci95: Interval | null };
}

/** What is compared with what, where both are in the run, in the order in which a reader asks. */
const PAIRS: readonly (readonly [PipelineName, PipelineName])[] = [
  ['compressed', 'full-rag'],
  ['compressed', 'budget-rag'],
  ['compressed', 'no-context'],
  ['full-rag', 'no-context'],
  ['budget-rag', 'no-context'],
];

/** Every comparison of a run at one top-k, retriever by retriever. */
export function comparisonsAt(
  topK: number | null,
  configurations: readonly Configuration[],
  records: readonly TaskRecord[],
  seed: number,
): Comparison[] {
  const retrievers = [...new Set(configurations.flatMap(({ retriever }) => retriever ?? []))];
  return retrievers.flatMap((retriever) =>
    PAIRS.flatMap(([ofName, baseName]) => {
      const at = (pipeline: PipelineName): Configuration | undefined =>
        configurations.find((one) =>
          isSameConfiguration(
            one,
            pipeline === 'no-context'
              ? { pipeline, retriever: null, topK: null }
              : { pipeline, retriever, topK },
          ),
        );
      const [of, base] = [at(ofName), at(baseName)];
      if (of === undefined || base === undefined) return [];
      return compare(of, base, records, seed) ?? [];
    }),
  );
}

/** Null where no task was scored by both. */
function compare(
  of: Configuration,
  base: Configuration,
  records: readonly TaskRecord[],
  seed: number,
): Comparison | null {
  const bases = new Map(
    scoredOf(base, records).map((record): [string, ScoredRecord] => [record.taskId, record]),
  );
  const pairs = scoredOf(of, records).flatMap((record) => {
    const other = bases.get(record.taskId);
    return other === undefined ? [] : [{ own: record, base: other }];
  });
  const ratios = pairs.map((pair) => pair.own.timing.ttftMs / pair.base.timing.ttftMs);
  const p50 = quantile(ratios, 0.5);
  if (p50 === null) return null;
  const em = pairs.map((pair) => (pair.own.exactMatch - pair.base.exactMatch) * 100);
  const es = pairs.map((pair) => (pair.own.editSimilarity - pair.base.editSimilarity) * 100);
  const count = (sign: number): number => em.filter((difference) => Math.sign(difference) === sign).length;
  const rng = createRng(seed);
  return {
    of,
    base,
    pairs: pairs.length,
    exactMatch: { delta: mean(em), ci95: bootstrapMean(em, rng), p: mcnemar(count(-1), count(1)) },
    editSimilarity: { delta: mean(es), ci95: bootstrapMean(es, rng), p: signFlipTest(es, rng) },
    ttftRatio: { p50, ci95: bootstrapMedian(ratios, rng) },
  };
}

function scoredOf(configuration: Configuration, records: readonly TaskRecord[]): ScoredRecord[] {
  return records.flatMap((record) =>
    record.status === 'scored' && isSameConfiguration(record, configuration) ? [record] : [],
  );
}

/** Of a difference in quality: shown where its interval excludes zero. */
export function qualityVerdict({ ci95 }: Pick<Difference, 'ci95'>): Verdict {
  if (ci95 === null || (ci95[0] <= 0 && ci95[1] >= 0)) return 'tied';
  return ci95[0] > 0 ? 'better' : 'worse';
}

/** Of a ratio of TTFT: shown where its interval excludes 1 and all that the noise floor allows. */
export function latencyVerdict({ ttftRatio: { ci95 } }: Comparison, floor: NoiseFloor | null): Verdict {
  const [low, high] = floor?.ratio.ci95 ?? [1, 1];
  if (ci95 === null) return 'tied';
  if (ci95[1] < Math.min(low, 1)) return 'better';
  return ci95[0] > Math.max(high, 1) ? 'worse' : 'tied';
}

/** `compressed/bm25 − full-rag`: the base without the retriever that both share. */
export function comparisonLabel({ of, base }: Comparison, topKs: readonly number[]): string {
  return `${configurationLabel(of, topKs)} − ${base.pipeline}`;
}
