/**
 * @file A decoder run by ONNX Runtime.
 *
 * Flow: prompt embeddings -> **prefill / decode** -> next token.
 * The KV cache that a step returns is fed into the next step as it is. On WebGPU it never leaves the device, and on the
 * CPU the same memory is handed back. A run reads the cache that it is fed and makes a new one. So a given text can be
 * scored behind a prompt, and the prompt be completed from the same cache afterwards.
 *
 * Shape letters: T new positions, S past positions, N positions with logits, C width, V vocabulary.
 */

import { Tensor, type InferenceSession } from './runtime.js';

import { tokenId, type TokenId } from '../../domain/units.js';
import type { Matrix } from '../../tensor/matrix.js';
import type {
  Continuation,
  ContinuationScorer,
  Decoder,
  DecoderStep,
  FirstTokenRunner,
  KvCache,
  SharedStartRunner,
} from '../../inference/decoder.js';
import type { Device, Dtype } from '../../inference/device.js';
import { embeddingRow, embeddingRows, requireId } from '../../inference/embedding-rows.js';
import { argmax, logProbability } from '../../inference/logits.js';
import type { DecoderIo } from './decoder-io.js';
import { keepsOutputs } from './load.js';
import { runSession } from './run-session.js';
import { floatOutput } from './session.js';

/** A step of this decoder hands out its logits. */
export interface OrtStep extends DecoderStep {
  readonly logits: Float32Array;
  readonly cache: OrtKvCache;
}

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

/**
 * Positions of a given text that are scored in one run. Logits are as wide as the vocabulary, so that a long text would
 * take much memory at once: 16 rows of 152,000 are 10 MB. The attention of onnxruntime 1.30 on WebGPU is wrong for 32 new
 * positions or more behind a cache (nats were off by up to 0.19), and right for 24 (`test/model/webgpu.test.ts`).
 */
const SCORED_AT_ONCE = 16;

export class OrtDecoder implements Decoder, FirstTokenRunner, ContinuationScorer, SharedStartRunner {
  readonly identity: string;
  readonly device: Device;
  readonly dtype: Dtype;
  readonly width: number;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly concurrent = false;
  readonly wire = null;
  readonly scorer = this;
  readonly sharedStarts: SharedStartRunner | null;
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
    // Elsewhere a start would be copied to the host and back, or its attention is wrong (see `SCORED_AT_ONCE`).
    this.sharedStarts = parts.device === 'cpu' ? this : null;
  }

  embed(ids: readonly TokenId[]): Matrix {
    return embeddingRows(this.#embeddings, ids);
  }

  async prefill(inputs: Matrix): Promise<OrtStep> {
    this.#requirePrompt(inputs);
    return this.#step(inputs.data, inputs.rows, 0, this.#emptyPast);
  }

  async prefillBehind(rest: Matrix, start: KvCache): Promise<OrtStep> {
    const { past } = this.#own(start);
    this.#requirePrompt(rest, start.length);
    return this.#step(rest.data, rest.rows, start.length, past);
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
    const feeds = this.#feeds(inputs.data, inputs.rows, 0, this.#emptyPast, 1);
    const results = await runSession(this.#session, feeds, [logits]);
    return tokenId(argmax(floatOutput(results, logits).subarray(-this.vocabularySize)));
  }

  #requirePrompt(inputs: Matrix, pastPositions = 0): void {
    if (inputs.cols !== this.width) {
      throw new RangeError(`prompt embeddings are ${inputs.cols} wide but the decoder is ${this.width} wide`);
    }
    if (inputs.rows === 0) throw new RangeError('the prompt is empty; a decoder needs at least one position');
    this.#requirePositions(pastPositions + inputs.rows);
  }

  async decode(token: TokenId, cache: KvCache): Promise<OrtStep> {
    const { past } = this.#own(cache);
    this.#requirePositions(cache.length + 1);
    try {
      return await this.#step(embeddingRow(this.#embeddings, token), 1, cache.length, past);
    } finally {
      cache.dispose();
    }
  }

  async logProbabilities({ ids, end }: Continuation, after: DecoderStep): Promise<Float64Array> {
    const targets = [...ids.map((id) => [id]), ...(end === null ? [] : [[...end]])];
    for (const id of targets.flat()) requireId(this.#embeddings, id);
    // The last target is only asked for: nothing is read behind it.
    const read = targets.length - 1;
    this.#requirePositions(after.cache.length + read);
    const result = new Float64Array(targets.length);
    if (after.logits === null) throw new Error('the step has no logits: it is of another decoder');
    // These logits are valid until the next run only.
    result[0] = logProbability(after.logits, targets[0]!);
    let past = this.#own(after.cache).past;
    let grown: OrtKvCache | null = null;
    try {
      for (let from = 0; from < read; from += SCORED_AT_ONCE) {
        const count = Math.min(SCORED_AT_ONCE, read - from);
        const isLast = from + count === read;
        const length = after.cache.length + from;
        const { logits, cache } = await this.#scored(ids.slice(from, from + count), length, past, isLast);
        for (let i = 0; i < count; i++) {
          const row = logits.subarray(i * this.vocabularySize, (i + 1) * this.vocabularySize);
          result[from + i + 1] = logProbability(row, targets[from + i + 1]!);
        }
        grown?.dispose();
        grown = cache;
        if (cache !== null) past = cache.past;
      }
    } finally {
      grown?.dispose();
    }
    const broken = result.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw new RangeError(
        `the log-probability of token ${broken + 1} of the given text is ${result[broken]!}`,
      );
    }
    return result;
  }

  /** Runs ids behind a cache: the logits of each of them, and the grown cache unless it is the last run. */
  async #scored(
    ids: readonly TokenId[],
    pastPositions: number,
    past: ReadonlyMap<string, Tensor>,
    isLast: boolean,
  ): Promise<{ readonly logits: Float32Array; readonly cache: OrtKvCache | null }> {
    const { logits: name } = this.#io;
    const feeds = this.#feeds(this.embed(ids).data, ids.length, pastPositions, past, ids.length);
    const wantsCache = !isLast || keepsOutputs(this.device);
    const results = await runSession(this.#session, feeds, wantsCache ? undefined : [name]);
    return {
      logits: floatOutput(results, name).subarray(-ids.length * this.vocabularySize),
      cache: wantsCache ? new OrtKvCache(this, pastPositions + ids.length, this.#present(results)) : null,
    };
  }

  /** @throws {Error} If the cache is of another decoder. */
  #own(cache: KvCache): OrtKvCache {
    if (!(cache instanceof OrtKvCache) || cache.owner !== this) {
      throw new Error('the KV cache belongs to another decoder');
    }
    return cache;
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }

  /** Stops profiling and writes the profile; only for a decoder opened with `profilePrefix`. */
  endProfiling(): void {
    this.#session.endProfiling();
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
  ): Promise<OrtStep> {
    const length = pastPositions + newPositions;
    const feeds = this.#feeds(data, newPositions, pastPositions, past, 1);
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
    scored: number,
  ): InferenceSession.FeedsType {
    return {
      [this.#io.embeddings]: new Tensor('float32', data, [1, newPositions, this.width]),
      ...this.#io.positions(pastPositions, newPositions, scored),
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
