/**
 * @file One function per operator: checks shapes and types, adds the node, returns the result.
 *
 * Operators of ONNX itself come first, the fused ones of ONNX Runtime (`com.microsoft`) last. Only
 * what the architectures of this project use, with the restrictions they can live with.
 *
 * Every function throws a RangeError if its arguments do not fit; the message starts with the
 * operator and gives the shapes.
 *
 * Source: onnx/docs/Operators.md (opset 21); onnxruntime/docs/ContribOperators.md (1.30).
 */

import {
  CONTRIB,
  formatShape,
  sameShape,
  type Attribute,
  type Dim,
  type ElementType,
  type Graph,
  type Result,
  type Shape,
  type Value,
} from './graph.js';

const int = (value: number): Attribute => ({ kind: 'int', value });
const float = (value: number): Attribute => ({ kind: 'float', value });

function fail(operator: string, problem: string, ...values: readonly Value[]): never {
  const shapes = values.map((value) => `${value.type}${formatShape(value.shape)}`).join(' and ');
  throw new RangeError(`${operator} of ${shapes}: ${problem}`);
}

function requireSameType(operator: string, first: Value, ...others: readonly Value[]): void {
  for (const other of others) {
    if (other.type !== first.type) fail(operator, 'element types differ', first, other);
  }
}

function requireShape(operator: string, role: string, value: Value, shape: Shape): void {
  if (!sameShape(value.shape, shape)) fail(operator, `${role} must be ${formatShape(shape)}`, value);
}

function requireRank(operator: string, value: Value, rank: number): void {
  if (value.shape.length !== rank) fail(operator, `expected ${rank} dimensions`, value);
}

/** The last dimension, which must be a number. */
function lastWidth(operator: string, value: Value): number {
  const width = value.shape.at(-1);
  if (typeof width !== 'number') return fail(operator, 'the last dimension must be a number', value);
  return width;
}

function like(value: Value): Result {
  return { type: value.type, shape: value.shape };
}

/** The shape of an elementwise operation with broadcasting: 1 stretches, everything else must agree. */
function broadcast(operator: string, a: Value, b: Value): Shape {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i): Dim => {
    const left = a.shape[i - rank + a.shape.length] ?? 1;
    const right = b.shape[i - rank + b.shape.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      return fail(operator, `dimensions ${left} and ${right} differ`, a, b);
    }
    return left === 1 ? right : left;
  });
}

function elementwise(g: Graph, operator: string, a: Value, b: Value): Value {
  requireSameType(operator, a, b);
  return g.node(operator, [a, b], [{ type: a.type, shape: broadcast(operator, a, b) }])[0];
}

/** a + b, with broadcasting. */
export const add = (g: Graph, a: Value, b: Value): Value => elementwise(g, 'Add', a, b);
/** a - b, with broadcasting. */
export const sub = (g: Graph, a: Value, b: Value): Value => elementwise(g, 'Sub', a, b);
/** a * b, with broadcasting. */
export const mul = (g: Graph, a: Value, b: Value): Value => elementwise(g, 'Mul', a, b);
/** a / b, with broadcasting. */
export const div = (g: Graph, a: Value, b: Value): Value => elementwise(g, 'Div', a, b);
/** The larger of a and b, with broadcasting. */
export const max = (g: Graph, a: Value, b: Value): Value => elementwise(g, 'Max', a, b);

/** |x|. */
export function abs(g: Graph, x: Value): Value {
  return g.node('Abs', [x], [like(x)])[0];
}

/** 1 / (1 + e^-x). */
export function sigmoid(g: Graph, x: Value): Value {
  return g.node('Sigmoid', [x], [like(x)])[0];
}

/** x * sigmoid(x), also called Swish; ONNX Runtime joins the two nodes. */
export function silu(g: Graph, x: Value): Value {
  return mul(g, x, sigmoid(g, x));
}

/** The same numbers as another element type; the value itself if it has that type already. */
export function cast(g: Graph, x: Value, type: ElementType): Value {
  if (x.type === type) return x;
  const code = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 }[type];
  return g.node('Cast', [x], [{ type, shape: x.shape }], { to: int(code) })[0];
}

/** x [..., K] times w [K, N] -> [..., N]. */
export function matMul(g: Graph, x: Value, w: Value): Value {
  requireSameType('MatMul', x, w);
  requireRank('MatMul', w, 2);
  const inner = x.shape.at(-1);
  if (inner !== w.shape[0]) {
    fail('MatMul', `inner dimensions ${inner ?? 'none'} and ${w.shape[0]!} differ`, x, w);
  }
  return g.node('MatMul', [x, w], [{ type: x.type, shape: [...x.shape.slice(0, -1), w.shape[1]!] }])[0];
}

/** x [M, K] times the transpose of w [N, K], plus bias [N] if given -> [M, N]. */
export function gemm(g: Graph, x: Value, w: Value, bias: Value | null): Value {
  requireRank('Gemm', x, 2);
  requireRank('Gemm', w, 2);
  requireSameType('Gemm', x, w, ...(bias ? [bias] : []));
  const [rows, inner] = x.shape;
  const [columns, wInner] = w.shape;
  if (inner !== wInner) fail('Gemm', `inner dimensions ${inner!} and ${wInner!} differ`, x, w);
  if (bias) requireShape('Gemm', 'the bias', bias, [columns!]);
  const inputs = bias ? [x, w, bias] : [x, w];
  return g.node('Gemm', inputs, [{ type: x.type, shape: [rows!, columns!] }], { transB: int(1) })[0];
}

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
 * Lets the CPU kernel round activations to 8 bits, block by block, and multiply integers. Its
 * floating-point path is slower than an unquantized product, for 8-bit codes and a single row up to
 * fifty times (measured with ONNX Runtime 1.30).
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

