/**
 * @file The sections of a report, in the order in which it has them. Each is null where the run has nothing for it.
 */

import type { Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';
import { attribution } from './attribution.js';
import { crossFile } from './cross-file.js';
import { differences } from './differences.js';
import { equalLatency } from './equal-latency.js';
import { identifiers } from './identifiers.js';
import { latency } from './latency.js';
import { likelihood } from './likelihood.js';
import { noise } from './noise.js';
import { overview } from './overview.js';
import { recovered } from './recovered.js';
import { stages } from './stages.js';
import { tradeOff } from './trade-off.js';

export const SECTIONS: readonly ((context: Context) => Section | null)[] = [
  overview,
  attribution,
  likelihood,
  tradeOff,
  equalLatency,
  recovered,
  latency,
  stages,
  differences,
  identifiers,
  crossFile,
  noise,
];
