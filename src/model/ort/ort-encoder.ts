/**
 * @file An encoder run by ONNX Runtime.
 *
 * Flow: token ids of chunks -> **batches of similar length** -> one vector a chunk.
 *
 * The runtime's last bits depend on the shape of a batch: on its padded length, and on whether it has one
 * row or several (the mean over positions is then another routine), but not on how many rows or on what
 * is in the others. `independent` batches keep to that: a padded length that follows from the input's own,
 * and never one row. `test/model/encoder-batches.test.ts` holds the runtime to it.
 *
 * Shape letters: B chunks in a batch, T positions of the longest, E encoder width.
 */

import { Tensor, type InferenceSession } from './runtime.js';

import type { TokenId } from '../../domain/units.js';
import { ENCODER_IO, poolingOf, type EncoderArchitecture, type Pooling } from '../../onnx/encoder-graph.js';
import type { Matrix } from '../../tensor/matrix.js';
import type { Batching, Encoder } from '../../inference/encoder.js';
import { runSession } from './run-session.js';
import { floatOutput } from './session.js';

/**
 * Positions in one batch, padding included. This many keep the matrix products busy, and more only take memory.
 */
const BATCH_POSITIONS = 4096;

/**
 * Independent inputs are padded to a multiple of this. The padding is 1.5 % of the positions, and few inputs are alone
 * in their length.
 */
const LENGTH_STEP = 4;

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

  async encode(inputs: readonly (readonly TokenId[])[], batching: Batching = 'together'): Promise<Matrix> {
    for (const [i, ids] of inputs.entries()) this.#check(ids, i);
    const E = this.width;
    const data = new Float32Array(inputs.length * E);
    const lengths = inputs.map((ids) => ids.length);
    const planned = batching === 'together' ? batches(lengths) : independentBatches(lengths, this.maxTokens);
    for (const { rows, positions } of planned) {
      const vectors = await this.#run(
        rows.map((i) => inputs[i]!),
        positions,
      );
      for (const [b, i] of rows.entries()) data.set(vectors.subarray(b * E, (b + 1) * E), i * E);
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

  /** Vectors of one batch of non-empty inputs padded to T positions, [B, E]. */
  async #run(inputs: readonly (readonly TokenId[])[], T: number): Promise<Float32Array> {
    const B = inputs.length;
    const ids = new Int32Array(B * T).fill(this.#architecture.paddingId);
    for (const [b, input] of inputs.entries()) ids.set(input, b * T);
    const results = await runSession(this.#session, {
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

/** Inputs that are encoded in one go. */
export interface Batch {
  /** Indices of inputs. */
  readonly rows: readonly number[];
  /** T: their padded length. */
  readonly positions: number;
}

/**
 * Groups inputs of similar length, so that little of a batch is padding. Empty inputs are in no
 * batch.
 *
 * @param lengths Length of each input.
 * @param most    Positions of a batch, padding included; a longer input is a batch alone.
 * @returns Longest first.
 *
 * @example
 * batches([2, 0, 5, 4], 8); // => rows [2] of 5 positions, rows [3, 0] of 4
 */
export function batches(lengths: readonly number[], most = BATCH_POSITIONS): Batch[] {
  const result: Batch[] = [];
  let rows: number[] = [];
  const finish = (): void => {
    if (rows.length > 0) result.push({ rows, positions: lengths[rows[0]!]! });
    rows = [];
  };
  for (const i of longestFirst(lengths)) {
    const longest = rows.length > 0 ? lengths[rows[0]!]! : 0;
    if ((rows.length + 1) * longest > most) finish();
    rows.push(i);
  }
  finish();
  return result;
}

/**
 * Groups inputs of the same padded length, at least two in a batch. An input that is alone in its length stands in its
 * batch twice.
 *
 * @param longest The largest padded length.
 *
 * @example
 * independentBatches([2, 0, 5, 4, 3], 512); // => rows [2, 2] of 8 positions, rows [3, 4, 0] of 4
 */
export function independentBatches(
  lengths: readonly number[],
  longest: number,
  most = BATCH_POSITIONS,
): Batch[] {
  const padded = lengths.map((length) =>
    Math.min(Math.ceil(length / LENGTH_STEP) * LENGTH_STEP, Math.max(longest, length)),
  );
  const result: Batch[] = [];
  let rows: number[] = [];
  const finish = (): void => {
    if (rows.length > 0) {
      result.push({ rows: rows.length === 1 ? [rows[0]!, rows[0]!] : rows, positions: padded[rows[0]!]! });
    }
    rows = [];
  };
  for (const i of longestFirst(padded)) {
    const positions = padded[i]!;
    const room = Math.max(2, Math.floor(most / positions));
    if (rows.length > 0 && (rows.length === room || padded[rows[0]!] !== positions)) finish();
    rows.push(i);
  }
  finish();
  return result;
}

/** Indices of what is not empty. */
function longestFirst(lengths: readonly number[]): number[] {
  const order = [...lengths.keys()].filter((i) => lengths[i]! > 0);
  return order.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
}
