/**
 * @file Checkpoint files with the shapes and random weights of `src/model/architecture/synthetic.ts`, for measuring what
 * reading one takes.
 *
 * Written in bfloat16 and in pieces, as checkpoints are published, so that writing one takes less
 * memory than what is measured on it.
 */

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import {
  syntheticArchitecture,
  syntheticConfig,
  SyntheticWeights,
  type SyntheticShape,
} from '../src/model/architecture/synthetic.js';
import { buildDecoderGraph, embeddingTensor } from '../src/onnx/decoder-graph.js';

/** Numbers of one write. */
const PIECE_NUMBERS = 1 << 20;

/** Upper halves of Float32: the numbers as bfloat16, rounded towards zero. */
function toBfloat16(numbers: Float32Array): Uint8Array {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  return new Uint8Array(Uint16Array.from(bits, (word) => word >>> 16).buffer);
}

/**
 * Writes `config.json` and `model.safetensors`.
 *
 * @param layers Layers to write, to keep a shape but not its size.
 */
export function writeSyntheticCheckpoint(dir: string, shape: SyntheticShape, layers?: number): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.json'), JSON.stringify(syntheticConfig(shape, layers)));

  const architecture = syntheticArchitecture(shape, layers);
  const shapes = new Map<string, readonly number[]>();
  shapes.set(embeddingTensor(architecture).name, [architecture.vocabularySize, architecture.width]);
  const note = (name: string, dims: readonly number[]) => {
    shapes.set(name, dims);
    return () => new Float32Array(0);
  };
  buildDecoderGraph(architecture, { tensor: note }, 'float32');

  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, dims] of shapes) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    header[name] = { dtype: 'BF16', shape: dims, data_offsets: [end, end + 2 * size] };
    end += 2 * size;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));

  const weights = new SyntheticWeights();
  const file = openSync(join(dir, 'model.safetensors'), 'w');
  try {
    writeSync(file, length);
    writeSync(file, text);
    for (const [name, dims] of shapes) {
      const [rows = 1, cols = 1] = dims;
      const read = weights.tensor(name, dims);
      const step = Math.max(1, Math.floor(PIECE_NUMBERS / cols));
      for (let from = 0; from < rows; from += step) {
        writeSync(file, toBfloat16(read(from, Math.min(from + step, rows))));
      }
    }
  } finally {
    closeSync(file);
  }
}
