/**
 * @file The weights of a model folder: one safetensors file, or several with an index.
 *
 * Flow: folder -> **tensors by name, whichever file holds them** -> weights of a graph.
 *
 * Source: the index that Hugging Face transformers writes beside sharded checkpoints,
 * `model.safetensors.index.json`, with a `weight_map` from tensor to file.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { messageOf, ModelError } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { readForeignTextSync } from '../../files/foreign-text-file.js';
import { isTorchFile, TorchFile } from './torch-file.js';
import { FLOAT_TYPES, SafetensorsFile, type TensorInfo, type TensorStore } from './safetensors.js';

/** Names of the two layouts. As in transformers, the single file wins if both are there. */
export const SINGLE_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** PyTorch's own format, where a folder has nothing else. */
export const TORCH_FILE = 'pytorch_model.bin';

/** An open file of tensors. */
export type OpenTensors = TensorStore & { close(): void };

/** Opens a file of tensors by the ending of its name: PyTorch's or safetensors. */
export async function openTensors(path: string): Promise<OpenTensors> {
  return isTorchFile(path) ? TorchFile.open(path) : SafetensorsFile.open(path);
}

/** The open weights of a folder. Close them when all tensors are read. */
export class Checkpoint implements TensorStore {
  /** The file that messages name: the weights, or their index. */
  readonly path: string;
  /** Every file that decides the weights, for their identity. */
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly readableTypes = FLOAT_TYPES;
  readonly #owners: ReadonlyMap<string, OpenTensors>;
  readonly #open: readonly OpenTensors[];

  private constructor(
    path: string,
    index: readonly string[],
    open: readonly OpenTensors[],
    owners: ReadonlyMap<string, OpenTensors>,
  ) {
    this.path = path;
    this.files = [...index, ...open.map((file) => file.path)];
    this.#open = open;
    this.#owners = owners;
    this.tensors = new Map([...owners].map(([name, file]) => [name, file.tensors.get(name)!]));
  }

  /**
   * As {@link Checkpoint.open}, and also a folder that holds its weights in PyTorch's own format.
   */
  static async openFolder(dir: string): Promise<Checkpoint> {
    const torch = join(dir, TORCH_FILE);
    const hasSafetensors = [SINGLE_FILE, INDEX_FILE].some((name) => existsSync(join(dir, name)));
    return hasSafetensors || !existsSync(torch)
      ? Checkpoint.open(dir)
      : Checkpoint.#of(await openTensors(torch));
  }

  static #of(file: OpenTensors): Checkpoint {
    const owners = new Map([...file.tensors.keys()].map((name) => [name, file]));
    return new Checkpoint(file.path, [], [file], owners);
  }

  /**
   * Opens the weights of a folder and checks their headers.
   *
   * @throws {ModelError} If there are none, a file is missing or damaged, or the index and the files
   *   contradict each other.
   */
  static open(dir: string): Checkpoint {
    const single = join(dir, SINGLE_FILE);
    const index = join(dir, INDEX_FILE);
    if (existsSync(single) || !existsSync(index)) {
      return Checkpoint.#of(SafetensorsFile.open(single));
    }
    const open = new Map<string, SafetensorsFile>();
    try {
      const owners = new Map<string, SafetensorsFile>();
      for (const [tensor, name] of Object.entries(readIndex(index))) {
        const file = open.get(name) ?? SafetensorsFile.open(join(dir, name));
        open.set(name, file);
        if (!file.tensors.has(tensor)) {
          throw new ModelError(`${index}: tensor ${tensor} is not in ${name}`, [
            'the index and the files belong to different checkpoints; fetch them again',
          ]);
        }
        owners.set(tensor, file);
      }
      return new Checkpoint(index, [index], [...open.values()], owners);
    } catch (error) {
      for (const file of open.values()) file.close();
      throw error;
    }
  }

  /** @throws {ModelError} As {@link SafetensorsFile.read}. */
  read(name: string, from?: number, to?: number): Float32Array {
    const owner = this.#owners.get(name);
    if (owner === undefined) throw new ModelError(`${this.path}: there is no tensor ${name}`);
    return owner.read(name, from, to);
  }

  /** Idempotent. */
  close(): void {
    for (const file of this.#open) file.close();
  }
}

/** File names by tensor; every file lies in the folder of the index. */
function readIndex(path: string): Readonly<Record<string, string>> {
  let parsed: unknown;
  try {
    parsed = parseJson(readForeignTextSync(path));
  } catch (error) {
    throw new ModelError(`${path}: cannot be read (${messageOf(error)})`, [], { cause: error });
  }
  const index = indexSchema.safeParse(parsed);
  if (!index.success) {
    throw new ModelError(
      `${path}: not an index of sharded weights`,
      z.prettifyError(index.error).split('\n'),
    );
  }
  const outside = Object.values(index.data.weight_map).find((name) => !/^[\w.-]+\.safetensors$/.test(name));
  if (outside !== undefined) {
    throw new ModelError(`${path}: names the file ${JSON.stringify(outside)}`, [
      'weights lie beside their index, in files that end in .safetensors',
    ]);
  }
  return index.data.weight_map;
}
