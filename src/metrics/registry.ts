/**
 * @file From the name of a metric profile to the profile, and what all profiles together say.
 */

import { Registry } from '../domain/registry.js';
import { METRIC_PROFILE_KINDS, type MetricProfileName } from './all.js';
import {
  ES_FORMULAS,
  type ExtraScore,
  type MetricProfile,
  type MetricProfileKind,
  type ProfileDescription,
} from './profile.js';
import type { PythonParser } from './python-statement.js';

export { DEFAULT_METRIC_PROFILE, type MetricProfileName } from './all.js';

/** The names of the program's own profiles, in the order of `all.ts`. */
export const METRIC_PROFILES = Object.keys(METRIC_PROFILE_KINDS) as readonly MetricProfileName[];

const KINDS = new Registry<MetricProfileKind>(Object.values(METRIC_PROFILE_KINDS));
/** What run folders say about profiles of plug-ins, and plug-ins about themselves. */
const DESCRIPTIONS = new Registry<ProfileDescription>(Object.values(METRIC_PROFILE_KINDS));

/** The names of all profiles: those of the program, then those of plug-ins. */
export function metricProfileNames(): readonly MetricProfileName[] {
  return KINDS.names;
}

/**
 * Adds the profile of a plug-in, or replaces one that was added under its name before.
 *
 * @throws {RangeError} If the program itself has the name.
 */
export function addMetricProfile(kind: MetricProfileKind): void {
  KINDS.add(kind);
  learnMetricProfile(kind);
}

/** Makes known what a run folder says about the profile of a plug-in. A profile of the program stays as it is. */
export function learnMetricProfile(description: ProfileDescription): void {
  if (!DESCRIPTIONS.isBuiltIn(description.name)) DESCRIPTIONS.add(description);
}

/** The extra scores of the program's profiles, each once. */
export const EXTRA_SCORES: readonly ExtraScore[] = [
  ...new Map(
    METRIC_PROFILES.flatMap((name) => metricProfileKind(name).extras).map((extra) => [extra.name, extra]),
  ).values(),
];

/**
 * What a profile says about itself before it is opened.
 *
 * @throws {RangeError} If there is none of that name.
 */
export function metricProfileKind(name: MetricProfileName): MetricProfileKind {
  const kind = KINDS.find(name);
  if (kind === undefined) throw new RangeError(`there is no metric profile ${name}`);
  return kind;
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
  const description = descriptionOfVersion(version);
  if (description === null) return 'its rules are not known to this version of llava-eval';
  return `${description.rule}; ES is ${ES_FORMULAS[description.formula]}`;
}

/**
 * The extra scores of a profile; none where this version of the program does not know it.
 *
 * @param version As runs record it.
 */
export function extraScoresOf(version: string): readonly ExtraScore[] {
  return descriptionOfVersion(version)?.extras ?? [];
}

function descriptionOfVersion(version: string): ProfileDescription | null {
  return DESCRIPTIONS.items.find(({ name }) => version.startsWith(`${name}@`)) ?? null;
}
