/**
 * @file What the steps of a run work on.
 */

import type { PromptSetting } from '../pipelines/in-file.js';
import type { PhaseTimer } from '../run/phases.js';
import type { RunJson } from '../run/run-json.js';
import type { Surroundings } from './events.js';
import type { ClaimedFolder } from './folder.js';
import type { OpenComparison } from './open.js';
import type { ComparisonSettings } from './settings.js';

/** A run between the moment when all of it is open and its end. */
export interface Comparison {
  readonly surroundings: Surroundings;
  readonly phases: PhaseTimer;
  readonly folder: ClaimedFolder;
  /** Failed records that are taken out of the journal and answered again. */
  readonly retried: number;
  readonly settings: ComparisonSettings;
  readonly open: OpenComparison;
  /** What every prompt has in common. */
  readonly prompt: PromptSetting;
  /** As the folder records it at the start. */
  readonly run: RunJson;
}
