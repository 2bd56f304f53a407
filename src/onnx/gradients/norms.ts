/**
 * @file How layer norm and RMS norm pass gradients back; their forward builders are `layerNorm` and `rmsNorm`.
 *
 * With n the normalised row, g = dy gamma and r the inverse deviation (or inverse root mean square):
 * dx = r (g - mean(g) - n mean(g n)), without the mean of g in RMS norm; dgamma = sum of dy n; dbeta = sum of dy.
 *
 * Source: Ba et al. 2016 (arXiv 1607.06450); Zhang and Sennrich 2019 (arXiv 1910.07467).
 */

import type { Graph, Node, Value } from '../graph.js';
import { add, mul, sub } from '../operators.js';
import { reciprocal, sqrt } from './elementwise.js';
import { meanAxes, ruleOfOne, scalar, sumTo, type Rule } from './rule.js';

interface Normalised {
  readonly row: Value;
  readonly inverse: Value;
}

/** The row without its offset and scale, and the factor that scaled it. */
function normalised(g: Graph, centred: Value, node: Node): Normalised {
  const { epsilon } = node.attributes;
  if (epsilon?.kind !== 'float') throw new RangeError(`${node.name}: has no epsilon`);
  const variance = meanAxes(g, mul(g, centred, centred), [-1]);
  const inverse = reciprocal(g, sqrt(g, add(g, variance, scalar(g, centred, epsilon.value))));
  return { row: mul(g, centred, inverse), inverse };
}

export const LAYER_NORM: Rule = ruleOfOne((g, [x, gamma, beta], dy, node) => {
  const { row, inverse } = normalised(g, sub(g, x!, meanAxes(g, x!, [-1])), node);
  return [
    () => {
      const scaled = mul(g, dy, gamma!);
      const along = mul(g, row, meanAxes(g, mul(g, scaled, row), [-1]));
      return mul(g, inverse, sub(g, sub(g, scaled, meanAxes(g, scaled, [-1])), along));
    },
    () => sumTo(g, mul(g, dy, row), gamma!),
    () => sumTo(g, dy, beta!),
  ];
});

export const RMS_NORM: Rule = ruleOfOne((g, [x, gamma], dy, node) => {
  const { row, inverse } = normalised(g, x!, node);
  return [
    () => {
      const scaled = mul(g, dy, gamma!);
      const along = mul(g, row, meanAxes(g, mul(g, scaled, row), [-1]));
      return mul(g, inverse, sub(g, scaled, along));
    },
    () => sumTo(g, mul(g, dy, row), gamma!),
  ];
});
