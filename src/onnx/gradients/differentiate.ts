/**
 * @file Reverse-mode differentiation of a graph: it appends the nodes that compute gradients.
 *
 * Flow: graph that computes y from x -> **nodes backwards, a rule each** -> the same graph, which computes dL/dx from
 * dL/dy as well.
 * A gradient is added for values alone that something wanted depends on. So a frozen weight costs nothing.
 *
 * Source: Baydin et al. 2018 (arXiv 1502.05767), section 3.2.
 */

import { formatShape, sameShape, type Graph, type Node, type Value } from '../graph.js';
import { add } from '../operators.js';
import * as elementwise from './elementwise.js';
import * as norms from './norms.js';
import * as products from './products.js';
import * as reductions from './reductions.js';
import type { Rule } from './rule.js';
import * as shapes from './shapes.js';

/** The rule of each operator that can be differentiated. */
export const RULES: ReadonlyMap<string, Rule> = new Map([
  ['Add', elementwise.ADD],
  ['Sub', elementwise.SUB],
  ['Mul', elementwise.MUL],
  ['Div', elementwise.DIV],
  ['Neg', elementwise.NEG],
  ['Exp', elementwise.EXP],
  ['Sqrt', elementwise.SQRT],
  ['Reciprocal', elementwise.RECIPROCAL],
  ['Tanh', elementwise.TANH],
  ['Erf', elementwise.ERF],
  ['Sigmoid', elementwise.SIGMOID],
  ['Gelu', elementwise.GELU],
  ['FastGelu', elementwise.GELU_TANH],
  ['Cast', elementwise.CAST],
  ['MatMul', products.MAT_MUL],
  ['Gemm', products.GEMM],
  ['ReduceSum', reductions.REDUCE_SUM],
  ['ReduceMean', reductions.REDUCE_MEAN],
  ['Softmax', reductions.SOFTMAX],
  ['LogSoftmax', reductions.LOG_SOFTMAX],
  ['LayerNormalization', norms.LAYER_NORM],
  ['SimplifiedLayerNormalization', norms.RMS_NORM],
  ['Reshape', shapes.RESHAPE],
  ['Unsqueeze', shapes.UNSQUEEZE],
  ['Expand', shapes.EXPAND],
  ['Transpose', shapes.TRANSPOSE],
  ['Split', shapes.SPLIT],
  ['Concat', shapes.CONCAT],
  ['Gather', shapes.GATHER],
  ['GatherElements', shapes.GATHER_ELEMENTS],
]);

/** A result of the graph, and the gradient of the loss there. */
export interface Seed {
  readonly value: Value;
  /** In the shape of the value. */
  readonly gradient: Value;
}

/**
 * Gradients of the sum over all seeds of value times gradient, at the values wanted.
 *
 * @param wanted Inputs, weights or results of nodes.
 * @returns A gradient for each of them, in its shape.
 * @throws {RangeError} If an operator between them has no rule (the message names it), or no seed depends on a value.
 */
export function differentiate(g: Graph, seeds: readonly Seed[], wanted: readonly Value[]): Value[] {
  const nodes = [...g.nodes];
  const active = dependents(nodes, wanted);
  const gradients = new Map<Value, Value>();
  const accumulate = (value: Value, gradient: Value): void => {
    const known = gradients.get(value);
    gradients.set(value, known === undefined ? gradient : add(g, known, gradient));
  };
  for (const { value, gradient } of seeds) {
    if (!sameShape(value.shape, gradient.shape)) {
      const shapesOfBoth = `${formatShape(gradient.shape)} for ${formatShape(value.shape)}`;
      throw new RangeError(`the gradient of ${value.name} has another shape: ${shapesOfBoth}`);
    }
    accumulate(value, gradient);
  }
  g.within('gradients', () => {
    for (const node of nodes.reverse()) passBack(g, node, active, gradients, accumulate);
  });
  return wanted.map((value) => {
    const gradient = gradients.get(value);
    if (gradient === undefined) throw new RangeError(`nothing that has a gradient depends on ${value.name}`);
    return gradient;
  });
}

/** Adds the gradients of the inputs of a node, from those of its results. */
function passBack(
  g: Graph,
  node: Node,
  active: ReadonlySet<Value>,
  gradients: ReadonlyMap<Value, Value>,
  accumulate: (value: Value, gradient: Value) => void,
): void {
  const wants = node.inputs.map((input) => input !== null && active.has(input));
  const own = node.outputs.map((output) => (output === null ? null : (gradients.get(output) ?? null)));
  if (!wants.includes(true) || own.every((gradient) => gradient === null)) return;
  const rule = RULES.get(node.operator);
  if (rule === undefined) {
    throw new RangeError(
      `${node.name}: the operator ${node.operator} has no gradient; those that have one: ${[...RULES.keys()].join(', ')}`,
    );
  }
  const inputs = rule(g, node, own);
  for (const [i, wanted] of wants.entries()) {
    const gradient = wanted ? inputs[i] : null;
    if (wanted && !gradient) throw new RangeError(`${node.name}: input ${i + 1} has no gradient`);
    if (gradient) accumulate(node.inputs[i]!, gradient());
  }
}

/** The values wanted and all that change smoothly with them: sizes and indices do not. */
function dependents(nodes: readonly Node[], wanted: readonly Value[]): ReadonlySet<Value> {
  const found = new Set(wanted);
  for (const node of nodes) {
    if (!node.inputs.some((input) => input !== null && found.has(input))) continue;
    for (const output of node.outputs) {
      if (output !== null && (output.type === 'float32' || output.type === 'float16')) found.add(output);
    }
  }
  return found;
}
