/**
 * @file The scores that some metric profiles add to EM and ES, averaged.
 */

import { EXTRA_SCORES } from '../../metrics/registry.js';
import { mean } from '../../statistics/statistics.js';
import type { ScoredRecord } from '../../run/record.js';

/** Means in percent, by the names of the journal. */
export type ExtraMeans = Readonly<Record<string, number>>;

/** The mean of each extra score over the records that have it; empty if none has any. */
export function extraMeans(scored: readonly ScoredRecord[]): ExtraMeans {
  const found = new Set(scored.flatMap(({ extras }) => Object.keys(extras ?? {})));
  const known = EXTRA_SCORES.flatMap(({ name }) => (found.delete(name) ? [name] : []));
  // Those of plug-ins follow in the order of the records.
  const means = [...known, ...found].flatMap((name): [string, number][] => {
    const value = mean(scored.flatMap(({ extras }) => extras?.[name] ?? []));
    return value === null ? [] : [[name, value * 100]];
  });
  return Object.fromEntries(means);
}
