/**
 * @file Keys and values of constant beginnings by the fused graph of inference, with its products in integers.
 *
 * Flow: embeddings [S, C] -> **the decoder graph without its head, int8-dynamic** -> keys and values as float16.
 * A training set has thousands of beginnings, and each runs through the whole decoder once. Integer products take half
 * the time of fp32 where the processor has the instructions, at the price of rounded keys and values.
 *
 * Shape letters: S positions, C width, K key/value heads, D head width.
 */

import { Tensor, type InferenceSession } from '../runtime.js';

import type { FrozenPrefix } from '../../../inference/differentiable.js';
import { buildDecoderGraph, DECODER_IO, type DecoderArchitecture } from '../../../onnx/decoder-graph.js';
import type { Graph } from '../../../onnx/graph.js';
import { toHalf } from '../../../onnx/half.js';
import { prune } from '../../../onnx/training/rewrite.js';
import type { WeightSource } from '../../../onnx/weights.js';
import type { Matrix } from '../../../tensor/matrix.js';
import { builtDecoderIo, type DecoderIo } from '../decoder-io.js';
import { runSession } from '../run-session.js';
import { createSession, floatOutput, type ModelOptions } from '../session.js';

/** The decoder graph with keys and values as its only results. */
export function buildPrefixGraph(architecture: DecoderArchitecture, weights: WeightSource): Graph {
  const graph = buildDecoderGraph(architecture, weights, 'float32', 'int8-dynamic');
  const caches = graph.outputs.filter(({ name }) => name !== DECODER_IO.logits);
  graph.outputs.splice(0, Infinity, ...caches);
  prune(graph);
  return graph;
}

export class IntegerPrefixes {
  readonly #session: InferenceSession;
  readonly #io: DecoderIo;
  readonly #inputs: ReadonlySet<string>;

  private constructor(session: InferenceSession, io: DecoderIo, inputs: ReadonlySet<string>) {
    this.#session = session;
    this.#io = io;
    this.#inputs = inputs;
  }

  /**
   * Loads the graph; the source of its weights must still be open.
   *
   * @param identity Hash of the weights and the configuration.
   * @throws {ModelError} If the graph cannot be stored or loaded.
   */
  static async open(
    graph: Graph,
    architecture: DecoderArchitecture,
    identity: string,
    options: ModelOptions,
  ): Promise<IntegerPrefixes> {
    const session = await createSession(graph, identity, options);
    const inputs = new Set(graph.inputs.map(({ name }) => name));
    return new IntegerPrefixes(session, builtDecoderIo(architecture, 'float32'), inputs);
  }

  async of(inputs: Matrix): Promise<FrozenPrefix> {
    const { caches, embeddings, emptyCache, positions } = this.#io;
    const feeds: InferenceSession.FeedsType = {
      ...positions(0, inputs.rows, 1),
      ...Object.fromEntries(
        caches.map(({ past }) => [past, new Tensor('float32', new Float32Array(0), emptyCache)]),
      ),
      [embeddings]: new Tensor('float32', inputs.data, [1, inputs.rows, inputs.cols]),
    };
    const read = Object.entries(feeds).filter(([name]) => this.#inputs.has(name));
    const results = await runSession(this.#session, Object.fromEntries(read));
    const layers = Array.from({ length: caches.length / 2 }, (_, layer) => ({
      keys: toHalf(floatOutput(results, DECODER_IO.presentKey(layer))),
      values: toHalf(floatOutput(results, DECODER_IO.presentValue(layer))),
    }));
    return { positions: inputs.rows, layers };
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}
