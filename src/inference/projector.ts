/**
 * @file Interface of a projector: encoder vectors in, soft tokens out.
 *
 * Shape letters: K vectors, E encoder width, C decoder width, k soft tokens a vector.
 */

import type { Matrix } from '../tensor/matrix.js';

/** Number of Linear layers, as in LlavaCode's `2L`, `3L`, `4L`. */
export type ProjectorLayers = 2 | 3 | 4;

export interface Projector {
  /** Hash of the weights. */
  readonly identity: string;
  readonly layers: ProjectorLayers;
  /** E. */
  readonly inputWidth: number;
  /** Widths between its Linear layers. */
  readonly hiddenWidths: readonly number[];
  /** k C. In LlavaCode k is 1. */
  readonly outputWidth: number;

  /**
   * Maps [K, E] to [K, k C]; K may be 0.
   *
   * @throws {RangeError} If the input is not E wide.
   */
  project(vectors: Matrix): Promise<Matrix>;

  dispose(): Promise<void>;
}
