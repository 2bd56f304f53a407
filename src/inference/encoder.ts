/**
 * @file Interface of an encoder: token ids of chunks in, one vector a chunk out.
 *
 * Shape letters: B chunks in a batch, E encoder width.
 */

import type { TokenId } from '../domain/units.js';
import type { Matrix } from '../tensor/matrix.js';

/**
 * How inputs share a batch. `together`: the few inputs of one prompt, as fast as they can be, padded to the
 * longest. `independent`: the many of an index; a vector is then the same to the last bit whatever it was
 * encoded with, so that it may be kept and found again.
 */
export type Batching = 'together' | 'independent';

export interface Encoder {
  /** Hash of weights and configuration. */
  readonly identity: string;
  /** E. */
  readonly width: number;
  /** Most ids of one input, special tokens included. */
  readonly maxTokens: number;

  /**
   * One vector an input, [B, E], not normalised: the mean over the positions of the last layer, or
   * its last position, as the encoder was trained. Inputs may differ in length; padding changes
   * nothing but the last bits. An empty input yields a zero vector.
   *
   * @throws {RangeError} If an input is longer than `maxTokens` or an id is outside the vocabulary.
   */
  encode(inputs: readonly (readonly TokenId[])[], batching?: Batching): Promise<Matrix>;

  dispose(): Promise<void>;
}
