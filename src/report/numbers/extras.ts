/**
 * @file The scores that some metric profiles add to EM and ES, averaged.
 */

import { EXTRA_SCORES } from '../../metrics/registry.js';
import { mean } from '../../statistics/statistics.js';

/** Means in percent, by the names of the journal. */
export type ExtraMeans = Readonly<Record<string, number>>;

/** The mean of each extra score over the records that have it; empty if none has any. */
export function extraMeans(scores: ReadonlyMap<string, Float64Array>): ExtraMeans {
  const known = EXTRA_SCORES.map(({ name }) => name);
  // Those of plug-ins follow in the order of the records.
  const others = [...scores.keys()].filter((name) => !known.includes(name));
  const means = [...known, ...others].flatMap((name): [string, number][] => {
    const value = mean(scores.get(name) ?? []);
    return value === null ? [] : [[name, value * 100]];
  });
  return Object.fromEntries(means);
}
