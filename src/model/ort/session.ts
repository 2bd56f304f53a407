/**
 * @file From a described graph to a session that runs it.
 *
 * Flow: graph -> **encode, cache, load** -> `ort-decoder.ts` and its siblings.
 * The runtime gets small models as bytes. Large models are written once into a cache folder, with their weights in a
 * second file that the runtime maps (`graph-cache.ts`). The next time they are found there by the hash of their content.
 */

import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { InferenceSession } from './runtime.js';

import { messageOf, ModelError } from '../../domain/errors.js';
import type { Graph } from '../../onnx/graph.js';
import { encodeModel, encodeSplitModel, weightBytes } from '../../onnx/model-proto.js';
import type { Device, Dtype } from '../../inference/device.js';
import { cachedGraph, type GraphCacheOptions } from './graph-cache.js';
import { loadSession } from './load.js';
import { deviceProblem, requireUsable } from './probe.js';

/** How and where a model runs. */
export interface ModelOptions {
  readonly device: Device;
  readonly dtype: Dtype;
  /** Threads inside one operator, CPU only. */
  readonly threads: number;
  /** Where built graphs of large models are kept; `graphs` in the program's cache if absent. */
  readonly cacheDir?: string;
  /** Told in one line of a kept graph that is damaged and made anew. */
  readonly onNote?: ((line: string) => void) | undefined;
  /** Makes the runtime write a profile: this prefix, a time stamp, `.json`. See `profile.ts`. */
  readonly profilePrefix?: string;
}

/** Weights up to this size are handed over in memory. For a moment they are there twice: here and in the runtime. */
const MAX_IN_MEMORY_BYTES = 256 * 1024 * 1024;

/**
 * Builds and loads a graph.
 *
 * @param identity Hash of the weights and the configuration.
 * @param outputsOnDevice Outputs that need not come back to the host.
 * @throws {ModelError} If the device cannot be used here or the runtime refuses the graph.
 */
export async function createSession(
  graph: Graph,
  identity: string,
  options: ModelOptions,
  outputsOnDevice: readonly string[] = [],
): Promise<InferenceSession> {
  const model =
    weightBytes(graph) <= MAX_IN_MEMORY_BYTES
      ? encodeModel(graph)
      : await cachedModelFile(graph, identity, options);
  try {
    return await loadSession(model, { ...options, outputsOnDevice });
  } catch (error) {
    const problem = await deviceProblem(options.device);
    if (problem !== undefined) throw problem;
    throw new ModelError(
      `the runtime cannot load the ${graph.name} on ${options.device}: ${messageOf(error)}`,
      ['the device itself works; the model may need more memory than it has'],
      { cause: error },
    );
  }
}

/**
 * Path of the graph's file in the cache, written if it is not there. Weights lie next to it.
 *
 * The key covers the graph and its weights' identity, so a changed model or a changed graph is another folder.
 *
 * @throws {ModelError} If it cannot be stored, or is not there and the device cannot be used.
 */
export async function cachedModelFile(
  graph: Graph,
  identity: string,
  options: GraphCacheOptions & Pick<ModelOptions, 'device'>,
): Promise<string> {
  const weightFile = 'weights.bin';
  const { model, weights } = encodeSplitModel(graph, weightFile);
  const last = weights.at(-1);
  const folder = await cachedGraph(
    {
      name: graph.name,
      content: [model, identity],
      bytes: last === undefined ? 0 : last.offset + last.length,
      prepare: () => requireUsable(options.device),
      async fill(partial) {
        const file = await open(join(partial, weightFile), 'w');
        try {
          for (const { offset, pieces } of weights) {
            let position = offset;
            for (const piece of pieces()) {
              await writeAt(file, piece, position);
              position += piece.length;
            }
          }
        } finally {
          await file.close();
        }
        await writeFile(join(partial, 'model.onnx'), model);
      },
    },
    options,
  );
  return join(folder, 'model.onnx');
}

type OpenFile = Awaited<ReturnType<typeof open>>;

/** Writes all of a buffer; one call may write less, and at most 2 GiB - 1. */
async function writeAt(file: OpenFile, buffer: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    const length = Math.min(buffer.length - done, 1 << 30);
    const { bytesWritten } = await file.write(buffer, done, length, offset + done);
    done += bytesWritten;
  }
}

/**
 * A float32 result of a run as an array on the host.
 *
 * @throws {Error} If the graph has no such output or it is of another type: a defect, not bad input.
 */
export function floatOutput(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = results[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`the graph has no float32 output ${name}`);
  return data;
}
