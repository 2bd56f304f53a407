/**
 * @file Every record format, most general first: where no row of a file can be read, the first one counts its lines.
 *
 * Whoever adds a format writes one file in this folder and one line here. Names, flags, recognition and contract
 * tests follow from this list.
 */

import { CCEVAL, OWN } from './cceval.js';
import type { RecordFormat } from './format.js';
import { LCA } from './lca.js';
import { LLAVACODE_TRAINING } from './llavacode-training.js';
import { REPOBENCH } from './repobench.js';
import { REPOEVAL } from './repoeval.js';
import { REPOFORMER } from './repoformer.js';

const BY_NAME = {
  'llava-eval': OWN,
  cceval: CCEVAL,
  repoformer: REPOFORMER,
  repoeval: REPOEVAL,
  repobench: REPOBENCH,
  lca: LCA,
  'llavacode-training': LLAVACODE_TRAINING,
} as const satisfies Readonly<Record<string, RecordFormat>>;

export type FormatName = keyof typeof BY_NAME;

/** The names, most general first. */
export const FORMAT_NAMES = Object.keys(BY_NAME) as readonly FormatName[];

export const FORMATS: readonly RecordFormat[] = Object.values(BY_NAME);

/** The format that asks least of a row. */
export const MOST_GENERAL_FORMAT = FORMATS[0]!;

export function formatNamed(name: FormatName): RecordFormat {
  return BY_NAME[name];
}
