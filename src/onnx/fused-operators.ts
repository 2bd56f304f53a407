/**
 * @file One function per fused operator of ONNX Runtime: it checks shapes and types, adds the node and returns the
 * result.
 *
 * The file holds only what the architectures of this project use, with the restrictions that they can live with. The
 * operators of ONNX itself are in `operators.ts`.
 *
 * Every function throws a RangeError if its arguments do not fit.
 *
 * Source: onnxruntime/docs/ContribOperators.md (1.30).
 */

import { CONTRIB, sameShape, type Graph, type Result, type Value } from './graph.js';
import {
  fail,
  float,
  int,
  lastWidth,
  like,
  requireRank,
  requireSameType,
  requireShape,
} from './operator-checks.js';

/**
 * x [..., K] times a quantized matrix of N rows and K columns, transposed -> [..., N].
 *
 * @param matrix `codes` uint8 [N, blocks, bytes], `scales` [N, blocks], `zeroPoints` uint8 [N, bytes];
 *   zero lies at the middle code where there are none.
 */
export function matMulNBits(
  g: Graph,
  x: Value,
  matrix: { readonly codes: Value; readonly scales: Value; readonly zeroPoints: Value | null },
  format: { readonly bits: number; readonly blockSize: number },
): Value {
  const operator = 'MatMulNBits';
  const { codes, scales, zeroPoints } = matrix;
  const { bits, blockSize } = format;
  const inner = lastWidth(operator, x);
  const blocks = Math.ceil(inner / blockSize);
  const rows = codes.shape[0]!;
  requireSameType(operator, x, scales);
  requireShape(operator, 'the codes', codes, [rows, blocks, (blockSize * bits) / 8]);
  requireShape(operator, 'the scales', scales, [rows, blocks]);
  if (zeroPoints)
    requireShape(operator, 'the zero points', zeroPoints, [rows, Math.ceil((blocks * bits) / 8)]);
  return g.node(
    operator,
    zeroPoints ? [x, codes, scales, zeroPoints] : [x, codes, scales],
    [{ type: x.type, shape: [...x.shape.slice(0, -1), rows] }],
    {
      K: int(inner),
      N: int(Number(rows)),
      bits: int(bits),
      block_size: int(blockSize),
      accuracy_level: int(COMPUTE_IN_INT8),
    },
    CONTRIB,
  )[0];
}

/**
 * This level lets the CPU kernel round activations to 8 bits, block by block, and multiply integers. The kernel's
 * floating-point path is slower than an unquantized product: up to fifty times for 8-bit codes and a single row
 * (measured with ONNX Runtime 1.30).
 */
const COMPUTE_IN_INT8 = 4;

/**
 * x [..., K], rounded to unsigned 8 bits with one scale and zero point for all of it, times integers
 * w [K, N] with a scale each column -> [..., N] in the type of `x`.
 */
export function dynamicQuantizeMatMul(g: Graph, x: Value, w: Value, scales: Value): Value {
  const operator = 'DynamicQuantizeMatMul';
  requireSameType(operator, x, scales);
  requireRank(operator, w, 2);
  if (x.type !== 'float32' || w.type !== 'int8') fail(operator, 'needs float32 and int8', x, w);
  const [inner, columns] = w.shape;
  if (x.shape.at(-1) !== inner) fail(operator, 'inner dimensions differ', x, w);
  requireShape(operator, 'the scales', scales, [columns!]);
  const shape = [...x.shape.slice(0, -1), columns!];
  return g.node(operator, [x, w, scales], [{ type: x.type, shape }], {}, CONTRIB)[0];
}

/** x * Phi(x) with the exact error function, no tanh approximation. */
export function gelu(g: Graph, x: Value): Value {
  return g.node('Gelu', [x], [like(x)], {}, CONTRIB)[0];
}

/** x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2, the usual approximation of {@link gelu}. */
export function geluTanh(g: Graph, x: Value): Value {
  return g.node('FastGelu', [x], [like(x)], {}, CONTRIB)[0];
}

