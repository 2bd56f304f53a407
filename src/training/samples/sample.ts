/**
 * @file What training works on: holes in ids, and the chunks of all of them in one table.
 *
 * Shape letters: M chunks in the table, E encoder width, k soft tokens a chunk, C decoder width.
 */

import type { TokenId } from '../../domain/units.js';
import type { Matrix } from '../../tensor/matrix.js';

/** One hole. */
export interface TrainingSample {
  /** Of its task. */
  readonly id: string;
  readonly repository: string;
  /** The prompt in front of the place where soft tokens stand. */
  readonly before: readonly TokenId[];
  /** The prompt behind it, the middle marker included. At least one id. */
  readonly after: readonly TokenId[];
  /** The missing line and its end: what is taught. At least one id. */
  readonly target: readonly TokenId[];
  /** Rows of the chunk table in the order of the prompt. At least one. */
  readonly chunks: readonly number[];
  /** The chunks as the text of a prompt; null where no loss asks for it. */
  readonly text: readonly TokenId[] | null;
  /** The missing line as text, which rewards compare with. */
  readonly reference: string;
}

/** The chunks of all samples; equal texts have one row. */
export interface ChunkTable {
  /** Of each chunk, in the decoder's ids: what reconstruction teaches. */
  readonly ids: readonly (readonly TokenId[])[];
  /** As the projector takes them, [M, E]. */
  readonly vectors: Matrix;
}

export interface TrainingData {
  readonly training: readonly TrainingSample[];
  readonly validation: readonly TrainingSample[];
  readonly chunks: ChunkTable;
}

/**
 * Rows of the chunk table that the holes show, ascending, each once.
 *
 * @example // holes with the chunks [4, 1] and [1, 0] => [0, 1, 4]
 */
export function shownChunks(samples: readonly Pick<TrainingSample, 'chunks'>[]): number[] {
  return [...new Set(samples.flatMap(({ chunks }) => chunks))].sort((a, b) => a - b);
}

/** How prompts are put together. */
export interface PromptShape {
  /** Whether the constants stand before the soft tokens: in front of the code. Behind it, they come last. */
  readonly constantsFirst: boolean;
  /** Whether everything before the soft tokens is the same in every step, so that its keys and values are kept. */
  readonly keepsPrefix: boolean;
}
