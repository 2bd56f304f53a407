/**
 * @file Codes of quantized files that go into a quantized graph as they are.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { GgufFile } from '../../../src/model/gguf/gguf-file.js';
import { HalvesApart } from '../../../src/model/gguf/tensor-names.js';
import { openGgufWeights } from '../../../src/model/gguf/weights.js';
import type { TensorStore } from '../../../src/model/weights/safetensors.js';
import { buildDecoderGraph } from '../../../src/onnx/decoder-graph.js';
import { Graph } from '../../../src/onnx/graph.js';
import { project, type MatrixFormat } from '../../../src/onnx/linear.js';
import { packCodes } from '../../../src/onnx/quantize.js';
import type { StoredBlocks, WeightSource } from '../../../src/onnx/weights.js';
import { createRng } from '../../../src/tensor/rng.js';
import { runGraph } from '../../support/graphs.js';
import { ggufPath } from './golden.js';

describe('codes of a file', () => {
  for (const type of ['Q4_0', 'Q5_0', 'Q8_0']) {
    test(`of ${type} times their scales are its numbers`, () => {
      const file = GgufFile.open(ggufPath('types.gguf'));
      const blocks = file.blocks(type)!;
      const [codes, scales, numbers] = [blocks.codes(1, 2), blocks.scales(1, 2), file.read(type, 1, 2)];
      assert.equal(blocks.blockSize, 32);
      assert.equal(codes.length, 512);
      for (const [i, code] of codes.entries()) {
        assert.equal(Math.fround(code * scales[Math.floor(i / 32)]!), numbers[i]);
        assert.ok(code >= -(2 ** (blocks.bits - 1)) && code < 2 ** (blocks.bits - 1));
      }
      file.close();
    });
  }

  test('are not claimed of types that have more than a scale and codes', () => {
    const file = GgufFile.open(ggufPath('types.gguf'));
    for (const type of ['F16', 'Q4_1', 'Q5_1', 'Q4_K', 'Q6_K']) assert.equal(file.blocks(type), null);
    file.close();
  });

  test('of queries and keys stand in halves again', () => {
    // One head of width 4 and 32 columns: row r of the file has the code r everywhere, and the scale r.
    const rows = (from: number, to: number, width: number): number[] =>
      Array.from({ length: (to - from) * width }, (_, i) => from + Math.floor(i / width));
    const blocks: StoredBlocks = {
      bits: 8,
      blockSize: 32,
      codes: (from, to) => Int8Array.from(rows(from, to, 32)),
      scales: (from, to) => Float32Array.from(rows(from, to, 1)),
    };
    const store: TensorStore = {
      path: 'test',
      tensors: new Map([['blk.0.attn_k.weight', { dtype: 'Q8_0', shape: [4, 32], start: 0, end: 136 }]]),
      readableTypes: ['Q8_0'],
      read: () => new Float32Array(0),
      blocks: () => blocks,
    };
    const apart = new HalvesApart(store, 4).blocks('blk.0.attn_k.weight')!;
    // The file has the pairs (0, 2) and (1, 3) side by side, so its rows 0, 1, 2, 3 are ours 0, 2, 1, 3.
    assert.deepEqual([...apart.scales(0, 4)], [0, 2, 1, 3]);
    const codes = apart.codes(1, 3);
    assert.deepEqual([codes[0], codes[31], codes[32], codes[63]], [2, 2, 1, 1]);
  });

  test('are packed around the middle code', () => {
    // -8 + 8 = 0 in the low half, 7 + 8 = 15 in the high half; -128 + 128 = 0, 127 + 128 = 255.
    const four = { bits: 4, blockSize: 16, isSymmetric: true } as const;
    const codes = new Int8Array(16);
    codes.set([-8, 7]);
    assert.deepEqual([...packCodes(codes, 16, four)], [0xf0, ...Array.from({ length: 7 }, () => 0x88)]);
    codes.set([-128, 127]);
    assert.deepEqual([...packCodes(codes, 16, { ...four, bits: 8 })].slice(0, 3), [0, 255, 128]);
  });
});

describe('a quantized graph', () => {
  const names = (dtype: MatrixFormat): string[] => {
    const opened = openGgufWeights(ggufPath('decoder.gguf'));
    const graph = buildDecoderGraph(opened.architecture, opened.weights, 'float32', dtype);
    opened.close();
    return graph.initializers.map(({ value }) => value.name).filter((name) => name.includes('.stored.codes'));
  };
  const has = (all: readonly string[], layer: string, bits: number): boolean =>
    all.includes(`${layer}.weight.int${bits}.stored.codes`);

  test('of 8 bits keeps the codes of Q4_0, Q5_0 and Q8_0', () => {
    const all = names('int8');
    assert.ok(has(all, 'model.layers.0.mlp.gate_proj', 8)); // Q4_0
    assert.ok(has(all, 'model.layers.1.mlp.down_proj', 8)); // Q8_0
    assert.ok(has(all, 'lm_head', 8)); // Q8_0
    // Q5_1, F16, and three matrices in one product of which one is Q4_1.
    for (const layer of ['self_attn.o_proj', 'mlp.up_proj', 'self_attn.qkv']) {
      assert.ok(!has(all, `model.layers.0.${layer}`, 8), layer);
    }
  });

  test('of 4 bits keeps those of Q4_0 alone, and its table of logits those of Q8_0', () => {
    assert.deepEqual(names('int4'), [
      'model.layers.0.mlp.gate_proj.weight.int4.stored.codes',
      'model.layers.1.mlp.gate_proj.weight.int4.stored.codes',
      'lm_head.weight.int8.stored.codes',
    ]);
  });

  const [cols, positions] = [64, 3];
  const rng = createRng(3);
  const codes = (count: number, bits: number): Int8Array =>
    Int8Array.from({ length: count }, () => rng.int(2 ** bits) - 2 ** (bits - 1));
  /** Two matrices below each other, of 8 and 5 rows; four bits and eight. */
  const parts = [
    { name: 'a', rows: 8, bits: 4 as const },
    { name: 'b', rows: 5, bits: 8 as const },
  ].map((part) => ({
    ...part,
    codes: codes(part.rows * cols, part.bits),
    scales: Float32Array.from({ length: (part.rows * cols) / 32 }, () => rng.next() / 100),
  }));
  const source: WeightSource = {
    tensor: () => () => assert.fail('the numbers are not needed'),
    blocks: (name) => {
      const part = parts.find((one) => `${one.name}.weight` === name)!;
      return {
        bits: part.bits,
        blockSize: 32,
        codes: (from, to) => part.codes.slice(from * cols, to * cols),
        scales: (from, to) => part.scales.slice((from * cols) / 32, (to * cols) / 32),
      };
    },
  };

  for (const [format, layers] of [
    ['int8', parts],
    ['int4', parts.slice(0, 1)],
  ] as const) {
    test(`${format}: a product with kept codes is the product with the file's numbers`, async () => {
      const g = new Graph('product');
      const input = g.input('x', 'float32', [1, 'T', cols]);
      const outputs = layers.map(({ name, rows }) => ({ name, outputs: rows }));
      g.output('y', project(g, input, source, outputs, false, { type: 'float32', matrices: format }));
      // Whole numbers up to 127, with 127 in every block: the kernel's 8 bits hold them exactly.
      const x = Float32Array.from({ length: positions * cols }, (_, i) =>
        i % 16 === 0 ? 127 : rng.int(128),
      );
      const result = await runGraph(g, { x: { data: x, dims: [1, positions, cols] } }, 'y');
      const matrix = layers.flatMap((part) =>
        Array.from(part.codes, (code, i) => code * part.scales[Math.floor(i / 32)]!),
      );
      const rows = matrix.length / cols;
      const expected = Array.from({ length: positions * rows }, (_, i) => {
        const [t, r] = [Math.floor(i / rows), i % rows];
        let sum = 0;
        for (let k = 0; k < cols; k++) sum += x[t * cols + k]! * matrix[r * cols + k]!;
        return sum;
      });
      const largest = Math.max(...expected.map(Math.abs));
      for (const [i, y] of result.entries()) {
        assert.ok(
          Math.abs(y - expected[i]!) <= 2e-6 * largest,
          `element ${i}: ${y}, expected ${expected[i]}`,
        );
      }
    });
  }
});