/** Rows of a table [R, W] by index [...] -> [..., W]. */
export function gatherRows(g: Graph, table: Value, indices: Value): Value {
  requireRank('Gather', table, 2);
  if (indices.type !== 'int32' && indices.type !== 'int64')
    fail('Gather', 'indices must be integers', indices);
  return g.node(
    'Gather',
    [table, indices],
    [{ type: table.type, shape: [...indices.shape, table.shape[1]!] }],
  )[0];
}

/** The last position of x [B, T, W] -> [B, 1, W]. */
export function lastPosition(g: Graph, x: Value): Value {
  requireRank('Slice', x, 3);
  const at = (position: number): Value => g.constant('int64', [1], [position]);
  // From the last element to "the end", which ONNX spells as the largest index.
  const inputs = [x, at(-1), at(Number.MAX_SAFE_INTEGER), at(1)];
  return g.node('Slice', inputs, [{ type: x.type, shape: [x.shape[0]!, 1, x.shape[2]!] }])[0];
}

/**
 * One position of every sequence of x [B, T, W] -> [B, 1, W].
 *
 * @param positions int64 [B, 1, 1].
 */
export function positionOfEach(g: Graph, x: Value, positions: Value): Value {
  requireRank('GatherND', x, 3);
  requireShape('GatherND', 'the positions', positions, [x.shape[0]!, 1, 1]);
  const result: Result = { type: x.type, shape: [x.shape[0]!, 1, x.shape[2]!] };
  return g.node('GatherND', [x, positions], [result], { batch_dims: int(1) })[0];
}

/**
 * Rows of a table [R, W] that belong to the newest positions of a sequence -> [T, W].
 *
 * @param total Length of the sequence, newest positions included: int32 scalar.
 * @param x [B, T, W]: its second dimension says how many positions are new.
 */
export function newestRows(g: Graph, table: Value, total: Value, x: Value): Value {
  requireRank('Slice', table, 2);
  requireRank('Slice', x, 3);
  const length: Result = { type: 'int64', shape: [1] };
  const count = g.node('Shape', [x], [length], { start: int(1), end: int(2) })[0];
  const end = reshape(g, cast(g, total, 'int64'), [1]);
  const inputs = [table, sub(g, end, count), end, g.constant('int64', [1], [0])];
  return g.node('Slice', inputs, [{ type: table.type, shape: [x.shape[1]!, table.shape[1]!] }])[0];
}

/** The pieces of x, cut along the last dimension. */
export function split(g: Graph, x: Value, widths: readonly number[]): Value[] {
  const width = lastWidth('Split', x);
  const total = widths.reduce((sum, part) => sum + part, 0);
  if (total !== width) fail('Split', `the pieces are ${total} wide in all`, x);
  const sizes = g.constant('int64', [widths.length], widths);
  const results = widths.map((part): Result => ({ type: x.type, shape: [...x.shape.slice(0, -1), part] }));
  return g.node('Split', [x, sizes], results, { axis: int(-1) });
}

/**
 * The same numbers in another shape.
 *
 * @param shape Names of `x` are kept where they stand at the same place; elsewhere at most one
 *   dimension may be a name, and the runtime finds its size.
 */
export function reshape(g: Graph, x: Value, shape: Shape): Value {
  const sizes = shape.map((dim, i) => (typeof dim === 'number' ? dim : dim === x.shape[i] ? 0 : -1));
  if (sizes.filter((size) => size === -1).length > 1) {
    fail('Reshape', `${formatShape(shape)} has more than one free dimension`, x);
  }
  const target = g.constant('int64', [sizes.length], sizes);
  return g.node('Reshape', [x, target], [{ type: x.type, shape }])[0];
}

/** New dimensions of size 1 at the given places of the result, ascending. */
export function unsqueeze(g: Graph, x: Value, axes: readonly number[]): Value {
  const shape = [...x.shape];
  for (const axis of axes) shape.splice(axis, 0, 1);
  const places = g.constant('int64', [axes.length], axes);
  return g.node('Unsqueeze', [x, places], [{ type: x.type, shape }])[0];
}

/** Sum over one axis, which disappears. */
export function reduceSum(g: Graph, x: Value, axis: number): Value {
  const axes = g.constant('int64', [1], [axis]);
  const shape = x.shape.filter((_, i) => i !== axis);
  return g.node('ReduceSum', [x, axes], [{ type: x.type, shape }], { keepdims: int(0) })[0];
}

/** Maximum over one axis, which stays with size 1. */
export function reduceMax(g: Graph, x: Value, axis: number): Value {
  const axes = g.constant('int64', [1], [axis]);
  const shape = x.shape.map((dim, i) => (i === axis ? 1 : dim));
  return g.node('ReduceMax', [x, axes], [{ type: x.type, shape }], { keepdims: int(1) })[0];
}

/** Running sum along one axis, each element included. */
export function cumulativeSum(g: Graph, x: Value, axis: number): Value {
  return g.node('CumSum', [x, g.constant('int64', [], [axis])], [like(x)])[0];
}

/** (x - mean) / sqrt(variance + eps) * gamma + beta over the last dimension. */
export function layerNorm(g: Graph, x: Value, gamma: Value, beta: Value, eps: number): Value {
  const width = lastWidth('LayerNormalization', x);
  requireSameType('LayerNormalization', x, gamma, beta);
  requireShape('LayerNormalization', 'gamma', gamma, [width]);
  requireShape('LayerNormalization', 'beta', beta, [width]);
  return g.node('LayerNormalization', [x, gamma, beta], [like(x)], {
    axis: int(-1),
    epsilon: float(eps),
  })[0];
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
