/**
 * @file What turns chunks into soft tokens: an encoder, a projector, and how the one feeds the other.
 */

import type { Encoder } from '../inference/encoder.js';
import type { Projector } from '../inference/projector.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import type { EncoderTemplate } from '../prompt/encoder-input.js';

/** How a chunk becomes a vector, and a vector a soft token. */
export interface Compressor {
  readonly encoder: Encoder;
  readonly tokenizer: Tokenizer;
  readonly template: EncoderTemplate;
  /** Whether the projector was trained on vectors of length 1. */
  readonly normalize: boolean;
  readonly projector: Projector;
  /** k: width of the projector's output over that of the decoder. */
  readonly tokensPerChunk: number;
}
