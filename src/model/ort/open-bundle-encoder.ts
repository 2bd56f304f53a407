/**
 * @file Opens the encoder that a bundle describes: files of its own, or the first layers of the decoder.
 */

import type { Encoder } from '../../inference/encoder.js';
import type { Bundle } from '../folder/bundle.js';
import { readEncoderStatistics } from '../weights/encoder-statistics.js';
import { DecoderLayersEncoder, type BeginningOf } from './decoder-layers-encoder.js';
import { openEncoder } from './open.js';
import type { ModelOptions } from './session.js';

/**
 * Opens the encoder. The caller disposes of it, and keeps the decoder open as long.
 *
 * @param decoder Of the bundle, open.
 * @throws {ModelError} If it cannot be used.
 */
export async function openBundleEncoder(
  { encoder, decoder: { path } }: Pick<Bundle, 'encoder' | 'decoder'>,
  decoder: BeginningOf,
  options: ModelOptions,
): Promise<Encoder> {
  switch (encoder.kind) {
    case 'files':
      return openEncoder(encoder.path, options, encoder.maxTokens);
    case 'decoder-layers': {
      const vocabulary = encoder.layers === 0 ? decoder.vocabularySize : null;
      const statistics = readEncoderStatistics(encoder.statistics, decoder.width, vocabulary);
      return DecoderLayersEncoder.open(decoder, path, encoder.layers, statistics, options);
    }
  }
}
