/**
 * @file A decoder that vLLM serves: one GPU, several, or many replicas behind one interface.
 *
 * Flow: prompt as ids or embeddings -> **a stream of token ids** -> next token.
 *
 * The cache of a sequence is its open stream. The server decodes greedily ahead of the reader, so that a step hands out
 * what the server has chosen already, and a caller that asks for another token is refused. Closing the cache ends the
 * request on the server. Sequences share nothing, so calls for several of them may overlap.
 *
 * Shape letters: T prompt tokens, C decoder width, V vocabulary.
 */

import { tokenId, type TokenId } from '../domain/units.js';
import type {
  ContinuationScorer,
  Decoder,
  DecoderStep,
  DecoderWire,
  FirstTokenRunner,
  KvCache,
} from '../inference/decoder.js';
import { embeddingRows, requireId } from '../inference/embedding-rows.js';
import type { Matrix } from '../tensor/matrix.js';
import type { CompletionStream, VllmServer } from './client.js';
import { completionBody, type SentPrompt } from './prompt-body.js';
import { promptLogProbabilities } from './prompt-likelihood.js';
import type { WireType } from './torch-tensor.js';

/** A server and the name of the model on it. */
export interface Replica {
  readonly server: VllmServer;
  readonly model: string;
}

export interface VllmDecoderParts {
  /** All hold the same model. */
  readonly replicas: readonly [Replica, ...Replica[]];
  /** Embedding table, [V, C]. */
  readonly embeddings: Matrix;
  readonly maxPositions: number;
  readonly identity: string;
  /** As the server says it. */
  readonly dtype: string;
  readonly wireType: WireType;
  readonly takesEmbeddings: boolean;
  /** Whether the servers tell the probabilities of a prompt's ids. */
  readonly tellsProbabilities: boolean;
}

/** A sequence that a server decodes. */
interface Sequence {
  readonly lane: Lane;
  readonly stream: CompletionStream;
  /** Ids that have come and were not asked for. */
  readonly pending: TokenId[];
}

/** A replica and how much it does for this process. */
interface Lane extends Replica {
  open: number;
  /** Whether a stream was ended since the server was last seen idle. */
  isStopping: boolean;
}

/** The stream of a sequence behind one of its tokens: open, or at rest until somebody goes on with it. */
class StreamCache implements KvCache {
  readonly length: number;
  readonly owner: VllmDecoder;
  /** What the sequence began with. */
  readonly prompt: SentPrompt;
  /** What the server chose last: the only token that the sequence goes on with. */
  readonly chosen: TokenId;
  /** Null at rest. */
  #sequence: Sequence | null;
  #isOpen = true;

  constructor(owner: VllmDecoder, sequence: Sequence, prompt: SentPrompt, length: number, chosen: TokenId) {
    this.owner = owner;
    this.prompt = prompt;
    this.length = length;
    this.chosen = chosen;
    this.#sequence = sequence;
  }

