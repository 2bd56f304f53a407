/**
 * @file Texts to vectors for dense retrieval: mean-pooled encoder vectors, as the references use UniXcoder.
 *
 * The text is stripped, encoded WITHOUT special tokens and WITHOUT the encoder-only template, and cut to 256
 * ids. This is not the encoder input of the compressed pipeline (template, other length, normalised); the two
 * never share a vector.
 *
 * Source: CrossCodeEval and Repoformer `rerank_utils.py`, class SemanticReranking.
 */

import { strip } from '../../domain/text.js';
import type { TokenId } from '../../domain/units.js';
import type { Encoder } from '../../inference/encoder.js';
import { UNIXCODER_MARK } from '../../prompt/encoder-input.js';
import { encodeHead } from '../../prompt/truncate.js';
import { matrixOf, normalizeRows, row, type Matrix } from '../../tensor/matrix.js';
import type { Tokenizer } from '../../inference/tokenizer.js';

/** Ids kept of a text. */
const DENSE_MAX_TOKENS = 256;

/** Texts that are tokenized and sorted by length in one go; the ids of all of a large index would not fit. */
const BLOCK_TEXTS = 32_768;
/** Texts encoded between two progress reports. */
const ENCODED_AT_ONCE = 256;

export interface TextEmbedder {
  /** Unit vectors of questions, [texts, E]; the zero vector for a text without tokens. Nothing is kept. */
  embed(texts: readonly string[]): Promise<Matrix>;
  /**
   * Unit vectors of what is asked about, [texts, E]: many, at index time. Equal texts have equal vectors,
   * whatever stands beside them and whether they were computed or found.
   *
   * @param onTexts Told how many further texts are done; false ends the work.
   * @returns null if it was ended.
   */
  index(texts: readonly string[], onTexts?: (count: number) => boolean): Promise<Matrix | null>;
}

/** Where vectors of an index are kept between runs, by the ids that were encoded. */
export interface VectorStore {
  /** Unit vectors of inputs; undefined where none is kept. */
  find(inputs: readonly (readonly TokenId[])[]): Promise<readonly (Float32Array | undefined)[]>;
  /** @param vectors One row an input. */
  keep(inputs: readonly (readonly TokenId[])[], vectors: Matrix): Promise<void>;
}

/**
 * The retrieval form of an encoder: bare ids for UniXcoder, as the references feed it, and for any other
 * encoder what its own tokenizer puts around a text.
 */
export function retrievalEmbedder(
  encoder: Encoder,
  tokenizer: Tokenizer,
  store: VectorStore | null = null,
): TextEmbedder {
  const isUnixcoder = tokenizer.controlToken(UNIXCODER_MARK) !== undefined;
  const { before, after } = isUnixcoder ? { before: [], after: [] } : tokenizer.specials;
  const limit = Math.min(DENSE_MAX_TOKENS, encoder.maxTokens) - before.length - after.length;
  const input = (text: string): TokenId[] => {
    const own = encodeHead(tokenizer, strip(text), limit);
    return own.length === 0 ? [] : [...before, ...own, ...after];
  };
  return {
    async embed(texts) {
      return normalizeRows(await encoder.encode(texts.map(input)));
    },
    async index(texts, onTexts = () => true) {
      const result = matrixOf(texts.length, encoder.width, new Float32Array(texts.length * encoder.width));
      for (let at = 0; at < texts.length; at += BLOCK_TEXTS) {
        const block = new Block(texts.slice(at, at + BLOCK_TEXTS), input);
        const isWhole = await block.encode(encoder, store, onTexts);
        if (!isWhole) return null;
        block.fill(result, at);
      }
      return result;
    },
  };
}

/** Texts on their way to vectors; equal ones go together. */
class Block {
  readonly #inputs: (readonly TokenId[])[] = [];
  /** Texts that have each input. */
  readonly #texts: number[][] = [];
  readonly #vectors: (Float32Array | undefined)[];

  constructor(texts: readonly string[], input: (text: string) => TokenId[]) {
    const numbers = new Map<string, number>();
    for (const [i, text] of texts.entries()) {
      const known = numbers.get(text);
      if (known !== undefined) {
        this.#texts[known]!.push(i);
        continue;
      }
      numbers.set(text, this.#inputs.length);
      this.#inputs.push(input(text));
      this.#texts.push([i]);
    }
    this.#vectors = this.#inputs.map(() => undefined);
  }

  /** Finds what is kept, encodes the rest, longest first, and keeps it, also when it is ended on the way. */
  async encode(
    encoder: Encoder,
    store: VectorStore | null,
    onTexts: (count: number) => boolean,
  ): Promise<boolean> {
    let found = 0;
    for (const [n, vector] of ((await store?.find(this.#inputs)) ?? []).entries()) {
      this.#vectors[n] = vector;
      if (vector !== undefined) found += this.#texts[n]!.length;
    }
    let goesOn = found === 0 || onTexts(found);
    const todo = [...this.#inputs.keys()].filter((n) => this.#vectors[n] === undefined);
    todo.sort((a, b) => this.#inputs[b]!.length - this.#inputs[a]!.length);
    const encoded: number[] = [];
    for (let at = 0; at < todo.length && goesOn; at += ENCODED_AT_ONCE) {
      const batch = todo.slice(at, at + ENCODED_AT_ONCE);
      const inputs = batch.map((n) => this.#inputs[n]!);
      const vectors = normalizeRows(await encoder.encode(inputs, 'independent'));
      for (const [r, n] of batch.entries()) this.#vectors[n] = row(vectors, r);
      encoded.push(...batch);
      goesOn = onTexts(batch.reduce((sum, n) => sum + this.#texts[n]!.length, 0));
    }
    if (store !== null && encoded.length > 0) {
      const rows = matrixOf(encoded.length, encoder.width, new Float32Array(encoded.length * encoder.width));
      for (const [r, n] of encoded.entries()) row(rows, r).set(this.#vectors[n]!);
      await store.keep(
        encoded.map((n) => this.#inputs[n]!),
        rows,
      );
    }
    return goesOn;
  }

  /** Writes the vectors of all texts, the first at row `first`. */
  fill(result: Matrix, first: number): void {
    for (const [n, texts] of this.#texts.entries()) {
      for (const i of texts) row(result, first + i).set(this.#vectors[n]!);
    }
  }
}
