/**
 * @file Tensors of a PyTorch checkpoint (`.pth`, `.pt`, `.bin`, `.ckpt`), one at a time, as Float32.
 *
 * Such a file is an uncompressed zip archive: `data.pkl` holds the structure, `data/<key>` the numbers,
 * `byteorder` their order. Nothing of it is run (`pickle.ts`), and numbers are read where they lie.
 *
 * Two shapes are understood. One is a bare state dict from names to tensors (LlavaCode's `*_projector.pth`,
 * transformers' `pytorch_model.bin`). The other is a training checkpoint with such a dict under `state_dict`
 * (Lightning's `.ckpt`), whose other contents are not read.
 *
 * Source: PyTorch `torch/serialization.py` and `caffe2/serialize`.
 */

import { closeSync, fstatSync, openSync } from 'node:fs';

import type { ZipRecord } from '../../archive/zip-records.js';
import { messageOf, ModelError } from '../../domain/errors.js';
import { fromBfloat16, fromHalf } from '../../onnx/half.js';
import { FLOAT_TYPES, readRange, type TensorInfo, type TensorStore } from './safetensors.js';
import { Opaque, PickleDict, StoredTensor, type PickleValue } from './pickle-values.js';
import { readPickle } from './pickle.js';

/** Bytes of one element. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** The structure of the largest checkpoints has a few megabytes, an optimizer's included. */
const MAX_STRUCTURE_BYTES = 256 * 1024 * 1024;
const MAX_RECORDS = 500_000;

/** Where a record's bytes lie in the file. */
interface Span {
  readonly start: number;
  readonly bytes: number;
}

/** Name endings of the files this reader is for. */
export function isTorchFile(path: string): boolean {
  return /\.(?:pth|pt|bin|ckpt)$/i.test(path);
}

/** An open checkpoint. Close it when all tensors are read. */
export class TorchFile implements TensorStore {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly readableTypes = FLOAT_TYPES;
  readonly #descriptor: number;
  readonly #views: ReadonlyMap<string, StoredTensor>;
  readonly #storages: ReadonlyMap<string, Span>;
  #isOpen = true;

