/**
 * @file Decoders of real shapes with random weights: for latency, where no weights are at hand.
 *
 * Flow: `synthetic:<shape>` -> configuration -> **random tensors, a few rows at a time** -> graph.
 * The cost of a prefill depends on shapes and number formats, not on the numbers. Completions of such a decoder mean
 * nothing, so it has no tokenizer, and callers refuse to score it.
 *
 * Every tensor has its own place in the graph's file and in the runtime's memory, as real weights have. Layers that
 * shared their numbers would stay in a processor's caches and look faster than they are. The tensors share only the
 * source of their numbers: a pool, from which each is copied at a place of its own.
 *
 * Source of the shapes: the `config.json` of the published checkpoints, as far as it decides shapes.
 */

import { createHash } from 'node:crypto';

import { ModelError } from '../../domain/errors.js';
import type { DecoderArchitecture } from '../../onnx/decoder-graph.js';
import type { TensorReader, WeightSource } from '../../onnx/weights.js';
import { createRng } from '../../tensor/rng.js';
import { parseDecoderConfig } from './config.js';

const SMOLLM2 = {
  model_type: 'llama',
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
  tie_word_embeddings: true,
  max_position_embeddings: 8192,
  vocab_size: 49_152,
} as const;

const QWEN = {
  model_type: 'qwen2',
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  max_position_embeddings: 32_768,
} as const;

/** Configurations of published decoders, by the names users give after `synthetic:`. */
const SYNTHETIC_SHAPES = {
  /** The embedded decoder, with positions for the longest prompts of the paper. */
  nano: {
    ...QWEN,
    hidden_size: 320,
    intermediate_size: 704,
    num_hidden_layers: 4,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    head_dim: 64,
    vocab_size: 4096,
    tie_word_embeddings: true,
  },
  'smollm2-135m': {
    ...SMOLLM2,
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
  },
  'qwen2.5-coder-0.5b': {
    ...QWEN,
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    vocab_size: 151_936,
    tie_word_embeddings: true,
  },
  'qwen2.5-coder-1.5b': {
    ...QWEN,
    hidden_size: 1536,
    intermediate_size: 8960,
    num_hidden_layers: 28,
    num_attention_heads: 12,
    num_key_value_heads: 2,
    vocab_size: 151_936,
    tie_word_embeddings: true,
  },
  'qwen2.5-coder-7b': {
    ...QWEN,
    hidden_size: 3584,
    intermediate_size: 18_944,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    vocab_size: 152_064,
    tie_word_embeddings: false,
  },
  'qwen2.5-coder-14b': {
    ...QWEN,
    hidden_size: 5120,
    intermediate_size: 13_824,
    num_hidden_layers: 48,
    num_attention_heads: 40,
    num_key_value_heads: 8,
    vocab_size: 152_064,
    tie_word_embeddings: false,
  },
} as const;

export type SyntheticShape = keyof typeof SYNTHETIC_SHAPES;

/** The names, smallest decoder first. */
export const SYNTHETIC_NAMES = Object.keys(SYNTHETIC_SHAPES) as readonly SyntheticShape[];

const PREFIX = 'synthetic:';

/** Whether a reference asks for random weights. */
export function isSynthetic(reference: string): boolean {
  return reference.startsWith(PREFIX);
}

/** The reference as a user writes it. @example syntheticReference('nano') // => 'synthetic:nano' */
export function syntheticReference(shape: SyntheticShape): string {
  return `${PREFIX}${shape}`;
}

/**
 * The shape that a reference names.
 *
 * @throws {ModelError} If there is none of that name.
 */
export function syntheticShape(reference: string): SyntheticShape {
  const name = reference.slice(PREFIX.length);
  const shape = SYNTHETIC_NAMES.find((known) => known === name);
  if (shape === undefined) {
    throw new ModelError(`${reference}: there is no such shape`, [
      `shapes: ${SYNTHETIC_NAMES.map(syntheticReference).join(', ')}`,
    ]);
  }
  return shape;
}

/**
 * The architecture of a shape.
 *
 * @param layers To keep a shape but not its size; all of them if absent.
 */
export function syntheticArchitecture(shape: SyntheticShape, layers?: number): DecoderArchitecture {
  return parseDecoderConfig(syntheticConfig(shape, layers), syntheticReference(shape));
}

/** The `config.json` of a shape. */
export function syntheticConfig(shape: SyntheticShape, layers?: number): Readonly<Record<string, unknown>> {
  return { ...SYNTHETIC_SHAPES[shape], ...(layers === undefined ? {} : { num_hidden_layers: layers }) };
}

/** Seed of all random weights, so that two machines build the same file. The values change no timing. */
const SEED = 1;
/** The version is part of the identity, since other numbers for the same shape make another decoder. */
const GENERATOR = 'pool1';
/** Numbers in the pool. It is a prime, so that no width divides it and rows differ. */
const POOL_NUMBERS = 1_048_583;
/** As language models are initialised. */
const STANDARD_DEVIATION = 0.02;

/** Stands in the place of a hash of the weights: everything that they follow from. */
export function syntheticIdentity(shape: SyntheticShape, layers?: number): string {
  const parts = [GENERATOR, SEED, syntheticConfig(shape, layers)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Random tensors of any name and shape; the same name and shape give the same numbers. */
export class SyntheticWeights implements WeightSource {
  #pool: Float32Array | undefined;

  tensor(name: string, shape: readonly number[]): TensorReader {
    const [rows = 1, ...rest] = shape;
    const rowNumbers = rest.reduce((product, dim) => product * dim, 1);
    // Gains of norms are 1 in a fresh model, and near it in a trained one.
    if (name.includes('norm')) {
      return (from = 0, to = rows) => new Float32Array((to - from) * rowNumbers).fill(1);
    }
    const start = createHash('sha256').update(name).digest().readUInt32LE() % POOL_NUMBERS;
    return (from = 0, to = rows) => this.#copy(start + from * rowNumbers, (to - from) * rowNumbers);
  }

  /** `count` numbers of the pool from a place on, over and over. */
  #copy(start: number, count: number): Float32Array {
    this.#pool ??= randomPool();
    const numbers = new Float32Array(count);
    let at = start % POOL_NUMBERS;
    for (let done = 0; done < count;) {
      const length = Math.min(count - done, POOL_NUMBERS - at);
      numbers.set(this.#pool.subarray(at, at + length), done);
      done += length;
      at = 0;
    }
    return numbers;
  }
}

function randomPool(): Float32Array {
  const rng = createRng(SEED);
  // A sum of four uniform numbers is near enough to a normal one; its variance is 4 / 12.
  const spread = STANDARD_DEVIATION / Math.sqrt(4 / 12);
  return Float32Array.from(
    { length: POOL_NUMBERS },
    () => (rng.next() + rng.next() + rng.next() + rng.next() - 2) * spread,
  );
}
