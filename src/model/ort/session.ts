/**
 * @file From a described graph to a session that runs it.
 *
 * Flow: graph -> **encode, cache, load** -> `ort-decoder.ts` and its siblings.
 * The runtime gets small models as bytes. Large models are written once into a cache folder, with their weights in a
 * second file that the runtime maps. The next time they are found there by the hash of their content.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { InferenceSession } from 'onnxruntime-node';

import { messageOf, ModelError } from '../../domain/errors.js';
import { formatBytes } from '../../domain/units.js';
import type { Graph } from '../../onnx/graph.js';
import { encodeModel, encodeSplitModel, weightBytes } from '../../onnx/model-proto.js';
import type { Device, Dtype } from '../../inference/device.js';
import { loadSession } from './load.js';
import { deviceProblem } from './probe.js';

/** How and where a model runs. */
export interface ModelOptions {
  readonly device: Device;
  readonly dtype: Dtype;
  /** Threads inside one operator, CPU only. */
  readonly threads: number;
  /** Where built graphs of large models are kept; a folder for temporary files if absent. */
  readonly cacheDir?: string;
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
      : await cachedModelFile(graph, identity, options.cacheDir ?? join(tmpdir(), 'llava-eval-graphs'));
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
 * The folder's name is a hash of the graph and its weights' identity, so a changed model or a
 * changed graph is another folder. It is filled under a temporary name and then renamed, so that whoever finds it finds
 * it whole.
 */
export async function cachedModelFile(graph: Graph, identity: string, cacheDir: string): Promise<string> {
  const weightFile = 'weights.bin';
  const { model, weights } = encodeSplitModel(graph, weightFile);
  const key = createHash('sha256').update(model).update(identity).digest('hex').slice(0, 32);
  const folder = join(cacheDir, `${graph.name}-${key}`);
  const path = join(folder, 'model.onnx');
  if (existsSync(path)) return path;

  const partial = `${folder}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(partial, { recursive: true });
    const last = weights.at(-1);
    await requireSpace(cacheDir, graph.name, last === undefined ? 0 : last.offset + last.length);
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
    await rename(partial, folder);
  } catch (error) {
    // The failure matters more than a temporary folder that stays behind.
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    // Another process may have been faster; its folder has the same content.
    if (existsSync(path)) return path;
    if (error instanceof ModelError) throw error;
    throw new ModelError(
      `${folder}: the built graph cannot be stored (${messageOf(error)})`,
      ['graphs of large models are kept on disk; choose a cache folder with enough space'],
      { cause: error },
    );
  }
  return path;
}

/** Bytes to leave free beside a built graph, since a full disk breaks more than this program. */
const SPARE_BYTES = 256 * 1024 * 1024;

/** @throws {ModelError} If a graph of that size would fill the disk; found out before it is written. */
async function requireSpace(folder: string, name: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes + SPARE_BYTES <= free) return;
  throw new ModelError(
    `${folder}: the built ${name} needs ${formatBytes(bytes)}, ${formatBytes(free)} are free there`,
    [
      'graphs of large models are kept on disk, so that they are built once',
      'make room, or point TMPDIR to a larger disk; --dtype fp16, int8 and int4 need less',
    ],
  );
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
