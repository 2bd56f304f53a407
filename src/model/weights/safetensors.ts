/**
 * @file Reads tensors from a safetensors file, one at a time, as Float32.
 *
 * Flow: checkpoint file -> **tensors by name** -> weights of a graph.
 * The header comes from a file that somebody downloaded, so sizes and offsets are checked before anything is allocated
 * or read.
 *
 * Source: the safetensors format (github.com/huggingface/safetensors): 8 bytes little-endian header
 * length, a JSON header with dtype, shape and offsets per tensor, then the data without gaps.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

import { z } from 'zod';

import { messageOf, ModelError } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { fromBfloat16, fromHalf } from '../../onnx/half.js';
import type { StoredBlocks, TensorReader, WeightSource } from '../../onnx/weights.js';

/**
 * Longest header accepted, in bytes. The reference implementation has the same limit: a header of
 * 100 MB describes about a million tensors, far beyond any model, and parsing more only costs memory.
 */
export const MAX_HEADER_BYTES = 100_000_000;

/** Most dimensions of a tensor; weights of language models have one or two. */
const MAX_RANK = 8;

/** Width in bytes of the element types this reader turns into Float32. */
const ELEMENT_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;
type ReadableDtype = keyof typeof ELEMENT_BYTES;

/** The types that safetensors and PyTorch files are read in. */
export const FLOAT_TYPES: readonly string[] = Object.keys(ELEMENT_BYTES);

/** Widths of all element types of the format, to check offsets of tensors nobody asks for. */
const ALL_ELEMENT_BYTES: Readonly<Record<string, number>> = {
  ...ELEMENT_BYTES,
  F64: 8,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
};

const size = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const tensorSchema = z.object({
  dtype: z.string(),
  shape: z.array(size).max(MAX_RANK),
  data_offsets: z.tuple([size, size]),
});

export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Range of bytes in the file. */
  readonly start: number;
  readonly end: number;
}

/** Tensors by name, from one file or several. */
export interface TensorStore {
  /** What messages call it. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Element types that {@link TensorStore.read} turns into Float32. */
  readonly readableTypes: readonly string[];
  /** Rows [from, to) of a tensor, counted along its first dimension. By default all rows. */
  read(name: string, from?: number, to?: number): Float32Array;
  /** The codes of a matrix; null or absent where the file has numbers only. */
  blocks?(name: string): StoredBlocks | null;
}

/** An open safetensors file. Close it when all tensors are read. */
export class SafetensorsFile implements TensorStore {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly readableTypes = FLOAT_TYPES;
  readonly #descriptor: number;
  #isOpen = true;

