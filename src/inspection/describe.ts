/**
 * @file What a model of some architecture will cost: parameters and memory, before anything is loaded.
 *
 * The numbers come from the graph itself, described over weights that are counted and never read, so
 * they hold for every architecture and dtype that the program can build.
 */

import { buildDecoderGraph, embeddingTensor, type DecoderArchitecture } from '../onnx/decoder-graph.js';
import { buildEncoderGraph, type EncoderArchitecture } from '../onnx/encoder-graph.js';
import { weightBytes } from '../onnx/model-proto.js';
import type { WeightSource } from '../onnx/weights.js';
import type { Dtype } from '../inference/device.js';
import { precisionOf } from '../model/architecture/precision.js';

/** What an encoder takes. */
export interface ModelCost {
  /** Numbers in the checkpoint that the model uses. */
  readonly parameters: number;
  /** Weights inside the graph, in bytes. */
  readonly graphBytes: number;
}

/** What a decoder takes. */
export interface DecoderCost extends ModelCost {
  /** The embedding table on the host, float32, in bytes. */
  readonly embeddingBytes: number;
  /** Keys and values of one position, in bytes. */
  readonly cacheBytesPerPosition: number;
}

/** Parameters and memory of a decoder; reads nothing. */
export function describeDecoder(architecture: DecoderArchitecture, dtype: Dtype): DecoderCost {
  const { type, matrices } = precisionOf(dtype);
  const { vocabularySize, width, layers, kvHeads, headWidth } = architecture;
  const counted = new CountedWeights();
  counted.tensor(embeddingTensor(architecture).name, [vocabularySize, width]);
  const graph = buildDecoderGraph(architecture, counted, type, matrices);
  return {
    parameters: counted.parameters,
    graphBytes: weightBytes(graph),
    embeddingBytes: 4 * vocabularySize * width,
    cacheBytesPerPosition: 2 * layers * kvHeads * headWidth * (type === 'float16' ? 2 : 4),
  };
}

/** Parameters and memory of an encoder; reads nothing. */
export function describeEncoder(architecture: EncoderArchitecture, dtype: Dtype): ModelCost {
  const counted = new CountedWeights();
  const graph = buildEncoderGraph(architecture, counted, precisionOf(dtype).type);
  return { parameters: counted.parameters, graphBytes: weightBytes(graph) };
}

/** Counts what is asked for; a tensor that is used twice counts once. */
class CountedWeights implements WeightSource {
  readonly #sizes = new Map<string, number>();

  get parameters(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  tensor(name: string, shape: readonly number[]): () => Float32Array {
    this.#sizes.set(
      name,
      shape.reduce((product, dim) => product * dim, 1),
    );
    return () => {
      throw new RangeError(`${name}: a description has no weights`);
    };
  }
}
