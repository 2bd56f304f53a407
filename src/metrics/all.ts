/**
 * @file Every metric profile, in the order of flags and tables. The `-difflib` ones differ from their namesakes in
 * the formula of ES alone.
 *
 * Whoever adds a profile writes one file in this folder and one line here. Names, flags, schemas and contract tests
 * follow from this list.
 */

import { CCEVAL, CCEVAL_DIFFLIB } from './cceval.js';
import { LCA } from './lca.js';
import { LLAVACODE, LLAVACODE_FIRST_LINE } from './llavacode.js';
import type { MetricProfileKind } from './profile.js';
import { REPOBENCH, REPOBENCH_DIFFLIB } from './repobench.js';
import { REPOCODER } from './repocoder.js';

export const METRIC_PROFILE_KINDS = {
  llavacode: LLAVACODE,
  'llavacode-first-line': LLAVACODE_FIRST_LINE,
  repocoder: REPOCODER,
  cceval: CCEVAL,
  'cceval-difflib': CCEVAL_DIFFLIB,
  repobench: REPOBENCH,
  'repobench-difflib': REPOBENCH_DIFFLIB,
  lca: LCA,
} as const satisfies Readonly<Record<string, MetricProfileKind>>;

/** The name of a metric profile: of the program or of a plug-in. */
export type MetricProfileName = string;

/** The profile of runs and scores for which nobody names one. */
export const DEFAULT_METRIC_PROFILE = 'llavacode' satisfies keyof typeof METRIC_PROFILE_KINDS;