  private constructor(path: string, descriptor: number, tensors: ReadonlyMap<string, TensorInfo>) {
    this.path = path;
    this.tensors = tensors;
    this.#descriptor = descriptor;
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws {ModelError} If the file cannot be read, is truncated, or its header contradicts itself.
   */
  static open(path: string): SafetensorsFile {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'r');
    } catch (error) {
      throw new ModelError(
        `${path}: cannot be opened (${messageOf(error)})`,
        ['a model folder needs its weights in this file'],
        { cause: error },
      );
    }
    try {
      return new SafetensorsFile(
        path,
        descriptor,
        parseHeader(path, fstatSync(descriptor).size, (start, length) =>
          readRange(path, descriptor, start, length),
        ),
      );
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /**
   * The numbers of rows [from, to) of one tensor, row-major, as a new array.
   *
   * @throws {ModelError} If there is no such tensor, its type is not F32, F16 or BF16, or reading
   *   fails.
   * @throws {RangeError} If there are no such rows.
   */
  read(name: string, from = 0, to?: number): Float32Array {
    const info = this.tensors.get(name);
    if (info === undefined) throw new ModelError(`${this.path}: there is no tensor ${name}`);
    if (!isReadable(info.dtype)) {
      throw new ModelError(`${this.path}: tensor ${name} has type ${info.dtype}`, [
        unreadableHint(FLOAT_TYPES),
      ]);
    }
    const rows = info.shape[0] ?? 1;
    const end = to ?? rows;
    if (from < 0 || end > rows || from > end) {
      throw new RangeError(`tensor ${name} has rows 0 to ${rows}, not ${from} to ${end}`);
    }
    const rowBytes = rows === 0 ? 0 : (info.end - info.start) / rows;
    const bytes = readRange(
      this.path,
      this.#descriptor,
      info.start + from * rowBytes,
      (end - from) * rowBytes,
    );
    switch (info.dtype) {
      case 'F32':
        return new Float32Array(bytes.buffer);
      case 'F16':
        return fromHalf(new Uint16Array(bytes.buffer));
      case 'BF16':
        return fromBfloat16(new Uint16Array(bytes.buffer));
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#isOpen) closeSync(this.#descriptor);
    this.#isOpen = false;
  }
}

function unreadableHint(types: readonly string[]): string {
  return `only ${types.join(', ')} can be read; convert the checkpoint to one of them`;
}

function isReadable(dtype: string): dtype is ReadableDtype {
  return Object.hasOwn(ELEMENT_BYTES, dtype);
}

/**
 * The tensors that a header describes, checked against the size of the file.
 *
 * @param path What messages call the file.
 * @param read Bytes [start, start + length) of the file: of a local one, or fetched.
 * @throws {ModelError} If the header contradicts itself or the size.
 */
export function parseHeader(
  path: string,
  fileBytes: number,
  read: (start: number, length: number) => Uint8Array<ArrayBuffer>,
): Map<string, TensorInfo> {
  const fail = (problem: string): never => {
    throw new ModelError(`${path}: not a usable safetensors file: ${problem}`, [
      'the file may be truncated or may not be what its name says; fetch it again',
    ]);
  };
  if (fileBytes < 8) return fail(`it has ${fileBytes} bytes, fewer than the 8 of a header length`);
  const headerBytes = headerLength(read(0, 8));
  if (headerBytes > MAX_HEADER_BYTES) return fail(`its header claims ${headerBytes} bytes`);
  const dataStart = 8 + headerBytes;
  if (dataStart > fileBytes) {
    return fail(`its header claims ${headerBytes} bytes but the file has ${fileBytes}`);
  }

  let parsed: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(read(8, headerBytes));
    parsed = parseJson(text);
  } catch (error) {
    return fail(`its header is not JSON (${messageOf(error)})`);
  }
  const entries = z.record(z.string(), z.unknown()).safeParse(parsed);
  if (!entries.success) return fail('its header is not a JSON object');

  const tensors = new Map<string, TensorInfo>();
  for (const [name, value] of Object.entries(entries.data)) {
    if (name === '__metadata__') continue;
    const entry = tensorSchema.safeParse(value);
    if (!entry.success) return fail(`tensor ${name}: ${z.prettifyError(entry.error)}`);
    const { dtype, shape, data_offsets } = entry.data;
    const [begin, end] = data_offsets;
    const elementBytes = Object.hasOwn(ALL_ELEMENT_BYTES, dtype) ? ALL_ELEMENT_BYTES[dtype] : undefined;
    if (elementBytes === undefined) return fail(`tensor ${name} has the unknown type ${dtype}`);
    const needed = shape.reduce((product, dim) => product * dim, elementBytes);
    if (end - begin !== needed) {
      return fail(
        `tensor ${name}, ${dtype} [${shape.join(', ')}], needs ${needed} bytes but has ${end - begin}`,
      );
    }
    tensors.set(name, { dtype, shape, start: dataStart + begin, end: dataStart + end });
  }

  // The format allows neither overlaps nor gaps nor trailing bytes.
  let position = dataStart;
  for (const [name, { start, end }] of [...tensors].sort(
    ([, a], [, b]) => a.start - b.start || a.end - b.end,
  )) {
    if (start !== position) {
      const problem = start < position ? 'overlaps the tensor before it' : 'leaves a gap before it';
      return fail(`tensor ${name} ${problem} (starts at byte ${start}, expected ${position})`);
    }
    position = end;
  }
  if (position !== fileBytes) {
    return fail(`its tensors end at byte ${position} but the file has ${fileBytes} bytes`);
  }
  return tensors;
}

/** The length of a header out of the first 8 bytes of a file. */
export function headerLength(first: Uint8Array<ArrayBuffer>): number {
  return Number(new DataView(first.buffer).getBigUint64(0, true));
}

/** Bytes [start, start + length) in a buffer of their own. */
export function readRange(
  path: string,
  descriptor: number,
  start: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    // One call reads at most 2 GiB - 1 on some platforms.
    const count = readSync(descriptor, bytes, done, Math.min(length - done, 1 << 30), start + done);
    if (count === 0) throw new ModelError(`${path}: ends ${length - done} bytes too early`);
    done += count;
  }
  return bytes;
}

