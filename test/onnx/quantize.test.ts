/**
 * @file Rounding of weights: hand-worked blocks, properties against a slow version, and the products
 * of the runtime against the dequantized matrix.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { runGraph } from '../support/graphs.js';
import { Graph } from '../../src/onnx/graph.js';
import { MATRIX_FORMATS, project, type MatrixFormat } from '../../src/onnx/linear.js';
import {
  blockCodes,
  blockCount,
  blockScales,
  blockZeroPoints,
  INT4_BLOCKS,
  INT8_BLOCKS,
  rowCodesTransposed,
  rowScales,
  type BlockFormat,
} from '../../src/onnx/quantize.js';
import { createRng } from '../../src/tensor/rng.js';
import { some } from '../support/some.js';

/** R x K numbers from -1 to 1. */
function randomRows(seed: number, count: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: count }, () => 2 * rng.next() - 1);
}

/** The numbers that packed codes stand for, decoded one by one as the operator's documentation says. */
function dequantizeBlocks(data: Float32Array, cols: number, format: BlockFormat): Float32Array {
  const codes = blockCodes(data, cols, format);
  const scales = blockScales(data, cols, format);
  const zeros = format.isSymmetric ? null : blockZeroPoints(data, cols, format);
  const blocks = blockCount(cols, format);
  const codeAt = (packed: Uint8Array, start: number, index: number): number =>
    format.bits === 8
      ? packed[start + index]!
      : (packed[start + Math.floor(index / 2)]! >> (index % 2 === 0 ? 0 : 4)) & 15;
  return data.map((_, i) => {
    const [row, col] = [Math.floor(i / cols), i % cols];
    const [block, place] = [Math.floor(col / format.blockSize), col % format.blockSize];
    const rowBytes = (blocks * format.blockSize * format.bits) / 8;
    const start = row * rowBytes + (block * format.blockSize * format.bits) / 8;
    const zeroBytes = Math.ceil((blocks * format.bits) / 8);
    const zero = zeros === null ? 2 ** (format.bits - 1) : codeAt(zeros, row * zeroBytes, block);
    return (codeAt(codes, start, place) - zero) * scales[row * blocks + block]!;
  });
}

/** The numbers that row codes stand for. */
function dequantizeRows(data: Float32Array, cols: number): Float32Array {
  const codes = rowCodesTransposed(data, cols);
  const scales = rowScales(data, cols);
  return data.map((_, i) => {
    const [row, col] = [Math.floor(i / cols), i % cols];
    return codes[col * scales.length + row]! * scales[row]!;
  });
}

describe('rounding in blocks', () => {
  const tiny: BlockFormat = { bits: 4, blockSize: 4, isSymmetric: false };

  test('a block of four 4-bit codes is what it is by hand', () => {
    // -1 to 2 in 15 steps: scale 0.2, zero at code 5. -1 -> 0, 0 -> 5, 0.6 -> 3 + 5 = 8, 2 -> 15.
    const data = Float32Array.of(-1, 0, 0.6, 2);
    assert.equal(blockScales(data, 4, tiny)[0], Math.fround(0.2));
    assert.deepEqual([...blockZeroPoints(data, 4, tiny)], [5]);
    // Two codes a byte, the first in the low half: 0x50, 0xf8.
    assert.deepEqual([...blockCodes(data, 4, tiny)], [0x50, 0xf8]);
  });

  test('a symmetric block of 8-bit codes has zero in the middle', () => {
    // Largest magnitude 254 in 127 steps: scale 2. -254 -> -127 + 128 = 1, 100 -> 50 + 128 = 178.
    const format: BlockFormat = { bits: 8, blockSize: 4, isSymmetric: true };
    const data = Float32Array.of(-254, 100, 0, 254);
    assert.deepEqual([...blockScales(data, 4, format)], [2]);
    assert.deepEqual([...blockCodes(data, 4, format)], [1, 178, 128, 255]);
  });

  test('a row that ends inside a block is padded with zeros, its zero points to whole bytes', () => {
    const data = Float32Array.of(0, 1.5, 0, 1.5, 3, 0, 0, 0, 1.5);
    // Blocks of 4, 4 and 1 numbers. Scales 1.5 / 15, 3 / 15, 1.5 / 15; all zero points 0.
    assert.deepEqual([...blockScales(data, 9, tiny)], [0.1, 0.2, 0.1].map(Math.fround));
    assert.deepEqual([...blockZeroPoints(data, 9, tiny)], [0, 0]);
    assert.deepEqual([...blockCodes(data, 9, tiny)], [0xf0, 0xf0, 0x0f, 0, 0x0f, 0]);
  });

  test('a block of zeros stays zeros', () => {
    for (const format of [INT4_BLOCKS, INT8_BLOCKS]) {
      const zeros = new Float32Array(format.blockSize);
      assert.deepEqual(dequantizeBlocks(zeros, zeros.length, format), zeros);
    }
  });

  for (const format of [INT4_BLOCKS, INT8_BLOCKS, tiny]) {
    test(`${format.bits} bits in blocks of ${format.blockSize}: no number moves by more than half a step`, () => {
      const cols = 2 * format.blockSize + 5;
      const data = randomRows(format.bits, 7 * cols);
      const scales = blockScales(data, cols, format);
      const rounded = dequantizeBlocks(data, cols, format);
      const blocks = blockCount(cols, format);
      for (let i = 0; i < data.length; i++) {
        const block = Math.floor(i / cols) * blocks + Math.floor((i % cols) / format.blockSize);
        // A zero point is rounded too, which may cost the ends of the range another half.
        const steps = format.isSymmetric ? 0.5 : 1;
        assert.ok(Math.abs(rounded[i]! - data[i]!) <= steps * scales[block]! * 1.0001);
      }
    });
  }
});

