/**
 * @file Weights that a graph is fed at each run, instead of holding them.
 *
 * All layers of a decoder have one shape. So one graph serves them all: whoever runs it feeds the weights of the layer
 * that is wanted, and each weight is in memory once however many graphs read it.
 */

import type { LayerOperators } from '../causal-layers.js';
import type { Graph, Value } from '../graph.js';
import type { LinearLayer } from '../linear.js';
import { gemm } from '../operators.js';

/** An input of a graph that takes tensors of the checkpoint, one below the other. */
export interface WeightInput {
  /** Name of the graph's input. */
  readonly input: string;
  readonly shape: readonly number[];
  readonly parts: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** Declares the weights of a graph as inputs, in the order in which they are asked for. */
export class WeightInputs {
  readonly all: WeightInput[] = [];
  /** What {@link project} returned, call after call. */
  readonly products: Value[] = [];
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** One tensor of the checkpoint. */
  readonly weight: LayerOperators['weight'] = (name, shape) => this.#declare([{ name, shape }], shape);

  /** x [R, K] times the weights of Linear layers side by side, plus their biases. Each keeps the checkpoint's layout. */
  readonly project: LayerOperators['project'] = (x, layers, hasBias) => {
    const inputs = Number(x.shape[1]);
    const outputs = layers.reduce((sum, layer) => sum + layer.outputs, 0);
    const joined = (
      role: string,
      shape: (layer: LinearLayer) => readonly number[],
      all: readonly number[],
    ): Value =>
      this.#declare(
        layers.map((layer) => ({ name: `${layer.name}.${role}`, shape: shape(layer) })),
        all,
      );
    const matrix = joined('weight', (layer) => [layer.outputs, inputs], [outputs, inputs]);
    const bias = hasBias ? joined('bias', (layer) => [layer.outputs], [outputs]) : null;
    const product = gemm(this.#graph, x, matrix, bias);
    this.products.push(product);
    return product;
  };

  /** The weights that the graph still reads. */
  get used(): readonly WeightInput[] {
    const names = new Set(this.#graph.inputs.map(({ name }) => name));
    return this.all.filter(({ input }) => names.has(input));
  }

  #declare(parts: WeightInput['parts'], shape: readonly number[]): Value {
    const input = `weight.${this.all.length}`;
    this.all.push({ input, shape, parts });
    return this.#graph.input(input, 'float32', shape);
  }
}
