/**
 * @file The comparisons of a run: which configurations are set against which, and what each shows.
 *
 * Each pipeline is compared with its bases (`pipelines/kinds.ts`), per retriever and top-k. Corrections take
 * all comparisons of a metric (EM, ES, TTFT) as one family, since a reader looks down one column for what stands out.
 */

import {
  estimateDifference,
  estimateRatio,
  judgeDifferences,
  judgeRatioColumn,
  type Difference,
  type Ratio,
} from '../../statistics/paired.js';
import { recoveredShare, type Recovery } from '../../statistics/recovery.js';
import type { Interval } from '../../statistics/statistics.js';
import { basesOf } from '../../pipelines/kinds.js';
import { counterpart } from '../../run/configurations.js';
import { isSameConfiguration, type Configuration } from '../../run/record.js';
import { createRng } from '../../tensor/rng.js';
import { asGain, judgeNats, natsGain, type LikelihoodDifferences } from './likelihood.js';
import type { OutcomeColumn, OutcomeTable } from './outcomes.js';

/** Two configurations of one run on the tasks that both scored. */
export interface Comparison {
  readonly of: Configuration;
  readonly base: Configuration;
  /** Tasks both scored; at least one. */
  readonly pairs: number;
  readonly exactMatch: Difference;
  /** Its `delta` is null where the metric profile gives no task of both a value. */
  readonly editSimilarity: Difference;
  /** Null where one of the two was not timed. */
  readonly ttftRatio: Ratio | null;
  /** In nats a token; null where no task of both has a likelihood. */
  readonly likelihood: LikelihoodDifferences | null;
}

/** The columns to compare: every one with each of its bases that is in the table. */
export function comparedColumns(
  columns: readonly OutcomeColumn[],
): (readonly [of: OutcomeColumn, base: OutcomeColumn])[] {
  return columns.flatMap((of) =>
    basesOf(of.configuration.pipeline).flatMap(({ base: pipeline }) => {
      const wanted = counterpart(of.configuration, pipeline);
      const base = columns.find(({ configuration }) => isSameConfiguration(configuration, wanted));
      return base === undefined ? [] : [[of, base] as const];
    }),
  );
}

/** Shares of a gain that are won back, by metric; null where no such gain is shown. */
export interface RowRecovery {
  readonly exactMatch: Recovery | null;
  readonly editSimilarity: Recovery | null;
  /** Of the nats a token that are gained. */
  readonly likelihood: Recovery | null;
}

/**
 * How much of what `full` gains over `base` is in `of`.
 *
 * @param gain The comparison of `full` with `base`: only a gain that it shows can be won back.
 */
export function recovery(
  of: OutcomeColumn,
  full: OutcomeColumn,
  base: OutcomeColumn,
  table: OutcomeTable,
  gain: Pick<Comparison, 'exactMatch' | 'editSimilarity' | 'likelihood'>,
): RowRecovery {
  const share = (metric: 'exactMatch' | 'editSimilarity', kind: 'binary' | 'graded'): Recovery | null =>
    gain[metric].verdict === 'better'
      ? recoveredShare(of[metric], full[metric], base[metric], table, kind)
      : null;
  return {
    exactMatch: share('exactMatch', 'binary'),
    editSimilarity: share('editSimilarity', 'graded'),
    likelihood:
      gain.likelihood?.perToken.verdict === 'better'
        ? recoveredShare(
            asGain(of.likelihood.perToken),
            asGain(full.likelihood.perToken),
            asGain(base.likelihood.perToken),
            table,
            'graded',
          )
        : null,
  };
}

/**
 * Every comparison of a table that has a task in common.
 *
 * @param noise Interval of the A/A ratio of the same run; null if it has none.
 * @param seed  Of the bootstrap over more than eleven repositories.
 */
export function compareColumns(
  pairs: readonly (readonly [of: OutcomeColumn, base: OutcomeColumn])[],
  table: OutcomeTable,
  noise: Interval | null,
  seed: number,
): Comparison[] {
  const estimates = pairs.flatMap(([of, base]) => {
    const scored = of.exactMatch.filter((value, i) => !Number.isNaN(value + base.exactMatch[i]!)).length;
    if (scored === 0) return [];
    const exactMatch = estimateDifference(of.exactMatch, base.exactMatch, table, 'binary');
    const editSimilarity = estimateDifference(of.editSimilarity, base.editSimilarity, table, 'graded');
    // The same draws for every comparison: equal outcomes have equal intervals.
    const ttftRatio = estimateRatio(of.ttftMs, base.ttftMs, table, createRng(seed));
    return [
      {
        ...{ of: of.configuration, base: base.configuration, pairs: scored },
        ...{ exactMatch, editSimilarity, ttftRatio },
        perToken: natsGain(of.likelihood.perToken, base.likelihood.perToken, table),
        writing: natsGain(of.likelihood.writing, base.likelihood.writing, table),
      },
    ];
  });
  const perToken = judgeNats(estimates.map((one) => one.perToken));
  const writing = judgeNats(estimates.map((one) => one.writing));
  const exactMatches = judgeDifferences(estimates.map((one) => one.exactMatch));
  const similarities = judgeDifferences(estimates.map((one) => one.editSimilarity));
  const ratios = judgeRatioColumn(
    estimates.map((one) => one.ttftRatio),
    noise,
    createRng(seed),
  );
  return estimates.map(({ of, base, pairs: scored }, i) => ({
    ...{ of, base, pairs: scored },
    exactMatch: exactMatches[i]!,
    editSimilarity: similarities[i]!,
    ttftRatio: ratios[i] ?? null,
    likelihood: perToken[i]!.delta === null ? null : { perToken: perToken[i]!, writing: writing[i]! },
  }));
}