describe('rounding by rows', () => {
  test('a row is what it is by hand, and transposed', () => {
    // Largest magnitudes 63 and 6.3 in 63 steps: scales 1 and 0.1.
    const data = Float32Array.of(63, -20.4, 6.3, 0.26);
    assert.deepEqual([...rowScales(data, 2)], [1, 0.1].map(Math.fround));
    assert.deepEqual([...rowCodesTransposed(data, 2)], [63, 63, -20, 3]);
  });

  test('no sum of two products of codes leaves 16 bits', () => {
    const codes = rowCodesTransposed(randomRows(3, 4096), 64);
    const largest = Math.max(...codes.map(Math.abs));
    assert.equal(largest, 63);
    assert.ok(2 * 255 * largest < 2 ** 15);
  });
});

describe('quantized products', () => {
  const [cols, rows, positions] = [160, 48, 6];
  const weight = randomRows(5, rows * cols);

  /** The matrix that a format multiplies with. */
  function meant(format: MatrixFormat): Float32Array {
    switch (format) {
      case 'float':
        return weight;
      case 'int8':
        return dequantizeBlocks(weight, cols, INT8_BLOCKS);
      case 'int4':
        return dequantizeBlocks(weight, cols, INT4_BLOCKS);
      case 'int8-dynamic':
        return dequantizeRows(weight, cols);
    }
  }

  /** x times the transpose of a matrix, in the double precision of JavaScript. */
  function slowProduct(x: Float32Array, matrix: Float32Array): number[] {
    return Array.from({ length: positions * rows }, (_, i) => {
      const [t, r] = [Math.floor(i / rows), i % rows];
      let sum = 0;
      for (let k = 0; k < cols; k++) sum += x[t * cols + k]! * matrix[r * cols + k]!;
      return sum;
    });
  }

  async function product(x: Float32Array, format: MatrixFormat): Promise<Float32Array> {
    const g = new Graph('product');
    const input = g.input('x', 'float32', [1, 'T', cols]);
    const source = {
      tensor:
        () =>
        (from = 0, to = rows) =>
          weight.slice(from * cols, to * cols),
    };
    const precision = { type: 'float32', matrices: format } as const;
    g.output('y', project(g, input, source, [{ name: 'w', outputs: rows }], false, precision));
    return runGraph(g, { x: { data: x, dims: [1, positions, cols] } }, 'y');
  }

  /**
   * Activations that 8 bits hold exactly, whatever the kernel's blocks: whole numbers from 0 to `top`,
   * times a power of two that differs from position to position, with `top` itself in every block.
   */
  function exactActivations(top: number): Float32Array {
    const rng = createRng(9);
    return Float32Array.from({ length: positions * cols }, (_, i) => {
      const [t, k] = [Math.floor(i / cols), i % cols];
      return (k % 16 === 0 ? top : rng.int(top + 1)) * 2 ** (t - 3);
    });
  }

  for (const format of MATRIX_FORMATS) {
    test(`${format}: with activations that 8 bits hold exactly, equal to the dequantized matrix`, async () => {
      const x = exactActivations(format === 'int8-dynamic' ? 255 : 127);
      const expected = slowProduct(x, meant(format));
      const largest = Math.max(...expected.map(Math.abs));
      for (const [i, y] of some((await product(x, format)).entries())) {
        assert.ok(
          Math.abs(y - expected[i]!) <= 2e-6 * largest,
          `element ${i}: ${y}, expected ${expected[i]}`,
        );
      }
    });
  }

  for (const format of ['int8', 'int4', 'int8-dynamic'] as const) {
    test(`${format}: rounding any activations to 8 bits costs no more than half a step of each`, async () => {
      const x = randomRows(11, positions * cols);
      const matrix = meant(format);
      const expected = slowProduct(x, matrix);
      for (const [i, y] of (await product(x, format)).entries()) {
        const [t, r] = [Math.floor(i / rows), i % rows];
        const row = matrix.subarray(r * cols, (r + 1) * cols);
        const span = Math.max(...x.subarray(t * cols, (t + 1) * cols).map(Math.abs));
        // 255 steps over -span to span; the zero point is rounded as well.
        const step = (2 * span) / (format === 'int8-dynamic' ? 255 : 254);
        const bound = step * row.reduce((sum, w) => sum + Math.abs(w), 0);
        assert.ok(Math.abs(y - expected[i]!) <= bound, `element ${i}: ${y}, expected ${expected[i]}`);
      }
    });
  }

  test('a large position does not coarsen the others', async () => {
    const x = randomRows(12, positions * cols);
    const alone = await product(x, 'int8-dynamic');
    const outlier = Float32Array.from(x, (value, i) => (i < cols ? 1000 * value : value));
    const beside = await product(outlier, 'int8-dynamic');
    for (let i = rows; i < alone.length; i++) assert.ok(Math.abs(alone[i]! - beside[i]!) < 1e-4);
  });

  test('a position of zeros gives zeros', async () => {
    for (const format of MATRIX_FORMATS) {
      const zeros = await product(new Float32Array(positions * cols), format);
      assert.deepEqual(zeros, new Float32Array(positions * rows), format);
    }
  });
});
