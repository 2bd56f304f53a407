/**
 * @file Numbers about a model that every description shows: its network, its memory, its element types.
 */

import { totalmem } from 'node:os';

import type { Dtype } from '../inference/device.js';
import type { TensorInfo } from '../model/weights/safetensors.js';
import type { DecoderArchitecture } from '../onnx/decoder-graph.js';
import { describeDecoder } from './describe.js';

/** Formats that memory is estimated for. */
const FORMATS = ['fp32', 'fp16', 'int8', 'int4'] as const satisfies readonly Dtype[];

/** Bytes, without the runtime's own buffers. */
export interface MemoryEstimate {
  readonly dtype: Dtype;
  /** Weights inside the graph, and for a decoder the embedding table. */
  readonly weights: number;
  /** Keys and values of the longest prompt and its completion; 0 for an encoder. */
  readonly cache: number;
  readonly total: number;
  /** Whether that is less than nine tenths of this machine's memory. */
  readonly fits: boolean;
}

/** Facts by name, in the order in which they are shown. */
export function networkFacts(architecture: DecoderArchitecture): Readonly<Record<string, string | number>> {
  const { layers, width, heads, kvHeads, headWidth, vocabularySize, maxPositions, tiedHead } = architecture;
  return {
    layers,
    width,
    heads: `${heads} of width ${headWidth}, ${kvHeads} for keys and values`,
    vocabulary: vocabularySize,
    context: maxPositions,
    'output table': tiedHead ? 'the embedding table' : 'its own',
  };
}

/** What a decoder takes in each format, for a prompt and completion of so many tokens. */
export function decoderMemory(architecture: DecoderArchitecture, positions: number): MemoryEstimate[] {
  const length = Math.min(positions, architecture.maxPositions);
  return FORMATS.map((dtype) => {
    const cost = describeDecoder(architecture, dtype);
    // A step holds the old cache and the new one.
    return estimate(dtype, cost.graphBytes + cost.embeddingBytes, 2 * length * cost.cacheBytesPerPosition);
  });
}

/** The sum, and whether this machine has it. */
export function estimate(dtype: Dtype, weights: number, cache: number): MemoryEstimate {
  const total = weights + cache;
  return { dtype, weights, cache, total, fits: total < 0.9 * totalmem() };
}

/** Numbers of tensors by their element type. */
export function byType(tensors: readonly TensorInfo[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const tensor of tensors) counts[tensor.dtype] = (counts[tensor.dtype] ?? 0) + elements(tensor);
  return counts;
}

export function elements({ shape }: TensorInfo): number {
  return shape.reduce((product, dim) => product * dim, 1);
}