/**
 * The weights of one model out of a checkpoint.
 *
 * Missing tensors and wrong shapes are collected while a graph is described, so that
 * {@link CheckpointWeights.assertComplete} names all of them at once.
 */
export class CheckpointWeights implements WeightSource {
  readonly #file: TensorStore;
  readonly #nameOf: (name: string) => string;
  readonly #problems: string[] = [];
  readonly #asked = new Set<string>();

  /** @param naming A prefix of every name in the file, or the name in the file of any tensor. */
  constructor(file: TensorStore, naming: string | ((name: string) => string) = '') {
    this.#file = file;
    this.#nameOf = typeof naming === 'string' ? (name) => naming + name : naming;
  }

  tensor(name: string, shape: readonly number[]): TensorReader {
    const fullName = this.#nameOf(name);
    this.#asked.add(fullName);
    const info = this.#file.tensors.get(fullName);
    const expected = `[${shape.join(', ')}]`;
    if (info === undefined) {
      this.#problems.push(`${fullName} ${expected} is missing`);
    } else if (info.shape.join() !== shape.join()) {
      this.#problems.push(`${fullName} is [${info.shape.join(', ')}], expected ${expected}`);
    } else if (!this.#file.readableTypes.includes(info.dtype)) {
      this.#problems.push(`${fullName} has type ${info.dtype}; ${unreadableHint(this.#file.readableTypes)}`);
    }
    return (from, to) => this.#file.read(fullName, from, to);
  }

  blocks(name: string): StoredBlocks | null {
    return this.#file.blocks?.(this.#nameOf(name)) ?? null;
  }

  /** Names in the file of all tensors that were asked for. */
  get asked(): ReadonlySet<string> {
    return this.#asked;
  }

  /**
   * @param configuration The file that the expected shapes come from, for the message.
   * @throws {ModelError} If any tensor asked for so far is missing or has another shape or type.
   */
  assertComplete(configuration: string): void {
    const count = this.#problems.length;
    if (count === 0) return;
    const shown = this.#problems.slice(0, MAX_PROBLEMS_SHOWN);
    throw new ModelError(`${this.#file.path}: ${count} tensor${count === 1 ? '' : 's'} cannot be used`, [
      ...shown,
      ...(count > shown.length ? [`and ${count - shown.length} more`] : []),
      `the shapes follow from ${configuration}; weights and configuration must belong together`,
    ]);
  }
}

/** A checkpoint of another architecture lacks hundreds of tensors. A dozen are enough to show the pattern. */
const MAX_PROBLEMS_SHOWN = 12;

/**
 * The one of several prefixes under which a checkpoint holds a tensor; the first if none does.
 *
 * @param name A tensor that every checkpoint of the kind has.
 */
export function findPrefix(file: TensorStore, name: string, prefixes: readonly string[]): string {
  return prefixes.find((prefix) => file.tensors.has(prefix + name)) ?? prefixes[0] ?? '';
}
