/**
 * @file Interface of a decoder: embeddings in, next token out, KV cache owned by the caller.
 *
 * Every pipeline enters through embeddings, so all of them run the identical graph. A decoder behind a wire takes prompts
 * of text as ids beside, and looks up the same embeddings.
 *
 * Shape letters: T prompt tokens, C decoder width, V vocabulary.
 */

import type { TokenId } from '../domain/units.js';
import type { Matrix } from '../tensor/matrix.js';
import type { DecoderPlace } from './device.js';

/** Keys and values of past positions; opaque, tied to the decoder that made it. */
export interface KvCache {
  /** Positions held. */
  readonly length: number;
  /** Frees device memory. Idempotent; the cache cannot be used afterwards. */
  dispose(): void;
}

/** A given text behind a prompt: how likely is it that the decoder goes on like this? */
export interface Continuation {
  /** At least one id, or none and an end. */
  readonly ids: readonly TokenId[];
  /** The ids of which any one ends the text; null where the text needs no end. */
  readonly end: ReadonlySet<TokenId> | null;
}

/** Scores given texts behind a prompt that has just been run. */
export interface ContinuationScorer {
  /**
   * Natural logarithms of the probabilities of the ids, each behind the prompt and the ids before it; and of the end,
   * which is the sum over its ids. Teacher-forced: the decoder's own choices play no part.
   *
   * @param after What `prefill` returned, with no other call in between. Its cache stays as it was and stays open. A
   *   decoder behind a wire runs the prompt again, and so is asked after the completion, when the cache is closed.
   * @returns One number an id, then one for the end; null if the decoder cannot tell them behind this prompt.
   * @throws {RangeError} If an id is outside [0, V), the positions exceed `maxPositions`, or a number is not finite.
   */
  logProbabilities(continuation: Continuation, after: DecoderStep): Promise<Float64Array | null>;
}

export interface DecoderStep {
  /** Greedy choice: the lowest id among the highest logits. */
  readonly token: TokenId;
  /** Logits of the last position, [V], valid until the next call on this decoder; null where it keeps them to itself. */
  readonly logits: Float32Array | null;
  readonly cache: KvCache;
}

/** Runs a prompt for its first token alone. */
export interface FirstTokenRunner {
  /**
   * As {@link Decoder.prefill}, without the cache. The runtime drops the cache instead of handing it out. On a device
   * that cannot hand it out in place (CUDA), this saves the copy to the host.
   */
  firstTokenOnly(inputs: Matrix): Promise<TokenId>;
}

/** Runs prompts that begin alike: their start once, and the rest of each behind it. */
export interface SharedStartRunner {
  /**
   * As {@link Decoder.prefill}, for the rest of a prompt whose start was run before. Logits are those of the whole
   * prompt, but for rounding.
   *
   * @param rest  Embeddings of the positions behind the start, [T, C], T >= 1.
   * @param start Cache of a prefill of the start. It stays as it was and stays open.
   * @throws {RangeError} As `prefill`; `maxPositions` is for both together.
   */
  prefillBehind(rest: Matrix, start: KvCache): Promise<DecoderStep>;
}

/**
 * What a decoder can do that is reached over a wire. Text goes there as ids, as its users send it; the engine looks up
 * the embeddings. Only a prompt with soft tokens goes as embeddings.
 */
export interface DecoderWire {
  /** Whether the other end takes embeddings: without them, a prompt of text is all that it runs. */
  readonly takesEmbeddings: boolean;
  /** As {@link Decoder.prefill}, for a prompt of text. */
  prefillIds(ids: readonly TokenId[]): Promise<DecoderStep>;
  /** As {@link FirstTokenRunner.firstTokenOnly}, for a prompt of text. */
  firstTokenOfIds(ids: readonly TokenId[]): Promise<TokenId>;
  /** Resolves when the other end has stopped whatever was disposed of here, so that what is timed next runs alone. */
  quiet(): Promise<void>;
}

export interface Decoder {
  /** Hash of weights and configuration. */
  readonly identity: string;
  readonly device: DecoderPlace;
  /** Number format of its matrices; what a server says, where a server runs it. */
  readonly dtype: string;
  /** C. */
  readonly width: number;
  /** V. */
  readonly vocabularySize: number;
  /** Null for a decoder that hands out no logits but for what it says next. */
  readonly scorer: ContinuationScorer | null;
  /** Null for a decoder that runs every prompt as a whole, or sees to shared starts by itself. */
  readonly sharedStarts: SharedStartRunner | null;
  /** Longest sequence that the position encoding was made for, in tokens: the prompt and the generated tokens. */
  readonly maxPositions: number;
  /**
   * Whether calls for several sequences may overlap. Where they may, "no other call in between" and "the next call" of
   * this interface mean calls for the same sequence: those with its cache, and the one that made it.
   */
  readonly concurrent: boolean;
  /** Null for a decoder in this process. */
  readonly wire: DecoderWire | null;

  /**
   * Rows of the embedding table, [T, C], as a new matrix.
   *
   * @throws {RangeError} If an id is outside [0, V).
   */
  embed(ids: readonly TokenId[]): Matrix;

  /**
   * Runs the whole prompt and picks the first token. Resolves when the token id is on the host.
   *
   * @param inputs Prompt embeddings, [T, C], T >= 1.
   * @throws {RangeError} If the width is not C, or T is 0 or exceeds `maxPositions`.
   */
  prefill(inputs: Matrix): Promise<DecoderStep>;

  /** One further token. Consumes `cache`: it is disposed or reused by this call. */
  decode(token: TokenId, cache: KvCache): Promise<DecoderStep>;

  dispose(): Promise<void>;
}
