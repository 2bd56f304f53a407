/**
 * @file A decoder run by ONNX Runtime.
 *
 * Flow: prompt embeddings -> **prefill / decode** -> next token.
 * The KV cache that a step returns is fed into the next step as it is. On WebGPU it never leaves the device, and on the
 * CPU the same memory is handed back.
 *
 * Shape letters: T new positions, S past positions, C width, V vocabulary.
 */

import { Tensor, type InferenceSession } from './runtime.js';

import { tokenId, type TokenId } from '../../domain/units.js';
import type { Matrix } from '../../tensor/matrix.js';
import type { Decoder, DecoderStep, FirstTokenRunner, KvCache } from '../../inference/decoder.js';
import type { Device, Dtype } from '../../inference/device.js';
import type { DecoderIo } from './decoder-io.js';
import { keepsOutputs } from './load.js';
import { runSession } from './run-session.js';
import { floatOutput } from './session.js';

/** The cache of one sequence: its tensors under the names by which the next step feeds them. */
class OrtKvCache implements KvCache {
  readonly length: number;
  readonly owner: OrtDecoder;
  #past: ReadonlyMap<string, Tensor> | undefined;

  constructor(owner: OrtDecoder, length: number, past: ReadonlyMap<string, Tensor>) {
    this.owner = owner;
    this.length = length;
    this.#past = past;
  }

