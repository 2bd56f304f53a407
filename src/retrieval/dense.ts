/**
 * @file Dense retrieval: cosine of mean-pooled encoder vectors, as the references use UniXcoder.
 *
 * The text is stripped, encoded WITHOUT special tokens and WITHOUT the encoder-only template and cut
 * to 256 ids. This is not the encoder input of the compressed pipeline (template, other length,
 * normalised); the two never share a vector.
 *
 * Source: CrossCodeEval and Repoformer `rerank_utils.py`, class SemanticReranking.
 */

import { strip } from '../domain/text.js';
import type { Encoder } from '../model/encoder.js';
import { UNIXCODER_MARK } from '../prompt/encoder-input.js';
import { normalizeRows, row, type Matrix } from '../tensor/matrix.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { Candidates } from './candidates.js';
import type { Corpus } from './corpus.js';

/** Ids kept of a text. */
export const DENSE_MAX_TOKENS = 256;

export interface TextEmbedder {
  /** Unit vectors, [texts, E]; the zero vector for a text without tokens. */
  embed(texts: readonly string[]): Promise<Matrix>;
}

/**
 * The retrieval form of an encoder: bare ids for UniXcoder, as the references feed it, and for any other
 * encoder what its own tokenizer puts around a text.
 */
export function retrievalEmbedder(encoder: Encoder, tokenizer: Tokenizer): TextEmbedder {
  const isUnixcoder = tokenizer.controlToken(UNIXCODER_MARK) !== undefined;
  const { before, after } = isUnixcoder ? { before: [], after: [] } : tokenizer.specials;
  const limit = Math.min(DENSE_MAX_TOKENS, encoder.maxTokens) - before.length - after.length;
  return {
    async embed(texts) {
      const ids = texts.map((text) => {
        const own = tokenizer.encode(strip(text)).slice(0, limit);
        return own.length === 0 ? [] : [...before, ...own, ...after];
      });
      return normalizeRows(await encoder.encode(ids));
    },
  };
}

/** Unit vectors of a corpus' chunks, filled in as they are needed. */
export class ChunkVectors {
  readonly #corpus: Corpus;
  readonly #embedder: TextEmbedder;
  readonly #vectors = new Map<number, Float32Array>();

  constructor(corpus: Corpus, embedder: TextEmbedder) {
    this.#corpus = corpus;
    this.#embedder = embedder;
  }

  /** Chunk numbers among `members` that have no vector yet. */
  missing(members: Int32Array): number[] {
    return [...members].filter((i) => !this.#vectors.has(i));
  }

  /** Computes and keeps the vectors of the given chunks. */
  async add(members: readonly number[]): Promise<void> {
    const vectors = await this.#embedder.embed(members.map((i) => this.#corpus.chunks[i]!.text));
    for (const [r, i] of members.entries()) this.#vectors.set(i, row(vectors, r).slice());
  }

  /** Cosine of the query with every candidate, in [-1, 1]; candidates must have been added. */
  async scores(candidates: Candidates, query: string): Promise<Float64Array> {
    const q = row(await this.#embedder.embed([query]), 0);
    const scores = new Float64Array(this.#corpus.chunks.length);
    for (const i of candidates.members) {
      const vector = this.#vectors.get(i)!;
      let dot = 0;
      for (let e = 0; e < vector.length; e++) dot += q[e]! * vector[e]!;
      scores[i] = dot;
    }
    return scores;
  }
}
