/**
 * @file From the name of a metric profile to the profile, and what all profiles together say.
 */

import { METRIC_PROFILE_KINDS, type MetricProfileName } from './all.js';
import { ES_FORMULAS, type ExtraScore, type MetricProfile, type MetricProfileKind } from './profile.js';
import type { PythonParser } from './python-statement.js';

export { DEFAULT_METRIC_PROFILE, type MetricProfileName } from './all.js';

/** The names, in the order of `all.ts`. */
export const METRIC_PROFILES = Object.keys(METRIC_PROFILE_KINDS) as readonly MetricProfileName[];

/** The extra scores of all profiles, each once. */
export const EXTRA_SCORES: readonly ExtraScore[] = [
  ...new Map(
    METRIC_PROFILES.flatMap((name) => metricProfileKind(name).extras).map((extra) => [extra.name, extra]),
  ).values(),
];

/** What a profile says about itself before it is opened. */
export function metricProfileKind(name: MetricProfileName): MetricProfileKind {
  return METRIC_PROFILE_KINDS[name];
}

/**
 * The profile of that name.
 *
 * @param parser Needed where the profile cuts a task with it (`needsPythonParser`); otherwise null.
 */
export function metricProfile(name: MetricProfileName, parser: PythonParser | null): MetricProfile {
  return metricProfileKind(name).open(parser);
}

/**
 * What EM compares and how ES is computed, in one sentence for reports.
 *
 * @param version As runs record it, such as `llavacode@1`.
 */
export function describeProfile(version: string): string {
  const kind = kindOfVersion(version);
  if (kind === null) return 'its rules are not known to this version of llava-eval';
  return `${kind.rule}; ES is ${ES_FORMULAS[kind.formula]}`;
}

/**
 * The extra scores of a profile; none where this version of the program does not know it.
 *
 * @param version As runs record it.
 */
export function extraScoresOf(version: string): readonly ExtraScore[] {
  return kindOfVersion(version)?.extras ?? [];
}

function kindOfVersion(version: string): MetricProfileKind | null {
  const name = METRIC_PROFILES.find((known) => version.startsWith(`${known}@`));
  return name === undefined ? null : metricProfileKind(name);
}
