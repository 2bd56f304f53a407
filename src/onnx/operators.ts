/**
 * @file One function per operator of ONNX itself: it checks shapes and types, adds the node and returns the result.
 *
 * The file holds only what the architectures of this project use, with the restrictions that they can live with. The
 * fused operators of ONNX Runtime are in `fused-operators.ts`.
 *
 * Every function throws a RangeError if its arguments do not fit.
 *
 * Source: onnx/docs/Operators.md (opset 21).
 */

import {
  formatShape,
  type Dim,
  type ElementType,
  type Graph,
  type Result,
  type Shape,
  type Value,
} from './graph.js';
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

/**
 * The last positions of x [B, T, W] -> [B, N, W].
 *
 * @param first int64 [1]: the first position that is kept, T - N.
 */
export function positionsFrom(g: Graph, x: Value, first: Value): Value {
  requireRank('Slice', x, 3);
  requireShape('Slice', 'the first position', first, [1]);
  const at = (position: number): Value => g.constant('int64', [1], [position]);
  // ONNX spells "the end" as the largest index.
  const inputs = [x, first, at(Number.MAX_SAFE_INTEGER), at(1)];
  return g.node('Slice', inputs, [{ type: x.type, shape: [x.shape[0]!, 'N', x.shape[2]!] }])[0];
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
