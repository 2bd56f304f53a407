/**
 * @file Runs a graph that a test has just built.
 */

import { Tensor } from '../../src/model/ort/runtime.js';

import { floatOutput } from '../../src/model/ort/session.js';
import { loadSession } from '../../src/model/ort/load.js';
import type { Graph } from '../../src/onnx/graph.js';
import { encodeModel } from '../../src/onnx/model-proto.js';

export interface FloatInput {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** One float32 output of a graph with float32 inputs, on the CPU. */
export async function runGraph(
  graph: Graph,
  inputs: Readonly<Record<string, FloatInput>>,
  output: string,
): Promise<Float32Array> {
  const session = await loadSession(encodeModel(graph), { device: 'cpu', threads: 1 });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, dims }]) => [name, new Tensor('float32', data, dims)]),
  );
  const result = floatOutput(await session.run(feeds), output).slice();
  await session.release();
  return result;
}