  /** @throws {Error} If the cache was disposed or consumed by a step. */
  get past(): ReadonlyMap<string, Tensor> {
    if (this.#past === undefined) throw new Error('the KV cache was disposed or used by a step already');
    return this.#past;
  }

  dispose(): void {
    if (this.#past === undefined) return;
    for (const tensor of this.#past.values()) tensor.dispose();
    this.#past = undefined;
  }
}

export interface OrtDecoderParts {
  readonly session: InferenceSession;
  readonly io: DecoderIo;
  readonly maxPositions: number;
  /** Embedding table, [V, C]. */
  readonly embeddings: Matrix;
  readonly identity: string;
  readonly device: Device;
  readonly dtype: Dtype;
}

export class OrtDecoder implements Decoder, FirstTokenRunner {
  readonly identity: string;
  readonly device: Device;
  readonly dtype: Dtype;
  readonly width: number;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly #session: InferenceSession;
  readonly #io: DecoderIo;
  readonly #embeddings: Matrix;
  /** The cache before the first position; has no numbers, so all prompts share it. */
  readonly #emptyPast: ReadonlyMap<string, Tensor>;

  constructor(parts: OrtDecoderParts) {
    this.identity = parts.identity;
    this.device = parts.device;
    this.dtype = parts.dtype;
    this.width = parts.embeddings.cols;
    this.vocabularySize = parts.embeddings.rows;
    this.maxPositions = parts.maxPositions;
    this.#session = parts.session;
    this.#io = parts.io;
    this.#embeddings = parts.embeddings;
    this.#emptyPast = emptyPast(parts.io);
  }

  embed(ids: readonly TokenId[]): Matrix {
    const C = this.width;
    const data = new Float32Array(ids.length * C);
    for (let t = 0; t < ids.length; t++) data.set(this.#embedding(ids[t]!), t * C);
    return { rows: ids.length, cols: C, data };
  }

  async prefill(inputs: Matrix): Promise<DecoderStep> {
    this.#requirePrompt(inputs);
    return this.#step(inputs.data, inputs.rows, 0, this.#emptyPast);
  }

  async firstTokenOnly(inputs: Matrix): Promise<TokenId> {
    // The binding keeps one set of outputs on the device for the whole session. A run that left some out would write
    // over those of the run before. They cost nothing there, so this run takes them and drops them.
    if (keepsOutputs(this.device)) {
      const { token, cache } = await this.prefill(inputs);
      cache.dispose();
      return token;
    }
    this.#requirePrompt(inputs);
    const { logits } = this.#io;
    const feeds = this.#feeds(inputs.data, inputs.rows, 0, this.#emptyPast);
    const results = await runSession(this.#session, feeds, [logits]);
    return tokenId(argmax(floatOutput(results, logits).subarray(-this.vocabularySize)));
  }

  #requirePrompt(inputs: Matrix): void {
    if (inputs.cols !== this.width) {
      throw new RangeError(`prompt embeddings are ${inputs.cols} wide but the decoder is ${this.width} wide`);
    }
    if (inputs.rows === 0) throw new RangeError('the prompt is empty; a decoder needs at least one position');
    this.#requirePositions(inputs.rows);
  }

  async decode(token: TokenId, cache: KvCache): Promise<DecoderStep> {
    if (!(cache instanceof OrtKvCache) || cache.owner !== this) {
      throw new Error('the KV cache belongs to another decoder');
    }
    this.#requirePositions(cache.length + 1);
    try {
      return await this.#step(this.#embedding(token), 1, cache.length, cache.past);
    } finally {
      cache.dispose();
    }
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }

  /** Stops profiling and writes the profile; only for a decoder opened with `profilePrefix`. */
  endProfiling(): void {
    this.#session.endProfiling();
  }

  /** One row of the embedding table, as a view. */
  #embedding(id: TokenId): Float32Array {
    if (id >= this.vocabularySize) {
      throw new RangeError(`token ${id} is outside the decoder's vocabulary of ${this.vocabularySize}`);
    }
    return this.#embeddings.data.subarray(id * this.width, (id + 1) * this.width);
  }

  #requirePositions(count: number): void {
    if (count > this.maxPositions) {
      throw new RangeError(`${count} positions, but the decoder was made for ${this.maxPositions}`);
    }
  }

  /**
   * Runs the graph once.
   *
   * @param data Embeddings of the new positions, [T, C]; not copied, not changed.
   */
  async #step(
    data: Float32Array,
    newPositions: number,
    pastPositions: number,
    past: ReadonlyMap<string, Tensor>,
  ): Promise<DecoderStep> {
    const length = pastPositions + newPositions;
    const feeds = this.#feeds(data, newPositions, pastPositions, past);
    const results = await runSession(this.#session, feeds);
    // These are the logits of the last position, whether or not the graph hands out the others as well.
    const logits = floatOutput(results, this.#io.logits).subarray(-this.vocabularySize);
    return {
      token: tokenId(argmax(logits)),
      logits,
      cache: new OrtKvCache(this, length, this.#present(results)),
    };
  }

  #feeds(
    data: Float32Array,
    newPositions: number,
    pastPositions: number,
    past: ReadonlyMap<string, Tensor>,
  ): InferenceSession.FeedsType {
    return {
      [this.#io.embeddings]: new Tensor('float32', data, [1, newPositions, this.width]),
      ...this.#io.positions(pastPositions, newPositions),
      ...Object.fromEntries(past),
    };
  }

  /** The grown cache, under the names by which it is fed. */
  #present(results: InferenceSession.OnnxValueMapType): Map<string, Tensor> {
    return new Map(
      this.#io.caches.map(({ past, present }) => {
        const tensor = results[present];
        if (tensor === undefined) throw new Error(`the graph has no output ${present}`);
        return [past, tensor];
      }),
    );
  }
}

function emptyPast({ caches, emptyCache, cacheType }: DecoderIo): Map<string, Tensor> {
  const empty = (): Tensor =>
    cacheType === 'float16'
      ? new Tensor('float16', new Uint16Array(0), emptyCache)
      : new Tensor('float32', new Float32Array(0), emptyCache);
  return new Map(caches.map(({ past }) => [past, empty()]));
}

/**
 * Index of the highest number; the lowest index among equals.
 *
 * @example
 * argmax(Float32Array.of(1, 3, 3)); // => 1
 *
 * @throws {RangeError} If there is no number that is higher than any other: empty or all NaN.
 */
export function argmax(numbers: Float32Array): number {
  let best = -1;
  let highest = -Infinity;
  // Length and number are read once, since a vocabulary of 150,000 takes a visible part of a small model's step.
  const { length } = numbers;
  for (let i = 0; i < length; i++) {
    const number = numbers[i]!;
    if (number > highest) {
      highest = number;
      best = i;
    }
  }
  if (best < 0) {
    throw new RangeError(
      `none of ${numbers.length} logits is a number above -Infinity: the decoder computed NaN, as weights do that are ` +
        'damaged or too large for the dtype; try fp32',
    );
  }
  return best;
}