/** gelu(x + bias), exact. */
export function biasGelu(g: Graph, x: Value, bias: Value): Value {
  requireSameType('BiasGelu', x, bias);
  requireShape('BiasGelu', 'the bias', bias, [lastWidth('BiasGelu', x)]);
  return g.node('BiasGelu', [x, bias], [like(x)], {}, CONTRIB)[0];
}

/** layerNorm(x + skip + bias) of [B, T, W]. */
export function skipLayerNorm(
  g: Graph,
  x: Value,
  skip: Value,
  gamma: Value,
  beta: Value,
  bias: Value,
  eps: number,
): Value {
  const operator = 'SkipLayerNormalization';
  requireAddends(operator, x, skip, gamma, beta, bias);
  return g.node(operator, [x, skip, gamma, beta, bias], [like(x)], { epsilon: float(eps) }, CONTRIB)[0];
}

/** The sum x + skip of two [B, T, W], and layerNorm of it. */
export function addLayerNorm(
  g: Graph,
  x: Value,
  skip: Value,
  gamma: Value,
  beta: Value,
  eps: number,
): { readonly normed: Value; readonly sum: Value } {
  const operator = 'SkipLayerNormalization';
  requireAddends(operator, x, skip, gamma, beta);
  // Results two and three, mean and inverse deviation, are of use in training only.
  const [normed, , , sum] = g.node(
    operator,
    [x, skip, gamma, beta],
    [like(x), null, null, like(x)],
    { epsilon: float(eps) },
    CONTRIB,
  );
  return { normed, sum };
}

/** Two addends of one shape and vectors as wide as they are. */
function requireAddends(operator: string, x: Value, skip: Value, ...vectors: readonly Value[]): void {
  requireSameType(operator, x, skip, ...vectors);
  if (!sameShape(x.shape, skip.shape)) fail(operator, 'the two addends differ', x, skip);
  const width = lastWidth(operator, x);
  for (const vector of vectors) requireShape(operator, 'gamma, beta and bias', vector, [width]);
}

/** x / sqrt(mean of squares + eps) * gamma over the last dimension. */
export function rmsNorm(g: Graph, x: Value, gamma: Value, eps: number): Value {
  const operator = 'SimplifiedLayerNormalization';
  requireSameType(operator, x, gamma);
  requireShape(operator, 'gamma', gamma, [lastWidth(operator, x)]);
  return g.node(operator, [x, gamma], [like(x)], { axis: int(-1), epsilon: float(eps) })[0];
}

/** The sum x + skip of two [B, T, W], and rmsNorm of it. */
export function skipRmsNorm(
  g: Graph,
  x: Value,
  skip: Value,
  gamma: Value,
  eps: number,
): { readonly normed: Value; readonly sum: Value } {
  const operator = 'SkipSimplifiedLayerNormalization';
  requireAddends(operator, x, skip, gamma);
  // Results two and three, mean and inverse deviation, are of use in training only.
  const [normed, , , sum] = g.node(
    operator,
    [x, skip, gamma],
    [like(x), null, null, like(x)],
    { epsilon: float(eps) },
    CONTRIB,
  );
  return { normed, sum };
}

export interface GroupQueryAttentionInputs {
  /**
   * Queries, keys and values side by side, [B, T, (heads + 2 * kvHeads) * headWidth], or the three
   * apart, [B, T, heads * headWidth] and twice [B, T, kvHeads * headWidth].
   */
  readonly projected: Value | readonly [query: Value, key: Value, value: Value];
  /** Keys and values of past positions, each [B, kvHeads, past, headWidth]; null for a whole sequence. */
  readonly past: { readonly key: Value; readonly value: Value } | null;
  /** Keys per sequence - 1, int32 [B]. */
  readonly lastKey: Value;
  /** Most keys of any sequence, int32 scalar. */
  readonly totalKeys: Value;
  /** Cosines and sines of the rotary embedding, [positions, headWidth / 2]; null for none. */
  readonly rotary: { readonly cos: Value; readonly sin: Value } | null;
}

