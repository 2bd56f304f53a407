/**
 * @file The scores that some metric profiles add to EM and ES, averaged.
 */

import { EXTRA_NAMES, type ExtraName } from '../../metrics/profile.js';
import { mean } from '../../statistics/statistics.js';
import type { ScoredRecord } from '../../run/record.js';

/** Means in percent, by the names of the journal. */
export type ExtraMeans = Readonly<Partial<Record<ExtraName, number>>>;

/** The mean of each extra score over the records that have it; empty if none has any. */
export function extraMeans(scored: readonly ScoredRecord[]): ExtraMeans {
  const means = EXTRA_NAMES.flatMap((name): [ExtraName, number][] => {
    const value = mean(scored.flatMap(({ extras }) => extras?.[name] ?? []));
    return value === null ? [] : [[name, value * 100]];
  });
  return Object.fromEntries(means);
}
