/**
 * @file The likelihood of the references as numbers of a report: nats a token and a character, and what differs.
 *
 * Fewer nats are better, unlike in EM and ES. The tests are those of the other qualities, on the gain in nats. What is
 * handed out has the sign of the nats: -0.08 says that `of` finds the true completion likelier than `base` does.
 */

import type { Clustered } from '../../statistics/clusters.js';
import { clusteredMean, meanInterval } from '../../statistics/mean-interval.js';
import {
  estimateDifference,
  judgeDifferences,
  measured,
  type Difference,
  type DifferenceEstimate,
} from '../../statistics/paired.js';
import type { Interval } from '../../statistics/statistics.js';
import type { RecordColumn, Rows } from '../../run/record-table.js';

/** Which tasks belong together. */
type Clusters = Pick<Clustered, 'cluster' | 'count'>;

/** The likelihood of each task's reference in nats, NaN where it was not measured. */
export interface LikelihoodColumns {
  /** Over all positions, the end included. */
  readonly perToken: Float64Array;
  /** The same over the code points of the text: for decoders with different vocabularies. */
  readonly perCharacter: Float64Array;
  /** Over the positions but the last, which holds the end; NaN where there is no other. */
  readonly writing: Float64Array;
  /** Of the last position alone; NaN where the reference has no end. */
  readonly ending: Float64Array;
}

/** A mean over tasks in nats. */
export interface NatsEstimate {
  readonly mean: number | null;
  readonly ci95: Interval | null;
}

/** The likelihood of one configuration. */
export interface RowLikelihood {
  /** Tasks with a value. */
  readonly tasks: number;
  readonly perToken: NatsEstimate;
  readonly perCharacter: NatsEstimate;
  /** Of writing the line, and of ending it; the mean is null where no task has a value. */
  readonly writing: NatsEstimate;
  readonly ending: NatsEstimate;
}

/** A difference, `of` minus `base`, in nats a token: fewer are better. `won` counts the tasks with fewer nats. */
export type NatsDifference = Difference;

/** What two configurations differ by. Each field is a family of its own over the comparisons of a table. */
export interface LikelihoodDifferences {
  /** Of the whole reference. */
  readonly perToken: NatsDifference;
  /** Of writing it, without its end: a gain that is only in the end shows nothing here. */
  readonly writing: NatsDifference;
}

/** Columns of a configuration over some tasks. */
export function likelihoodColumns(column: RecordColumn, rows: Rows): LikelihoodColumns {
  const nats = column.numbers('referenceNats', rows);
  const end = column.numbers('endNats', rows);
  const tokens = column.numbers('referenceTokens', rows);
  const characters = column.numbers('referenceCharacters', rows);
  return {
    perToken: nats.map((value, i) => value / tokens[i]!),
    perCharacter: nats.map((value, i) => (characters[i]! > 0 ? value / characters[i]! : NaN)),
    // A reference without an end is written with all its tokens.
    writing: nats.map((value, i) => {
      const hasEnd = !Number.isNaN(end[i]!);
      const written = tokens[i]! - (hasEnd ? 1 : 0);
      return written > 0 ? (value - (hasEnd ? end[i]! : 0)) / written : NaN;
    }),
    ending: end,
  };
}

/** The columns of a side that has no likelihood. */
export function noLikelihood(tasks: number): LikelihoodColumns {
  const none = new Float64Array(tasks).fill(NaN);
  return { perToken: none, perCharacter: none, writing: none, ending: none };
}

/** Means with intervals; null where no task has a likelihood. */
export function rowLikelihood(columns: LikelihoodColumns, table: Clusters): RowLikelihood | null {
  const tasks = columns.perToken.filter((value) => !Number.isNaN(value)).length;
  if (tasks === 0) return null;
  const estimate = (values: Float64Array): NatsEstimate => {
    const data = measured(values, table);
    const mean = clusteredMean(data);
    if (mean === null) return { mean: data.values[0] ?? null, ci95: null };
    const [low, high] = meanInterval(mean);
    return { mean: mean.mean, ci95: [Math.max(0, low), high] };
  };
  return {
    tasks,
    perToken: estimate(columns.perToken),
    perCharacter: estimate(columns.perCharacter),
    writing: estimate(columns.writing),
    ending: estimate(columns.ending),
  };
}

/** What `of` gains over `base`, before the table is known. Its sign is that of a gain. */
export function natsGain(of: Float64Array, base: Float64Array, table: Clusters): DifferenceEstimate {
  return estimateDifference(base, of, table, 'unbounded');
}

/** Corrected for the table, and back to differences in nats: the sign is turned, and hundredths become nats. */
export function judgeNats(gains: readonly DifferenceEstimate[]): NatsDifference[] {
  return judgeDifferences(gains).map((one) => ({
    ...one,
    // No -0 where nothing differs.
    delta: one.delta === null ? null : 0 - one.delta / 100,
    ci95: one.ci95 === null ? null : [0 - one.ci95[1] / 100, 0 - one.ci95[0] / 100],
    detectable: one.detectable === null ? null : one.detectable / 100,
  }));
}

/** The values of a metric in which more is better. */
export function asGain(nats: Float64Array): Float64Array {
  return nats.map((value) => -value);
}