/**
 * Causal attention with a KV cache, with or without rotary position embedding of queries and keys.
 *
 * @param totalName Name of the size of past plus present.
 * @returns The mixed values, [B, T, heads * headWidth], and the grown cache.
 */
export function groupQueryAttention(
  g: Graph,
  inputs: GroupQueryAttentionInputs,
  sizes: { readonly heads: number; readonly kvHeads: number; readonly headWidth: number },
  totalName: string,
): { readonly mixed: Value; readonly presentKey: Value; readonly presentValue: Value } {
  const operator = 'GroupQueryAttention';
  const { projected, past, lastKey, totalKeys, rotary } = inputs;
  const { heads, kvHeads, headWidth } = sizes;
  const [query, key, value] = isValue(projected) ? [projected, null, null] : projected;
  requireRank(operator, query, 3);
  const [batch, length] = query.shape;
  if (key === null) {
    const width = (heads + 2 * kvHeads) * headWidth;
    requireShape(operator, 'packed queries, keys and values', query, [batch!, length!, width]);
  } else {
    requireSameType(operator, query, key, value);
    requireShape(operator, 'the queries', query, [batch!, length!, heads * headWidth]);
    requireShape(operator, 'the keys', key, [batch!, length!, kvHeads * headWidth]);
    requireShape(operator, 'the values', value, key.shape);
  }
  if (heads % kvHeads !== 0) {
    fail(operator, `${heads} heads cannot share ${kvHeads} key/value heads evenly`, query);
  }
  if (headWidth % 16 !== 0) fail(operator, `heads are ${headWidth} wide; a multiple of 16 is needed`, query);
  if (past !== null) {
    requireSameType(operator, query, past.key, past.value);
    requireShape(operator, 'the past', past.key, [batch!, kvHeads, past.key.shape[2]!, headWidth]);
    requireShape(operator, 'the past', past.value, past.key.shape);
  }
  if (rotary !== null) {
    requireSameType(operator, query, rotary.cos, rotary.sin);
    requireShape(operator, 'the cosines', rotary.cos, [rotary.cos.shape[0]!, headWidth / 2]);
    requireShape(operator, 'the sines', rotary.sin, rotary.cos.shape);
  }

  const present: Result = { type: query.type, shape: [batch!, kvHeads, totalName, headWidth] };
  const positional = rotary === null ? [] : [rotary.cos, rotary.sin];
  const [mixed, presentKey, presentValue] = g.node(
    operator,
    [query, key, value, past?.key ?? null, past?.value ?? null, lastKey, totalKeys, ...positional],
    [{ type: query.type, shape: [batch!, length!, heads * headWidth] }, present, present],
    { num_heads: int(heads), kv_num_heads: int(kvHeads), do_rotary: int(rotary === null ? 0 : 1) },
    CONTRIB,
  );
  return { mixed, presentKey, presentValue };
}

function isValue(projected: GroupQueryAttentionInputs['projected']): projected is Value {
  return !Array.isArray(projected);
}

/**
 * Attention of every position to every other.
 *
 * @param query, key, value [B, T, W] without their biases.
 * @param bias The three biases one after the other, [3 * W].
 * @param scoreBias Added to the scores before the softmax, [B or 1, heads or 1, T, T].
 */
export function multiHeadAttention(
  g: Graph,
  query: Value,
  key: Value,
  value: Value,
  bias: Value,
  scoreBias: Value,
  heads: number,
): Value {
  const operator = 'MultiHeadAttention';
  requireRank(operator, query, 3);
  requireSameType(operator, query, key, value, bias, scoreBias);
  requireShape(operator, 'the keys', key, query.shape);
  requireShape(operator, 'the values', value, query.shape);
  const width = lastWidth(operator, query);
  if (width % heads !== 0) fail(operator, `${heads} heads do not divide the width`, query);
  requireShape(operator, 'the bias', bias, [3 * width]);
  requireRank(operator, scoreBias, 4);
  return g.node(
    operator,
    [query, key, value, bias, null, scoreBias],
    [like(query)],
    { num_heads: int(heads) },
    CONTRIB,
  )[0];
}
