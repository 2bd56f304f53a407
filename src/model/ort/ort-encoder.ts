/**
 * @file An encoder run by ONNX Runtime.
 *
 * Flow: token ids of chunks -> **batches of similar length** -> one vector a chunk.
 *
 * Shape letters: B chunks in a batch, T positions of the longest, E encoder width.
 */

import { Tensor, type InferenceSession } from 'onnxruntime-node';

import type { TokenId } from '../../domain/units.js';
import { ENCODER_IO, poolingOf, type EncoderArchitecture, type Pooling } from '../../onnx/encoder-graph.js';
import type { Matrix } from '../../tensor/matrix.js';
import type { Encoder } from '../encoder.js';
import { floatOutput } from './session.js';

/**
 * Positions in one batch, padding included. Enough to keep the matrix products busy; more only
 * takes memory.
 */
const BATCH_POSITIONS = 4096;

export interface OrtEncoderParts {
  readonly session: InferenceSession;
  readonly architecture: EncoderArchitecture;
  readonly identity: string;
  /** Most ids of one input; at most what the encoder has positions for. */
  readonly maxTokens: number;
}

export class OrtEncoder implements Encoder {
  readonly identity: string;
  readonly width: number;
  readonly maxTokens: number;
  readonly pooling: Pooling;
  readonly #session: InferenceSession;
  readonly #architecture: EncoderArchitecture;

  constructor(parts: OrtEncoderParts) {
    this.identity = parts.identity;
    this.width = parts.architecture.width;
    this.maxTokens = parts.maxTokens;
    this.pooling = poolingOf(parts.architecture);
    this.#session = parts.session;
    this.#architecture = parts.architecture;
  }

  async encode(inputs: readonly (readonly TokenId[])[]): Promise<Matrix> {
    for (const [i, ids] of inputs.entries()) this.#check(ids, i);
    const E = this.width;
    const data = new Float32Array(inputs.length * E);
    for (const batch of batches(inputs.map((ids) => ids.length))) {
      const vectors = await this.#run(batch.map((i) => inputs[i]!));
      for (const [b, i] of batch.entries()) data.set(vectors.subarray(b * E, (b + 1) * E), i * E);
    }
    return { rows: inputs.length, cols: E, data };
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }

  #check(ids: readonly TokenId[], index: number): void {
    if (ids.length > this.maxTokens) {
      throw new RangeError(`input ${index} has ${ids.length} tokens; the encoder takes ${this.maxTokens}`);
    }
    const { vocabularySize } = this.#architecture;
    const outside = ids.find((id) => id >= vocabularySize);
    if (outside !== undefined) {
      throw new RangeError(
        `input ${index} has token ${outside}; the encoder's vocabulary ends at ${vocabularySize}`,
      );
    }
  }

  /** Vectors of one batch of non-empty inputs, [B, E]. */
  async #run(inputs: readonly (readonly TokenId[])[]): Promise<Float32Array> {
    const B = inputs.length;
    const T = Math.max(...inputs.map((ids) => ids.length));
    const ids = new Int32Array(B * T).fill(this.#architecture.paddingId);
    for (const [b, input] of inputs.entries()) ids.set(input, b * T);
    const results = await this.#session.run({
      [ENCODER_IO.ids]: new Tensor('int32', ids, [B, T]),
      ...this.#lengths(
        inputs.map((input) => input.length),
        T,
      ),
    });
    return floatOutput(results, ENCODER_IO.pooled);
  }

  /** How a batch of right-padded chunks says where each one ends. */
  #lengths(lengths: readonly number[], T: number): Record<string, Tensor> {
    const B = lengths.length;
    switch (this.#architecture.kind) {
      case 'bidirectional': {
        const mask = new Int32Array(B * T);
        for (const [b, length] of lengths.entries()) mask.fill(1, b * T, b * T + length);
        return { [ENCODER_IO.mask]: new Tensor('int32', mask, [B, T]) };
      }
      case 'causal': {
        const last = BigInt64Array.from(lengths, (length) => BigInt(length - 1));
        return {
          [ENCODER_IO.lastKey]: new Tensor('int32', new Int32Array(B).fill(T - 1), [B]),
          [ENCODER_IO.totalKeys]: new Tensor('int32', Int32Array.of(T), []),
          [ENCODER_IO.lastToken]: new Tensor('int64', last, [B, 1, 1]),
        };
      }
    }
  }
}

/**
 * Groups inputs of similar length, so that little of a batch is padding. Empty inputs are in no
 * batch.
 *
 * @param lengths Length of each input.
 * @param positions Most positions of a batch, padding included; a longer input is a batch alone.
 * @returns Indices into `lengths`, longest first.
 *
 * @example
 * batches([2, 0, 5, 4], 8); // => [[2], [3, 0]]
 */
export function batches(lengths: readonly number[], positions = BATCH_POSITIONS): number[][] {
  const order = [...lengths.keys()].filter((i) => lengths[i]! > 0);
  order.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const result: number[][] = [];
  let batch: number[] = [];
  for (const i of order) {
    const longest = batch.length > 0 ? lengths[batch[0]!]! : 0;
    if (batch.length > 0 && (batch.length + 1) * longest > positions) {
      result.push(batch);
      batch = [];
    }
    batch.push(i);
  }
  if (batch.length > 0) result.push(batch);
  return result;
}
