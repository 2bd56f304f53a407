/**
 * @file From the name of a metric profile to the profile.
 */

import { ccevalProfile } from './cceval.js';
import { LCA } from './lca.js';
import { LLAVACODE, LLAVACODE_FIRST_LINE } from './llavacode.js';
import { ES_FORMULAS, METRIC_PROFILES, type MetricProfile, type MetricProfileName } from './profile.js';
import type { PythonParser } from './python-statement.js';
import { repobenchProfile } from './repobench.js';
import { REPOCODER } from './repocoder.js';

/** Whether a profile parses Python completions to find the end of a statement. */
export function parsesPython(name: MetricProfileName): boolean {
  return name === 'cceval' || name === 'cceval-difflib';
}

/**
 * The profile of that name.
 *
 * @param parser Needed by profiles that `parsesPython`, where a task is in Python; otherwise null.
 */
export function metricProfile(name: MetricProfileName, parser: PythonParser | null): MetricProfile {
  switch (name) {
    case 'llavacode':
      return LLAVACODE;
    case 'llavacode-first-line':
      return LLAVACODE_FIRST_LINE;
    case 'repocoder':
      return REPOCODER;
    case 'cceval':
      return ccevalProfile('fuzz-indel', parser);
    case 'cceval-difflib':
      return ccevalProfile('fuzz-difflib', parser);
    case 'repobench':
      return repobenchProfile('fuzz-indel');
    case 'repobench-difflib':
      return repobenchProfile('fuzz-difflib');
    case 'lca':
      return LCA;
  }
}

/**
 * What EM compares and how ES is computed, in one sentence for reports.
 *
 * @param version As runs record it, such as `llavacode@1`.
 */
export function describeProfile(version: string): string {
  const name = METRIC_PROFILES.find((known) => version.startsWith(`${known}@`));
  if (name === undefined) return 'its rules are not known to this version of llava-eval';
  const { rule, formula } = metricProfile(name, null);
  return `${rule}; ES is ${ES_FORMULAS[formula]}`;
}
