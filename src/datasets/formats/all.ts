/**
 * @file Every schema that is known, most general first.
 */

import type { FormatName, RecordFormat } from './format.js';
import { CCEVAL, OWN } from './cceval.js';
import { LCA } from './lca.js';
import { LLAVACODE_TRAINING } from './llavacode-training.js';
import { REPOBENCH } from './repobench.js';
import { REPOEVAL } from './repoeval.js';
import { REPOFORMER } from './repoformer.js';

const BY_NAME: Readonly<Record<FormatName, RecordFormat>> = {
  'llava-eval': OWN,
  cceval: CCEVAL,
  repoformer: REPOFORMER,
  repoeval: REPOEVAL,
  repobench: REPOBENCH,
  lca: LCA,
  'llavacode-training': LLAVACODE_TRAINING,
};

export const FORMATS: readonly RecordFormat[] = Object.values(BY_NAME);

export function formatNamed(name: FormatName): RecordFormat {
  return BY_NAME[name];
}
