/**
 * @file The list of what is fuzzed.
 */

import type { FuzzTarget } from '../target.js';
import { LANGUAGE_TARGETS } from './languages.js';
import { MODEL_TARGETS } from './models.js';
import { RECORD_TARGETS } from './records.js';
import { RUN_TARGETS } from './runs.js';
import { TEXT_TARGETS } from './texts.js';

export const TARGETS: readonly FuzzTarget[] = [
  ...RECORD_TARGETS,
  ...MODEL_TARGETS,
  ...RUN_TARGETS,
  ...TEXT_TARGETS,
  ...LANGUAGE_TARGETS,
];
