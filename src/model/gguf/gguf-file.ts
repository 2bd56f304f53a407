/**
 * @file The tensors of a GGUF file, or of the parts of a split one, read a few rows at a time.
 *
 * Flow: file -> header -> **rows as Float32** -> weights of a graph.
 *
 * Source: the GGUF format; split files as `gguf-split` of llama.cpp writes them.
 */

import { closeSync, fstatSync, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { messageOf, ModelError } from '../../domain/errors.js';
import { readRange, type TensorInfo, type TensorStore } from '../weights/safetensors.js';
import type { StoredBlocks } from '../../onnx/weights.js';
import { codeBits, codesOf, dequantize, isCodedType, scalesOf } from './dequantize.js';
import { isReadableType, READABLE_LAYOUTS, READABLE_TYPES } from './element-types.js';
import { readHeader, type GgufHeader, type MetadataValue } from './header.js';
import { splitFiles } from './split-names.js';

/** One open file. */
class GgufPart {
  readonly path: string;
  readonly header: GgufHeader;
  readonly #descriptor: number;

  private constructor(path: string, descriptor: number, header: GgufHeader) {
    this.path = path;
    this.#descriptor = descriptor;
    this.header = header;
  }

  static open(path: string): GgufPart {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'r');
    } catch (error) {
      throw new ModelError(`${path}: cannot be opened (${messageOf(error)})`, [], { cause: error });
    }
    try {
      const header = readHeader(path, fstatSync(descriptor).size, (start, length) =>
        readRange(path, descriptor, start, length),
      );
      return new GgufPart(path, descriptor, header);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  bytes(start: number, length: number): Uint8Array<ArrayBuffer> {
    return readRange(this.path, this.#descriptor, start, length);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** An open model. Close it when all tensors are read. */
export class GgufFile implements TensorStore {
  /** The file that holds the metadata: the only one, or the first part. */
  readonly path: string;
  /** Every file that decides the weights, in order, for their identity. */
  readonly files: readonly string[];
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly readableTypes = READABLE_TYPES;
  readonly #owners: ReadonlyMap<string, GgufPart>;
  readonly #parts: readonly GgufPart[];
  #isOpen = true;

  private constructor(parts: readonly GgufPart[], owners: ReadonlyMap<string, GgufPart>) {
    const [first] = parts;
    if (first === undefined) throw new RangeError('a GGUF file has at least one part');
    this.path = first.path;
    this.files = parts.map(({ path }) => path);
    this.metadata = first.header.metadata;
    this.tensors = new Map([...owners].map(([name, part]) => [name, part.header.tensors.get(name)!]));
    this.#owners = owners;
    this.#parts = parts;
  }

  /**
   * Opens a file and checks its header; of a split file, any part stands for all of them.
   *
   * @throws {ModelError} If a file cannot be read or its header is not usable, or if the parts do not
   *   belong together.
   */
  static open(path: string): GgufFile {
    const parts: GgufPart[] = [];
    try {
      for (const name of splitFiles(basename(path))) parts.push(GgufPart.open(join(dirname(path), name)));
      return new GgufFile(parts, ownersOf(parts));
    } catch (error) {
      for (const part of parts) part.close();
      throw error;
    }
  }

  /**
   * The numbers of rows [from, to) of one tensor, row-major, as a new array.
   *
   * @throws {ModelError} If there is no such tensor, its type cannot be read, or reading fails.
   * @throws {RangeError} If there are no such rows.
   */
  read(name: string, from = 0, to?: number): Float32Array {
    const info = this.tensors.get(name);
    const part = this.#owners.get(name);
    if (info === undefined || part === undefined) {
      throw new ModelError(`${this.path}: there is no tensor ${name}`);
    }
    const { dtype, shape, start } = info;
    if (!isReadableType(dtype)) {
      throw new ModelError(`${part.path}: tensor ${name} has type ${dtype}`, [
        `these types can be read: ${READABLE_TYPES.join(', ')}`,
      ]);
    }
    const rows = shape[0] ?? 1;
    const end = to ?? rows;
    if (from < 0 || end > rows || from > end) {
      throw new RangeError(`tensor ${name} has rows 0 to ${rows}, not ${from} to ${end}`);
    }
    const rowNumbers = shape.slice(1).reduce((product, dim) => product * dim, 1);
    const { numbers, bytes } = READABLE_LAYOUTS[dtype];
    // Rows are whole blocks, unless each number is a row.
    const [first, last] = [
      Math.floor((from * rowNumbers) / numbers),
      Math.ceil((end * rowNumbers) / numbers),
    ];
    const read = dequantize(dtype, part.bytes(start + first * bytes, (last - first) * bytes));
    const skipped = from * rowNumbers - first * numbers;
    const wanted = (end - from) * rowNumbers;
    return read.length === wanted ? read : read.slice(skipped, skipped + wanted);
  }

  /** The codes of a matrix, where its type has 32 of them and a scale in a block, and nothing else. */
  blocks(name: string): StoredBlocks | null {
    const info = this.tensors.get(name);
    const part = this.#owners.get(name);
    if (info === undefined || part === undefined || info.shape.length !== 2) return null;
    const { dtype, shape, start } = info;
    if (!isCodedType(dtype)) return null;
    const { numbers, bytes } = READABLE_LAYOUTS[dtype];
    const rowBytes = (shape[1]! / numbers) * bytes;
    const rows = (from: number, to: number): Uint8Array =>
      part.bytes(start + from * rowBytes, (to - from) * rowBytes);
    return {
      bits: codeBits(dtype),
      blockSize: numbers,
      codes: (from, to) => codesOf(dtype, rows(from, to)),
      scales: (from, to) => scalesOf(dtype, rows(from, to)),
    };
  }

  /** Idempotent. */
  close(): void {
    if (this.#isOpen) for (const part of this.#parts) part.close();
    this.#isOpen = false;
  }
}

/** Which part holds each tensor. @throws {ModelError} If the parts do not belong together. */
function ownersOf(parts: readonly GgufPart[]): Map<string, GgufPart> {
  const owners = new Map<string, GgufPart>();
  for (const [index, part] of parts.entries()) {
    const { metadata, tensors } = part.header;
    // A file that is not split says 0 of 0 or 0 of 1, or nothing.
    const [number, count] = [metadata.get('split.no') ?? 0, metadata.get('split.count') ?? 0];
    const isCounted = parts.length === 1 ? count === 0 || count === 1 : count === parts.length;
    if (number !== index || !isCounted) {
      throw new ModelError(
        `${part.path}: says that it is part ${Number(number) + 1} of ${String(count)}, ` +
          `but its name says part ${index + 1} of ${parts.length}`,
        ['keep the names that the parts of a split file were published under'],
      );
    }
    for (const name of tensors.keys()) {
      const other = owners.get(name);
      if (other !== undefined) {
        throw new ModelError(`${part.path}: holds tensor ${name}, and so does ${other.path}`, [
          'the parts belong to different models; fetch them again',
        ]);
      }
      owners.set(name, part);
    }
  }
  const total = parts[0]?.header.metadata.get('split.tensors.count');
  if (parts.length > 1 && total !== undefined && total !== owners.size) {
    throw new ModelError(
      `${parts[0]!.path}: its ${parts.length} parts hold ${owners.size} tensors, not ${String(total)}`,
      ['the parts belong to different models, or one is incomplete; fetch them again'],
    );
  }
  return owners;
}
