/**
 * @file Operators that move numbers without changing them, and how they pass gradients back.
 */

import type { Dim, Graph, Result, Value } from '../graph.js';
import { fail, int, requireSameType, string } from '../operator-checks.js';
import { cast, split } from '../operators.js';
import { expandLike, permute, reshapeLike, ruleOfOne, sumTo, zerosLike, type Rule } from './rule.js';

/**
 * Values side by side along an axis.
 *
 * @param size Of that axis in the result.
 */
export function concat(g: Graph, parts: readonly Value[], axis: number, size: Dim): Value {
  const [first] = parts;
  if (first === undefined) throw new RangeError('Concat of nothing');
  requireSameType('Concat', first, ...parts);
  const shape = first.shape.map((dim, i) => (i === axis ? size : dim));
  return g.node('Concat', parts, [{ type: first.type, shape }], { axis: int(axis) })[0];
}

/** The number at `indices` of each row: x [N, V], int64 [N, 1] -> [N, 1]. */
export function pickFromRows(g: Graph, x: Value, indices: Value): Value {
  if (indices.type !== 'int64') fail('GatherElements', 'indices must be int64', indices);
  const result: Result = { type: x.type, shape: indices.shape };
  return g.node('GatherElements', [x, indices], [result], { axis: int(1) })[0];
}

export const RESHAPE: Rule = ruleOfOne((g, [x], dy) => [() => reshapeLike(g, dy, x!), null]);

export const EXPAND: Rule = ruleOfOne((g, [x], dy) => [() => sumTo(g, dy, x!), null]);

export const TRANSPOSE: Rule = ruleOfOne((g, _, dy, node) => [
  () => {
    const { perm } = node.attributes;
    if (perm?.kind !== 'ints') throw new RangeError(`${node.name}: has no order of its dimensions`);
    return permute(
      g,
      dy,
      perm.value.map((_, axis) => perm.value.indexOf(axis)),
    );
  },
]);

/** The pieces side by side again; a piece that nothing depends on has a gradient of zeros. */
export const SPLIT: Rule = (g, node, gradients) => [
  () => {
    const [x] = node.inputs;
    const parts = node.outputs.map((piece, i) => gradients[i] ?? zerosLike(g, piece!));
    const axis = x!.shape.length - 1;
    return concat(g, parts, axis, x!.shape[axis]!);
  },
  null,
];

/** Each part gets its piece of the gradient. Where parts have sizes of run time, each piece is cut out by itself. */
export const CONCAT: Rule = ruleOfOne((g, parts, dy, node) => {
  const { axis } = node.attributes;
  if (axis?.kind !== 'int') throw new RangeError(`${node.name}: has no axis`);
  const at = axis.value;
  const isLast = at === dy.shape.length - 1;
  const widths = parts.map((part) => part.shape[at]!);
  let pieces: readonly Value[] | undefined;
  return parts.map((part, i) => () => {
    if (isLast && widths.every((width) => typeof width === 'number')) {
      pieces ??= split(g, dy, widths);
      return pieces[i]!;
    }
    return cutOut(g, dy, parts, i, at, part);
  });
});

/** Rows of `dy` along an axis that part `index` filled. */
function cutOut(
  g: Graph,
  dy: Value,
  parts: readonly Value[],
  index: number,
  axis: number,
  part: Value,
): Value {
  const size = (of: Value): Value =>
    g.node('Shape', [of], [{ type: 'int64', shape: [1] }], { start: int(axis), end: int(axis + 1) })[0];
  const sum = (values: readonly Value[]): Value =>
    values.reduce(
      (total, value) => g.node('Add', [total, value], [{ type: 'int64', shape: [1] }])[0],
      g.constant('int64', [1], [0]),
    );
  const start = sum(parts.slice(0, index).map(size));
  const end = sum([start, size(part)]);
  const at = g.constant('int64', [1], [axis]);
  return g.node('Slice', [dy, start, end, at], [{ type: dy.type, shape: part.shape }])[0];
}

/**
 * Zeros in the shape of `x` plus `updates` at `indices` along an axis. The runtime's kernel adds one after the other,
 * so equal indices are no race and the sum is the same in every run.
 */
function scatterAdd(g: Graph, x: Value, indices: Value, updates: Value, axis: number): Value {
  const result: Result = { type: x.type, shape: x.shape };
  return g.node('ScatterElements', [zerosLike(g, x), indices, updates], [result], {
    axis: int(axis),
    reduction: string('add'),
  })[0];
}

/** Rows of a table: each row gets the sum over the places where it was taken to. */
export const GATHER: Rule = ruleOfOne((g, [table, indices], dy) => [
  () => {
    const width = Number(table!.shape[1]);
    const flat = (x: Value, columns: number): Value => {
      const target = g.constant('int64', [2], [-1, columns]);
      return g.node('Reshape', [x, target], [{ type: x.type, shape: ['taken', columns] }])[0];
    };
    const updates = flat(dy, width);
    const places = expandLike(g, flat(cast(g, indices!, 'int64'), 1), updates);
    return scatterAdd(g, table!, places, updates, 0);
  },
  null,
]);

export const GATHER_ELEMENTS: Rule = ruleOfOne((g, [x, indices], dy) => [
  () => scatterAdd(g, x!, indices!, dy, 1),
  null,
]);

export const UNSQUEEZE: Rule = RESHAPE;
