/**
 * @file Sums, means and softmax, and how they pass gradients back.
 */

import type { Graph, Node, Value } from '../graph.js';
import { int, like } from '../operator-checks.js';
import { mul, sub, unsqueeze } from '../operators.js';
import { exp, times } from './elementwise.js';
import { constantNumbers, expandLike, ruleOfOne, sumAxes, type Rule } from './rule.js';

/** e^x over the sum of all e^x of the last dimension. */
export function softmax(g: Graph, x: Value): Value {
  return g.node('Softmax', [x], [like(x)], { axis: int(-1) })[0];
}

/** The logarithm of {@link softmax}. */
export function logSoftmax(g: Graph, x: Value): Value {
  return g.node('LogSoftmax', [x], [like(x)], { axis: int(-1) })[0];
}

/** `dy` with the reduced axes back in place, stretched to the shape of what was reduced. */
function stretched(g: Graph, x: Value, axes: Value, dy: Value, node: Node): Value {
  const { keepdims } = node.attributes;
  const isKept = keepdims?.kind !== 'int' || keepdims.value === 1;
  return expandLike(g, isKept ? dy : unsqueeze(g, dy, constantNumbers(g, axes)), x);
}

export const REDUCE_SUM: Rule = ruleOfOne((g, [x, axes], dy, node) => [
  () => stretched(g, x!, axes!, dy, node),
  null,
]);

/** As a sum, divided by the numbers that were averaged. Their count is the same at run time, so it must be known. */
export const REDUCE_MEAN: Rule = ruleOfOne((g, [x, axes], dy, node) => [
  () => {
    const sizes = constantNumbers(g, axes!).map((axis) => Number(x!.shape.at(axis)));
    const count = sizes.reduce((product, size) => product * size, 1);
    if (!Number.isInteger(count))
      throw new RangeError(`${node.name}: a mean over a dimension of unknown size`);
    return times(g, stretched(g, x!, axes!, dy, node), 1 / count);
  },
  null,
]);

/** y = softmax(x): dx = y (dy - sum of y dy). */
export const SOFTMAX: Rule = ruleOfOne((g, _, dy, node) => [
  () => {
    const y = node.outputs[0]!;
    return mul(g, y, sub(g, dy, sumAxes(g, mul(g, y, dy), [-1], true)));
  },
]);

/** y = log softmax(x): dx = dy - e^y times the sum of dy. */
export const LOG_SOFTMAX: Rule = ruleOfOne((g, _, dy, node) => [
  () => sub(g, dy, mul(g, exp(g, node.outputs[0]!), sumAxes(g, dy, [-1], true))),
]);
