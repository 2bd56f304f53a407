/**
 * @file Linear layers of a checkpoint as products in a graph; decoders and encoders share them.
 *
 * A product may be of floating-point numbers, or of weights that are rounded while the graph is
 * written (`quantize.ts`). Biases, norms and everything between the products stay floating point.
 *
 * Shape letters: B batch, T positions, K inputs, R outputs of a layer.
 */

import type { FloatType, Graph, Value } from './graph.js';
import { abs, add, div, gemm, matMul, max, mul, reduceMax, reshape } from './operators.js';
import { dynamicQuantizeMatMul, matMulNBits } from './fused-operators.js';
import {
  blockBytes,
  blockCodes,
  blockCount,
  blockScales,
  blockZeroPoints,
  INT4_BLOCKS,
  INT8_BLOCKS,
  packCodes,
  rowCodesTransposed,
  rowScales,
  zeroPointBytes,
  type BlockFormat,
} from './quantize.js';
import {
  concatenate,
  transpose,
  type StoredBlocks,
  type TensorReader,
  type WeightSource,
} from './weights.js';

/**
 * How the matrices of Linear layers are stored and multiplied.
 *
 * - `float`: as they are.
 * - `int8`, `int4`: blocks of codes with a scale each; activations stay floating point, except that
 *   the CPU kernel rounds them to 8 bits block by block on the way in.
 * - `int8-dynamic`: 7-bit codes with one scale an output; each position's activations are rounded to 8
 *   bits before the product, which is one of integers.
 */
export const MATRIX_FORMATS = ['float', 'int8', 'int4', 'int8-dynamic'] as const;
export type MatrixFormat = (typeof MATRIX_FORMATS)[number];

/** Number formats of a graph. */
export interface Precision {
  /** Activations, biases, norms and the cache; also the matrices, if their format is `float`. */
  readonly type: FloatType;
  readonly matrices: MatrixFormat;
}

/** A Linear layer of a checkpoint; its `weight` is stored as [outputs, inputs]. */
export interface LinearLayer {
  readonly name: string;
  readonly outputs: number;
}

/**
 * Version of the rounding. It is part of the names of quantized weights, so a cached graph of an older version counts
 * as another graph.
 */
const ROUNDING = 'rtn1';

/**
 * x times the weights of Linear layers that read the same input, side by side, plus their biases:
 * [B, T, K] -> [B, T, sum of R].
 *
 * @param label Name of the joined weights in the graph; the layer's own name if there is but one.
 */
export function project(
  g: Graph,
  x: Value,
  weights: WeightSource,
  layers: readonly LinearLayer[],
  hasBias: boolean,
  precision: Precision,
  label = layers[0]?.name ?? '',
): Value {
  const inputs = Number(x.shape[2]);
  const rows = layers.reduce((sum, layer) => sum + layer.outputs, 0);
  const read = joinRows(
    layers.map(({ name, outputs }) => ({
      rows: outputs,
      read: weights.tensor(`${name}.weight`, [outputs, inputs]),
    })),
  );
  const stored = joinBlocks(
    layers.map(({ name, outputs }) => ({
      rows: outputs,
      blocks: weights.blocks?.(`${name}.weight`) ?? null,
    })),
  );
  const product = multiply(g, x, { name: `${label}.weight`, rows, cols: inputs, read, stored }, precision);
  if (!hasBias) return product;
  const biases = layers.map(({ name, outputs }) => weights.tensor(`${name}.bias`, [outputs]));
  const bias = g.weight(`${label}.bias`, precision.type, [rows], () =>
    concatenate(...biases.map((bias) => bias())),
  );
  return add(g, product, bias);
}

/**
 * x times the weight of a Linear layer in floating point, without its bias: [B, T, K] -> [B, T, R].
 */
export function linear(
  g: Graph,
  x: Value,
  weights: WeightSource,
  name: string,
  outputs: number,
  type: FloatType,
): Value {
  return project(g, x, weights, [{ name, outputs }], false, { type, matrices: 'float' });
}

/**
 * Scores of every token: x [1, N, K] times the table [R, K] -> [N, R].
 *
 * The table decides between neighbouring tokens, and few positions pass through it. It therefore keeps 8 bits in every
 * quantized format.
 */
export function scoreTokens(
  g: Graph,
  x: Value,
  weights: WeightSource,
  table: { readonly name: string; readonly rows: number },
  precision: Precision,
): Value {
  const cols = Number(x.shape[2]);
  const { name, rows } = table;
  const read = weights.tensor(name, [rows, cols]);
  if (precision.matrices === 'float') {
    const weight = g.streamedWeight(name, precision.type, [rows, cols], read);
    return gemm(g, reshape(g, x, ['N', cols]), weight, null);
  }
  const stored = weights.blocks?.(name) ?? null;
  const scores = multiplyBlocks(g, x, { name, rows, cols, read, stored }, precision.type, INT8_BLOCKS);
  return reshape(g, scores, ['N', rows]);
}

/** A matrix [rows, cols] of a checkpoint, or several below each other. */
interface Matrix {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  readonly read: TensorReader;
  /** The same in codes, where the checkpoint has them. */
  readonly stored: StoredBlocks | null;
}