  /** Hands the stream on to the next step; null if it is at rest. @throws {Error} If it was disposed or handed on. */
  take(): Sequence | null {
    if (!this.#isOpen) throw new Error('the KV cache was disposed or used by a step already');
    this.#isOpen = false;
    return this.#sequence;
  }

  /**
   * Ends the request on the server, which would decode on and on. A server that runs one sequence at a time could not
   * answer another request meanwhile.
   */
  rest(): void {
    if (!this.#isOpen) return;
    if (this.#sequence !== null) endSequence(this.#sequence);
    this.#sequence = null;
  }

  dispose(): void {
    if (!this.#isOpen) return;
    const sequence = this.take();
    if (sequence !== null) endSequence(sequence);
  }
}

function endSequence({ lane, stream }: Sequence): void {
  stream.abort();
  lane.open--;
  lane.isStopping = true;
}

export class VllmDecoder implements Decoder, FirstTokenRunner, DecoderWire, ContinuationScorer {
  readonly identity: string;
  readonly device = 'vllm';
  readonly dtype: string;
  readonly width: number;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly concurrent = true;
  readonly takesEmbeddings: boolean;
  readonly scorer: ContinuationScorer | null;
  /** The server keeps starts by itself, if it is told to. */
  readonly sharedStarts = null;
  readonly wire: DecoderWire = this;
  readonly #embeddings: Matrix;
  readonly #wireType: WireType;
  readonly #lanes: readonly [Lane, ...Lane[]];

  constructor(parts: VllmDecoderParts) {
    const lane = (replica: Replica): Lane => ({ ...replica, open: 0, isStopping: true });
    const [first, ...more] = parts.replicas;
    this.#lanes = [lane(first), ...more.map(lane)];
    this.#embeddings = parts.embeddings;
    this.#wireType = parts.wireType;
    this.identity = parts.identity;
    this.dtype = parts.dtype;
    this.width = parts.embeddings.cols;
    this.vocabularySize = parts.embeddings.rows;
    this.maxPositions = parts.maxPositions;
    this.takesEmbeddings = parts.takesEmbeddings;
    this.scorer = parts.tellsProbabilities ? this : null;
  }

  embed(ids: readonly TokenId[]): Matrix {
    return embeddingRows(this.#embeddings, ids);
  }

  prefill(inputs: Matrix): Promise<DecoderStep> {
    return this.#begin({ kind: 'embeddings', inputs });
  }

  prefillIds(ids: readonly TokenId[]): Promise<DecoderStep> {
    return this.#begin({ kind: 'ids', ids });
  }

  firstTokenOnly(inputs: Matrix): Promise<TokenId> {
    return this.#firstTokenOf({ kind: 'embeddings', inputs });
  }

  firstTokenOfIds(ids: readonly TokenId[]): Promise<TokenId> {
    return this.#firstTokenOf({ kind: 'ids', ids });
  }

  async decode(token: TokenId, cache: KvCache): Promise<DecoderStep> {
    const own = this.#own(cache);
    if (token !== own.chosen) {
      throw new RangeError(
        `token ${token} was to be decoded, but the server chose ${own.chosen} and goes on with that alone`,
      );
    }
    const { prompt, length } = own;
    this.#requirePositions(length + 1);
    return this.#step(own.take() ?? (await this.#resumed(own)), prompt, length + 1);
  }

  async logProbabilities(
    continuation: Parameters<ContinuationScorer['logProbabilities']>[0],
    after: DecoderStep,
  ): Promise<Float64Array | null> {
    const own = this.#own(after.cache);
    const { prompt } = own;
    for (const id of [...continuation.ids, ...(continuation.end ?? [])]) requireId(this.#embeddings, id);
    // vLLM gives the probabilities of ids alone.
    if (prompt.kind === 'embeddings') return null;
    const scored = continuation.ids.length + (continuation.end === null ? 0 : 1);
    this.#requirePositions(prompt.ids.length + scored);
    own.rest();
    return this.#onLane((replica) => promptLogProbabilities(replica, prompt.ids, continuation));
  }

  /**
   * A request of one token behind everything that was ended: when it is answered, the server has seen the end of them.
   * It also leaves an open connection for the request that is timed next.
   */
  async quiet(): Promise<void> {
    for (const lane of this.#lanes) {
      if (!lane.isStopping || lane.open > 0) continue;
      lane.isStopping = false;
      const stream = await lane.server.complete(
        completionBody(lane.model, { kind: 'ids', ids: [tokenId(0)] }, 1, this.#wireType),
      );
      while ((await stream.next()) !== null);
    }
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  async #begin(prompt: SentPrompt): Promise<DecoderStep> {
    const length = this.#lengthOf(prompt);
    // The server stops there by itself, should nobody end the sequence.
    const most = Math.max(1, this.maxPositions - length);
    return this.#step(await this.#open(prompt, most), prompt, length);
  }

  /** The sequence of a prefill that was put to rest, behind its first token again. */
  async #resumed({ prompt, length, chosen }: StreamCache): Promise<Sequence> {
    const sequence = await this.#open(prompt, Math.max(1, this.maxPositions - length));
    try {
      const first = await this.#next(sequence);
      if (first === chosen) return sequence;
      throw new RangeError(
        `${sequence.lane.server.name} chose token ${first} for a prompt that it had answered with ${chosen}`,
      );
    } catch (error) {
      endSequence(sequence);
      throw error;
    }
  }

  async #firstTokenOf(prompt: SentPrompt): Promise<TokenId> {
    this.#lengthOf(prompt);
    const sequence = await this.#open(prompt, 1);
    try {
      return await this.#next(sequence);
    } finally {
      endSequence(sequence);
    }
  }

  /** The length of a prompt that can be run. @throws {RangeError} If it cannot. */
  #lengthOf(prompt: SentPrompt): number {
    const length = prompt.kind === 'ids' ? prompt.ids.length : prompt.inputs.rows;
    if (prompt.kind === 'ids') for (const id of prompt.ids) requireId(this.#embeddings, id);
    else if (prompt.inputs.cols !== this.width) {
      throw new RangeError(
        `prompt embeddings are ${prompt.inputs.cols} wide but the decoder is ${this.width} wide`,
      );
    }
    if (length === 0) throw new RangeError('the prompt is empty; a decoder needs at least one position');
    this.#requirePositions(length);
    return length;
  }

  async #open(prompt: SentPrompt, mostTokens: number): Promise<Sequence> {
    const lane = this.#leastBusy();
    lane.open++;
    try {
      const stream = await lane.server.complete(
        completionBody(lane.model, prompt, mostTokens, this.#wireType),
      );
      return { lane, stream, pending: [] };
    } catch (error) {
      lane.open--;
      throw error;
    }
  }

  async #onLane<T>(use: (replica: Replica) => Promise<T>): Promise<T> {
    const lane = this.#leastBusy();
    lane.open++;
    try {
      return await use(lane);
    } finally {
      lane.open--;
    }
  }

  #leastBusy(): Lane {
    return this.#lanes.reduce((best, lane) => (lane.open < best.open ? lane : best));
  }

  /** Reads the next token of a sequence; the sequence is ended if that fails. */
  async #step(sequence: Sequence, prompt: SentPrompt, length: number): Promise<DecoderStep> {
    try {
      const token = await this.#next(sequence);
      return { token, logits: null, cache: new StreamCache(this, sequence, prompt, length, token) };
    } catch (error) {
      endSequence(sequence);
      throw error;
    }
  }

  async #next({ lane: { server }, stream, pending }: Sequence): Promise<TokenId> {
    while (pending.length === 0) {
      const choice = await stream.next();
      if (choice === null) throw new Error(`${server.name} ended the completion before it was asked to`);
      const ids = choice.token_ids ?? [];
      if (ids.length === 0 && choice.text !== '') {
        throw new Error(`${server.name} sends text without token ids: vLLM has them since 0.10.2`);
      }
      pending.push(...ids.map(tokenId));
    }
    const token = pending.shift()!;
    if (token >= this.vocabularySize) {
      throw new RangeError(
        `${server.name} chose token ${token}, and the embedding table has ${this.vocabularySize}: it serves another model`,
      );
    }
    return token;
  }

  /** @throws {Error} If the cache is of another decoder. */
  #own(cache: KvCache): StreamCache {
    if (!(cache instanceof StreamCache) || cache.owner !== this) {
      throw new Error('the KV cache belongs to another decoder');
    }
    return cache;
  }

  #requirePositions(count: number): void {
    if (count > this.maxPositions) {
      throw new RangeError(`${count} positions, but the server takes ${this.maxPositions}`);
    }
  }
}