  private constructor(
    path: string,
    descriptor: number,
    views: ReadonlyMap<string, StoredTensor>,
    storages: ReadonlyMap<string, Span>,
  ) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#views = views;
    this.#storages = storages;
    this.tensors = new Map(
      [...views].map(([name, { storage, start, shape }]) => {
        const width = ELEMENT_BYTES[storage.dtype]!;
        const from = storages.get(storage.key)!.start + start * width;
        return [name, { dtype: storage.dtype, shape, start: from, end: from + elements(shape) * width }];
      }),
    );
  }

  /**
   * Opens a file and reads its structure.
   *
   * @throws {ModelError} If the file cannot be read, is in PyTorch's format from before 2020, is damaged
   *   or hostile, or holds no state dict.
   */
  static async open(path: string): Promise<TorchFile> {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'r');
    } catch (error) {
      throw new ModelError(`${path}: cannot be opened (${messageOf(error)})`, [], { cause: error });
    }
    try {
      assertZip(path, descriptor);
      const archive = await Archive.open(path, descriptor);
      await assertLittleEndian(path, descriptor, archive);
      const structure = await archive.span('data.pkl');
      if (structure.bytes > MAX_STRUCTURE_BYTES) {
        throw new ModelError(`${path}: its structure has ${structure.bytes} bytes`, [
          `at most ${MAX_STRUCTURE_BYTES} are read; no checkpoint comes near that`,
        ]);
      }
      const value = readPickle(readRange(path, descriptor, structure.start, structure.bytes), path);
      const views = stateDict(path, value);
      const storages = new Map<string, Span>();
      for (const [name, view] of views) {
        const { key } = view.storage;
        const span = storages.get(key) ?? (await archive.span(`data/${key}`));
        storages.set(key, span);
        assertInside(path, name, view, span);
      }
      return new TorchFile(path, descriptor, views, storages);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /**
   * Rows [from, to) of a tensor along its first dimension, all by default, row-major, as a new array.
   *
   * @throws {ModelError} If there is no such tensor, its type is not F32, F16 or BF16, or reading fails.
   */
  read(name: string, from = 0, to?: number): Float32Array {
    const view = this.#views.get(name);
    if (view === undefined) throw new ModelError(`${this.path}: there is no tensor ${name}`);
    const { storage, strides } = view;
    const span = this.#storages.get(storage.key)!;
    const rows = view.shape[0] ?? 1;
    const shape = view.shape.length === 0 ? [] : [(to ?? rows) - from, ...view.shape.slice(1)];
    const start = view.start + from * (strides[0] ?? 0);
    // The part of the storage that holds all elements. It has no gaps if the tensor is contiguous.
    const length = elements(shape) === 0 ? 0 : reach(shape, strides) + 1;
    const width = ELEMENT_BYTES[storage.dtype]!;
    const bytes = readRange(this.path, this.#descriptor, span.start + start * width, length * width);
    const stretch = this.#toFloat(name, storage.dtype, bytes);
    return isContiguous(shape, strides) ? stretch : gather(stretch, shape, strides);
  }

  /** Idempotent. */
  close(): void {
    if (this.#isOpen) closeSync(this.#descriptor);
    this.#isOpen = false;
  }

  #toFloat(name: string, dtype: string, bytes: Uint8Array<ArrayBuffer>): Float32Array {
    switch (dtype) {
      case 'F32':
        return new Float32Array(bytes.buffer);
      case 'F16':
        return fromHalf(new Uint16Array(bytes.buffer));
      case 'BF16':
        return fromBfloat16(new Uint16Array(bytes.buffer));
      default:
        throw new ModelError(`${this.path}: tensor ${name} has type ${dtype}`, [
          'only F32, F16 and BF16 can be read; convert the checkpoint to one of them',
        ]);
    }
  }
}

/** The archive's records by name, below the folder that all of them share. */
class Archive {
  readonly #path: string;
  readonly #records: ReadonlyMap<string, ZipRecord>;

  private constructor(path: string, records: ReadonlyMap<string, ZipRecord>) {
    this.#path = path;
    this.#records = records;
  }

  static async open(path: string, descriptor: number): Promise<Archive> {
    const { zipRecords } = await import('../../archive/zip-records.js');
    try {
      const all = await zipRecords(descriptor, MAX_RECORDS);
      const structure = all.filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
      const folder = structure[0]?.name.slice(0, -'data.pkl'.length);
      if (folder === undefined || structure.length > 1) throw new Error('it holds no data.pkl');
      const inside = all.filter(({ name }) => name.startsWith(folder));
      const records = new Map(inside.map((record) => [record.name.slice(folder.length), record]));
      if (records.size < inside.length) throw new Error('two of its records have one name');
      return new Archive(path, records);
    } catch (error) {
      throw new ModelError(
        `${path}: not a usable PyTorch checkpoint: ${messageOf(error)}`,
        ['the file may be truncated, or may not be what its name says; fetch it again'],
        { cause: error },
      );
    }
  }

  has(name: string): boolean {
    return this.#records.has(name);
  }

  /** Where a record lies. PyTorch stores records as they are; a compressed one was made by something else. */
  async span(name: string): Promise<Span> {
    const record = this.#records.get(name);
    if (record === undefined) throw new ModelError(`${this.#path}: its record ${name} is missing`, [DAMAGED]);
    if (!record.isPlain) {
      throw new ModelError(`${this.#path}: its record ${name} is compressed or encrypted`, [
        'PyTorch writes neither; save the checkpoint again with torch.save',
      ]);
    }
    try {
      return { start: await record.start(), bytes: record.bytes };
    } catch (error) {
      throw new ModelError(`${this.#path}: its record ${name} is damaged: ${messageOf(error)}`, [DAMAGED], {
        cause: error,
      });
    }
  }
}

const DAMAGED = 'the file is truncated or damaged; fetch it again';

/** Says what a file is if it is no zip archive. */
function assertZip(path: string, descriptor: number): void {
  const bytes = Math.min(fstatSync(descriptor).size, 4);
  const start = Buffer.from(readRange(path, descriptor, 0, bytes)).toString('hex');
  if (start === '504b0304') return;
  // A pickle stream that begins with a long integer: the magic number of torch.save before 1.6.
  if (/^80028a0a/.test(start)) {
    throw new ModelError(`${path}: is in the format that PyTorch wrote before version 1.6`, [
      'save it again with a later version:',
      "python -c \"import torch; torch.save(torch.load('in', weights_only=True), 'out')\"",
    ]);
  }
  throw new ModelError(`${path}: is not a PyTorch checkpoint (it begins with ${start || 'nothing'})`, [
    'expected a file that torch.save has written, or a .safetensors file',
  ]);
}

async function assertLittleEndian(path: string, descriptor: number, archive: Archive): Promise<void> {
  if (!archive.has('byteorder')) return; // Not written before PyTorch 2.1; all common machines are little-endian.
  const { start, bytes } = await archive.span('byteorder');
  const order = Buffer.from(readRange(path, descriptor, start, Math.min(bytes, 16))).toString('latin1');
  if (order !== 'little') {
    throw new ModelError(`${path}: its numbers are in ${JSON.stringify(order)} byte order`, [
      'only little-endian checkpoints can be read; save it again on an x86 or ARM machine',
    ]);
  }
}

/** The named tensors of a checkpoint. */
function stateDict(path: string, value: PickleValue): Map<string, StoredTensor> {
  if (value instanceof Opaque) throw madeBy(path, 'the checkpoint itself', value);
  if (!(value instanceof PickleDict)) {
    throw new ModelError(`${path}: holds no state dict`, [
      'expected names with tensors, as torch.save(module.state_dict(), path) writes them',
    ]);
  }
  const nested = value.entries.get('state_dict');
  if (nested instanceof Opaque) throw madeBy(path, 'state_dict', nested);
  const dict = nested instanceof PickleDict ? nested : value;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of dict.entries) {
    // An entry that cannot be described is only an error where all entries should be tensors.
    if (entry instanceof Opaque) throw madeBy(path, typeof name === 'string' ? name : 'an entry', entry);
    if (typeof name === 'string' && entry instanceof StoredTensor) tensors.set(name, entry);
  }
  if (tensors.size === 0) {
    throw new ModelError(`${path}: its state dict holds no tensors`, [
      `it has the keys ${
        [...dict.entries.keys()]
          .filter((key) => typeof key === 'string')
          .slice(0, 8)
          .join(', ') || '(none)'
      }`,
    ]);
  }
  return tensors;
}

