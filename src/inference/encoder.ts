/**
 * @file Interface of an encoder: token ids of chunks in, one vector a chunk out.
 *
 * Shape letters: B chunks in a batch, E encoder width.
 */

import type { TokenId } from '../domain/units.js';
import type { Matrix } from '../tensor/matrix.js';

/**
 * How inputs share a batch. `together` is for the few inputs of one prompt: it is fast, and pads all inputs to the
 * longest. `independent` is for the many inputs of an index: a vector is the same to the last bit whatever else is in
 * its batch, so that it can be kept and found again.
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
   * One vector an input, [B, E], not normalised. It is the mean over the positions of the last layer, or the last
   * position, as the encoder was trained. Inputs may differ in length; padding changes nothing but the last bits. An
   * empty input yields a zero vector.
   *
   * @throws {RangeError} If an input is longer than `maxTokens` or an id is outside the vocabulary.
   */
  encode(inputs: readonly (readonly TokenId[])[], batching?: Batching): Promise<Matrix>;

  dispose(): Promise<void>;
}
