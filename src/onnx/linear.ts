/**
 * @file A Linear layer of a checkpoint as a product in a graph; decoder and encoder share it.
 */

import type { FloatType, Graph, Value } from './graph.js';
import { matMul } from './operators.js';
import { transpose, type WeightSource } from './weights.js';

/**
 * x times the weight of a Linear layer, without its bias: [B, T, in] -> [B, T, out].
 *
 * @param name Layer in the checkpoint; its `weight` is stored as [out, in].
 */
export function linear(
  g: Graph,
  x: Value,
  weights: WeightSource,
  name: string,
  out: number,
  type: FloatType,
): Value {
  const inputs = Number(x.shape[2]);
  const read = weights.tensor(`${name}.weight`, [out, inputs]);
  const weight = g.weight(`${name}.weight`, type, [inputs, out], () => transpose(read(), out, inputs));
  return matMul(g, x, weight);
}