function madeBy(path: string, what: string, { name, offset }: Opaque): ModelError {
  return new ModelError(`${path}: ${what} is made by ${name} (byte ${offset}), which is not run here`, [
    'only plain tensors are read from PyTorch files, since anything else would have to be executed',
    'save the state dict alone: torch.save(module.state_dict(), path)',
  ]);
}

/** Checks that a view stays within its storage, and the storage within its record. */
function assertInside(
  path: string,
  name: string,
  { storage, start, shape, strides }: StoredTensor,
  span: Span,
): void {
  const width = ELEMENT_BYTES[storage.dtype]!;
  const size = elements(shape);
  const last = size === 0 ? start - 1 : start + reach(shape, strides);
  const isSound =
    storage.length * width === span.bytes &&
    Number.isSafeInteger(last) &&
    last < storage.length &&
    size <= storage.length;
  if (isSound) return;
  throw new ModelError(
    `${path}: tensor ${name} [${shape.join(', ')}] does not fit its ${span.bytes} bytes of numbers`,
    [DAMAGED],
  );
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Distance from the first element to the last, in elements. */
function reach(shape: readonly number[], strides: readonly number[]): number {
  return shape.reduce((sum, dim, axis) => sum + (dim - 1) * strides[axis]!, 0);
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** The elements of a strided view in row-major order. */
function gather(stretch: Float32Array, shape: readonly number[], strides: readonly number[]): Float32Array {
  const result = new Float32Array(elements(shape));
  const index = shape.map(() => 0);
  let from = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = stretch[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