function multiply(g: Graph, x: Value, matrix: Matrix, { type, matrices }: Precision): Value {
  switch (matrices) {
    case 'float': {
      const { name, rows, cols, read } = matrix;
      return matMul(
        g,
        x,
        g.weight(name, type, [cols, rows], () => transpose(read(), rows, cols)),
      );
    }
    case 'int8':
      return multiplyBlocks(g, x, matrix, type, INT8_BLOCKS);
    case 'int4':
      return multiplyBlocks(g, x, matrix, type, INT4_BLOCKS);
    case 'int8-dynamic':
      return multiplyIntegers(g, x, matrix, type);
  }
}

function multiplyBlocks(g: Graph, x: Value, matrix: Matrix, type: FloatType, format: BlockFormat): Value {
  const { name, rows, cols, read, stored } = matrix;
  // Codes that fit are kept: rounding them again would only lose.
  if (stored !== null && stored.bits <= format.bits)
    return multiplyStored(g, x, matrix, stored, type, format);
  const blocks = blockCount(cols, format);
  const part = (role: string): string => `${name}.int${format.bits}.${ROUNDING}.${role}`;
  const codes = g.streamedWeight(
    part('codes'),
    'uint8',
    [rows, blocks, blockBytes(format)],
    (from, to) => blockCodes(read(from, to), cols, format),
    cols,
  );
  const scales = g.streamedWeight(
    part('scales'),
    type,
    [rows, blocks],
    (from, to) => blockScales(read(from, to), cols, format),
    cols,
  );
  const zeroPoints = format.isSymmetric
    ? null
    : g.streamedWeight(
        part('zeros'),
        'uint8',
        [rows, zeroPointBytes(cols, format)],
        (from, to) => blockZeroPoints(read(from, to), cols, format),
        cols,
      );
  return matMulNBits(g, x, { codes, scales, zeroPoints }, format);
}

function multiplyStored(
  g: Graph,
  x: Value,
  { name, rows, cols }: Matrix,
  stored: StoredBlocks,
  type: FloatType,
  { bits }: BlockFormat,
): Value {
  const format: BlockFormat = { bits, blockSize: stored.blockSize, isSymmetric: true };
  const blocks = blockCount(cols, format);
  const part = (role: string): string => `${name}.int${bits}.stored.${role}`;
  const codes = g.streamedWeight(
    part('codes'),
    'uint8',
    [rows, blocks, blockBytes(format)],
    (from, to) => packCodes(stored.codes(from, to), cols, format),
    cols,
  );
  const scales = g.streamedWeight(part('scales'), type, [rows, blocks], stored.scales, cols);
  return matMulNBits(g, x, { codes, scales, zeroPoints: null }, format);
}

/** Smallest divisor of a position's activations; a position of zeros stays zeros. */
const SMALLEST_RANGE = 1e-12;

/**
 * The runtime rounds a whole tensor with one scale. One position with large activations (the first of a prompt, in most
 * trained models) would leave only a few codes for all others. So every position is divided by its largest magnitude
 * before the product, and multiplied by it afterwards.
 */
function multiplyIntegers(g: Graph, x: Value, matrix: Matrix, type: FloatType): Value {
  const { name, rows, cols, read } = matrix;
  const largest = max(g, reduceMax(g, abs(g, x), x.shape.length - 1), g.constant(type, [], [SMALLEST_RANGE]));
  const part = (role: string): string => `${name}.int8-dynamic.${ROUNDING}.${role}`;
  const codes = g.weight(part('codes'), 'int8', [cols, rows], () => rowCodesTransposed(read(), cols));
  const scales = g.weight(part('scales'), type, [rows], () => rowScales(read(), cols));
  return mul(g, dynamicQuantizeMatMul(g, div(g, x, largest), codes, scales), largest);
}

/** Matrices below each other, read as one. */
function joinRows(parts: readonly { readonly rows: number; readonly read: TensorReader }[]): TensorReader {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first.read;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  return (from = 0, to = rows) =>
    concatenate(...piecesOf(parts, from, to, (part, low, high) => part.read(low, high)));
}

/** Codes of matrices below each other, read as one; null unless all have them in blocks of one size. */
function joinBlocks(
  parts: readonly { readonly rows: number; readonly blocks: StoredBlocks | null }[],
): StoredBlocks | null {
  const stored = parts.flatMap(({ rows, blocks }) => (blocks === null ? [] : [{ rows, blocks }]));
  const [first] = stored;
  if (first === undefined || stored.length < parts.length) return null;
  const { blockSize } = first.blocks;
  if (stored.some(({ blocks }) => blocks.blockSize !== blockSize)) return null;
  return {
    bits: stored.some(({ blocks }) => blocks.bits === 8) ? 8 : 4,
    blockSize,
    codes: (from, to) => {
      const pieces = piecesOf(stored, from, to, ({ blocks }, low, high) => blocks.codes(low, high));
      const out = new Int8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
      let position = 0;
      for (const piece of pieces) {
        out.set(piece, position);
        position += piece.length;
      }
      return out;
    },
    scales: (from, to) =>
      concatenate(...piecesOf(stored, from, to, ({ blocks }, low, high) => blocks.scales(low, high))),
  };
}

/** What each of several matrices below each other has of the rows [from, to) of all. */
function piecesOf<P extends { readonly rows: number }, T>(
  parts: readonly P[],
  from: number,
  to: number,
  read: (part: P, low: number, high: number) => T,
): T[] {
  const pieces: T[] = [];
  let start = 0;
  for (const part of parts) {
    const [low, high] = [Math.max(from, start), Math.min(to, start + part.rows)];
    if (low < high) pieces.push(read(part, low - start, high - start));
    start += part.rows;
  }
  return pieces;
}
