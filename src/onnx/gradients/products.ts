/**
 * @file Matrix products, and how they pass gradients back.
 *
 * For Y = A B: dA = dY B^T and dB = A^T dY.
 */

import type { Graph, Value } from '../graph.js';
import { fail, requireSameType } from '../operator-checks.js';
import { matMul } from '../operators.js';
import { ruleOfOne, sumAxes, swapLast, type Rule } from './rule.js';

/** Products of matrices that lie in equal stacks: a [..., M, K] times b [..., K, N] -> [..., M, N]. */
export function batchedMatMul(g: Graph, a: Value, b: Value): Value {
  requireSameType('MatMul', a, b);
  const [stack, other] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (stack.join() !== other.join()) fail('MatMul', 'the stacks differ', a, b);
  if (a.shape.at(-1) !== b.shape.at(-2)) fail('MatMul', 'inner dimensions differ', a, b);
  const shape = [...stack, a.shape.at(-2)!, b.shape.at(-1)!];
  return g.node('MatMul', [a, b], [{ type: a.type, shape }])[0];
}

/** A matrix with all dimensions but the last in one. */
function rowsOf(g: Graph, x: Value): Value {
  if (x.shape.length === 2) return x;
  const width = x.shape.at(-1)!;
  const target = g.constant('int64', [2], [-1, Number(width)]);
  return g.node('Reshape', [x, target], [{ type: x.type, shape: ['rows', width] }])[0];
}

/** Both operands in equal stacks, or a matrix on the right that all rows share. */
export const MAT_MUL: Rule = ruleOfOne((g, [a, b], dy) =>
  b!.shape.length === 2
    ? [() => matMul(g, dy, swapLast(g, b!)), () => matMul(g, swapLast(g, rowsOf(g, a!)), rowsOf(g, dy))]
    : [() => batchedMatMul(g, dy, swapLast(g, b!)), () => batchedMatMul(g, swapLast(g, a!), dy)],
);

/** y = x W^T + bias, as `gemm` adds it: dx = dy W, dW = dy^T x, and the bias gets the sum over rows. */
export const GEMM: Rule = ruleOfOne((g, [x, w], dy) => [
  () => matMul(g, dy, w!),
  () => matMul(g, swapLast(g, dy), x!),
  () => sumAxes(g, dy, [0], false),
]);
