/**
 * @file Checkpoints with the shapes of real decoders and random weights, for measuring time and memory.
 *
 * Written in bfloat16 and in pieces, as checkpoints are published, so that writing one takes less
 * memory than what is measured on it.
 */

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { parseDecoderConfig } from '../src/model/config.js';
import { buildDecoderGraph, embeddingTensor } from '../src/onnx/decoder-graph.js';
import { createRng } from '../src/tensor/rng.js';

/** Configurations of published decoders, as far as they decide shapes. */
export const SHAPES = {
  'smollm2-135m': {
    model_type: 'llama',
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    vocab_size: 49_152,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    rope_theta: 100_000,
    tie_word_embeddings: true,
  },
  'qwen2.5-coder-0.5b': {
    model_type: 'qwen2',
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    vocab_size: 151_936,
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    tie_word_embeddings: true,
  },
} as const;
export type ShapeName = keyof typeof SHAPES;

/** Random numbers to fill tensors with; longer than any row, so that rows differ. */
const POOL_NUMBERS = (1 << 20) + 7;
const STANDARD_DEVIATION = 0.02;

/** Upper half of a Float32: the number as bfloat16, rounded towards zero. */
function bfloat16(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16;
}

/**
 * Writes `config.json` and `model.safetensors`.
 *
 * @param layers Layers to write, to keep a shape but not its size.
 */
export function writeSyntheticCheckpoint(dir: string, shape: ShapeName, layers?: number): void {
  const config = { ...SHAPES[shape], ...(layers === undefined ? {} : { num_hidden_layers: layers }) };
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));

  const architecture = parseDecoderConfig(config, shape);
  const shapes = new Map<string, readonly number[]>();
  shapes.set(embeddingTensor(architecture).name, [architecture.vocabularySize, architecture.width]);
  const note = (name: string, dims: readonly number[]) => {
    shapes.set(name, dims);
    return () => new Float32Array(0);
  };
  buildDecoderGraph(architecture, { tensor: note }, 'float32');

  const header: Record<string, unknown> = {};
  let end = 0;
  const sizes = [...shapes].map(([name, dims]) => {
    const size = dims.reduce((product, dim) => product * dim, 1);
    header[name] = { dtype: 'BF16', shape: dims, data_offsets: [end, end + 2 * size] };
    end += 2 * size;
    return { size, isNorm: name.includes('norm') };
  });
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));

  const rng = createRng(1);
  // A sum of uniform numbers is near enough to a normal one.
  const normal = (): number => rng.next() + rng.next() + rng.next() + rng.next() - 2;
  const spread = STANDARD_DEVIATION / Math.sqrt(4 / 12);
  const pool = Uint16Array.from({ length: POOL_NUMBERS }, () => bfloat16(normal() * spread));
  const ones = new Uint16Array(POOL_NUMBERS).fill(bfloat16(1));
  const file = openSync(join(dir, 'model.safetensors'), 'w');
  try {
    writeSync(file, length);
    writeSync(file, text);
    for (const { size, isNorm } of sizes) {
      for (let done = 0; done < size; done += POOL_NUMBERS) {
        const part = (isNorm ? ones : pool).subarray(0, Math.min(POOL_NUMBERS, size - done));
        writeSync(file, new Uint8Array(part.buffer, 0, part.byteLength));
      }
    }
  } finally {
    closeSync(file);
  }
}
