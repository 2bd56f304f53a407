/**
 * @file The chunks that are measured: each text once, as the encoder's vector and as soft tokens.
 *
 * A pool holds at most so many chunks, chosen by hash, so that no file comes first and memory has a bound.
 *
 * Shape letters: N chunks, E encoder width, C decoder width, k soft tokens a chunk.
 */

import type { Language } from '../domain/languages.js';
import { sha256 } from '../domain/hash.js';
import { compareCodePoints } from '../domain/text.js';
import { splitSoftTokens } from '../inference/soft-tokens.js';
import type { Compressor } from '../pipelines/compressor.js';
import { encoderInput } from '../prompt/encoder-input.js';
import { encodeHead } from '../prompt/truncate.js';
import { matrixOf, normalizeRows, row, stackRows, type Matrix } from '../tensor/matrix.js';

/** A chunk, and where it was found first. */
export interface PooledChunk {
  readonly text: string;
  readonly repository: string;
  readonly language: Language;
}

export interface ChunkPool {
  /** N of them. */
  readonly chunks: readonly PooledChunk[];
  /** What the projector is given, [N, E]. */
  readonly encoded: Matrix;
  /** What it makes of that, [N, k C]. */
  readonly projected: Matrix;
  /** k. */
  readonly tokensPerChunk: number;
}

/** Chunks that go through the encoder before progress is told and a stop is looked for. */
const BATCH = 64;

/**
 * Each text once, at most `limit` of them, the lowest hashes first.
 *
 * @param found In any order; of equal texts the first one counts.
 */
export function distinctChunks(found: Iterable<PooledChunk>, limit: number): PooledChunk[] {
  const known = new Map<string, PooledChunk>();
  for (const chunk of found) if (!known.has(chunk.text)) known.set(chunk.text, chunk);
  return [...known.values()]
    .map((chunk) => [sha256(chunk.text), chunk] as const)
    .sort(([a], [b]) => compareCodePoints(a, b))
    .slice(0, limit)
    .map(([, chunk]) => chunk);
}

/**
 * Encodes and projects chunks.
 *
 * @param onEncoded Told of each group of chunks that is done.
 * @returns Null if it was cancelled.
 */
export async function poolOf(
  chunks: readonly PooledChunk[],
  compressor: Compressor,
  onEncoded: (chunks: number) => void,
  isCancelled: () => boolean,
): Promise<ChunkPool | null> {
  const [encoded, projected]: [Matrix[], Matrix[]] = [[], []];
  for (let from = 0; from < chunks.length; from += BATCH) {
    if (isCancelled()) return null;
    const part = chunks.slice(from, from + BATCH);
    const vectors = await compress(
      part.map(({ text }) => text),
      compressor,
    );
    encoded.push(vectors.encoded);
    projected.push(vectors.projected);
    onEncoded(part.length);
  }
  const { encoder, projector, tokensPerChunk } = compressor;
  return {
    ...{ chunks, tokensPerChunk },
    encoded: stackRows(encoded, encoder.width),
    projected: stackRows(projected, projector.outputWidth),
  };
}

/** The soft tokens of one chunk, [k, C]. */
export async function softTokensOf(text: string, compressor: Compressor): Promise<Matrix> {
  const { projected } = await compress([text], compressor);
  return splitSoftTokens(projected, compressor.tokensPerChunk);
}

/** Texts as vectors, before and after the projector. */
async function compress(
  texts: readonly string[],
  { encoder, tokenizer, template, normalize, projector }: Compressor,
): Promise<Pick<ChunkPool, 'encoded' | 'projected'>> {
  const inputs = texts.map((text) => encoderInput(template, encodeHead(tokenizer, text, template.maxTokens)));
  // Independent: a chunk has the same vector whatever else is in the pool.
  const vectors = await encoder.encode(inputs, 'independent');
  const encoded = normalize ? normalizeRows(vectors) : vectors;
  return { encoded, projected: await projector.project(encoded) };
}

/** All soft tokens of a pool, [k N, C]: the vectors that a decoder reads. */
export function softTokens({ projected, tokensPerChunk }: ChunkPool): Matrix {
  return splitSoftTokens(projected, tokensPerChunk);
}

/** The soft tokens of one chunk of a pool, [k, C]; a view of the pool's numbers. */
export function pooledSoftTokens({ projected, tokensPerChunk }: ChunkPool, index: number): Matrix {
  return splitSoftTokens(matrixOf(1, projected.cols, row(projected, index)), tokensPerChunk);
}

/** Whose other chunk is drawn. */
export interface Borrower {
  readonly repository: string;
  readonly language: Language;
  /** Texts that are its own and are never drawn. */
  readonly own: ReadonlySet<string>;
}

/** Draws chunks that have nothing to do with a task: of another repository, in the same language, if there are any. */
export class OtherChunks {
  readonly #pool: ChunkPool;
  readonly #lists = new Map<string, readonly number[]>();

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /**
   * The index of a chunk in the pool; null if every chunk is the borrower's own.
   *
   * @param key Decides the draw alone: anything that JSON can write.
   */
  draw({ repository, language, own }: Borrower, key: unknown): number | null {
    const list = this.#listFor(repository, language);
    const start = numberOf(key) % Math.max(1, list.length);
    for (let step = 0; step < list.length; step++) {
      const index = list[(start + step) % list.length]!;
      if (!own.has(this.#pool.chunks[index]!.text)) return index;
    }
    return null;
  }

  #listFor(repository: string, language: Language): readonly number[] {
    const key = JSON.stringify([repository, language]);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const { chunks } = this.#pool;
    const all = [...chunks.keys()];
    const foreign = all.filter((i) => chunks[i]!.repository !== repository);
    const others = foreign.length === 0 ? all : foreign;
    const alike = others.filter((i) => chunks[i]!.language === language);
    const list = alike.length === 0 ? others : alike;
    this.#lists.set(key, list);
    return list;
  }
}

/** 48 bits of the hash of a key. */
function numberOf(key: unknown): number {
  return Number.parseInt(sha256(JSON.stringify(key)).slice(0, 12), 16);
}
