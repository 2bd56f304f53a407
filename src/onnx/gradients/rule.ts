/**
 * @file What a backward rule is, and what all rules need.
 *
 * Notation: `dy` is the gradient of the loss at a result y of a node; a rule gives the gradient at its inputs.
 */

import type { Graph, Node, Result, Shape, Value } from '../graph.js';
import { int, ints, like } from '../operator-checks.js';

/**
 * How a node passes gradients back.
 *
 * @param gradients At each result of the node; null where nothing depends on it.
 * @returns For each input a function that adds its gradient to the graph, or null where it has none. Only those that
 *   are wanted are called.
 */
export type Rule = (
  g: Graph,
  node: Node,
  gradients: readonly (Value | null)[],
) => readonly ((() => Value) | null)[];

/** A rule of an operator with one result. */
export function ruleOfOne(
  rule: (g: Graph, inputs: readonly Value[], dy: Value, node: Node) => readonly ((() => Value) | null)[],
): Rule {
  return (g, node, [dy]) => rule(g, node.inputs as readonly Value[], dy!, node);
}

/** A scalar of the type of `x`. */
export function scalar(g: Graph, x: Value, number: number): Value {
  return g.constant(x.type, [], [number]);
}

/** The numbers of a small constant that an operator was given, such as axes. */
export function constantNumbers(g: Graph, value: Value): number[] {
  const found = g.initializers.find((initializer) => initializer.value === value);
  if (found === undefined) throw new RangeError(`${value.name} is not a constant of the graph`);
  return [...found.pieces()].flatMap((numbers) => Array.from(numbers));
}

/** The sizes of x at run time, int64 [rank]. */
export function shapeOf(g: Graph, x: Value): Value {
  return g.node('Shape', [x], [{ type: 'int64', shape: [x.shape.length] }])[0];
}

/** The same numbers in the shape of another value. */
export function reshapeLike(g: Graph, x: Value, other: Value): Value {
  return g.node('Reshape', [x, shapeOf(g, other)], [{ type: x.type, shape: other.shape }])[0];
}

/** x stretched to the shape of another value. */
export function expandLike(g: Graph, x: Value, other: Value): Value {
  return g.node('Expand', [x, shapeOf(g, other)], [{ type: x.type, shape: other.shape }])[0];
}

/** Zeros in the shape of another value, float32. */
export function zerosLike(g: Graph, other: Value): Value {
  return g.node('ConstantOfShape', [shapeOf(g, other)], [like(other)])[0];
}

/** Sum over axes, which stay with size 1 or disappear. */
export function sumAxes(g: Graph, x: Value, axes: readonly number[], keep: boolean): Value {
  return reduction(g, 'ReduceSum', x, axes, keep);
}

/** Mean over axes, which stay with size 1. */
export function meanAxes(g: Graph, x: Value, axes: readonly number[]): Value {
  return reduction(g, 'ReduceMean', x, axes, true);
}

function reduction(g: Graph, operator: string, x: Value, axes: readonly number[], keep: boolean): Value {
  const rank = x.shape.length;
  const places = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  const shape: Shape = keep
    ? x.shape.map((dim, i) => (places.includes(i) ? 1 : dim))
    : x.shape.filter((_, i) => !places.includes(i));
  const result: Result = { type: x.type, shape };
  const inputs = [x, g.constant('int64', [places.length], places)];
  return g.node(operator, inputs, [result], { keepdims: int(keep ? 1 : 0) })[0];
}

/**
 * The gradient of an operand that was stretched: `dy` summed over what the stretching repeated.
 *
 * @param dy In the stretched shape.
 */
export function sumTo(g: Graph, dy: Value, operand: Value): Value {
  const extra = dy.shape.length - operand.shape.length;
  const repeated = operand.shape.flatMap((dim, i) =>
    dim === 1 && dy.shape[extra + i] !== 1 ? [extra + i] : [],
  );
  const kept = repeated.length === 0 ? dy : sumAxes(g, dy, repeated, true);
  if (extra === 0) return kept;
  return sumAxes(g, kept, [...Array(extra).keys()], false);
}

/** The dimensions of x in another order. */
export function permute(g: Graph, x: Value, order: readonly number[]): Value {
  const shape = order.map((axis) => x.shape[axis]!);
  return g.node('Transpose', [x], [{ type: x.type, shape }], { perm: ints(...order) })[0];
}

/** The last two dimensions of x swapped. */
export function swapLast(g: Graph, x: Value): Value {
  const order = [...x.shape.keys()];
  const rank = order.length;
  return permute(g, x, [...order.slice(0, -2), rank - 1, rank - 2]);
}
