/**
 * @file Reads the header of a GGUF file: metadata, and where each tensor lies.
 *
 * Flow: bytes in pieces -> **metadata and tensors by name** -> configuration, tokenizer, weights.
 * The file comes from somebody else. Every count and length is checked against a limit and against the
 * bytes that are left before anything is allocated or read by it, and no piece is larger than it must be:
 * a file of any size costs the memory of its header.
 *
 * Source: the GGUF format, versions 2 and 3 (github.com/ggml-org/ggml, docs/gguf.md).
 */

import { messageOf, ModelError } from '../../domain/errors.js';
import type { TensorInfo } from '../weights/safetensors.js';
import { elementType } from './element-types.js';

/**
 * Longest header, in bytes. The largest published vocabularies (262,144 tokens and twice as many merges)
 * take some 20 MB; four times that leaves room, and more only costs memory.
 */
const MAX_HEADER_BYTES = 80_000_000;

/** Most entries of the metadata; published files have 20 to 60. */
const MAX_ENTRIES = 10_000;

/** Most tensors; published files have some 2,000, models of experts included. */
const MAX_TENSORS = 100_000;

/** Most elements of an array of the metadata; merges of the largest published vocabulary are 515,000. */
const MAX_ELEMENTS = 1 << 20;

/** Longest string, in bytes; chat templates, the longest in use, have some 10 kB. */
const MAX_STRING_BYTES = 10_000_000;

/** Longest key or name of a tensor, in bytes: the format's own limit for keys. */
const MAX_NAME_BYTES = 65_535;

/** Most dimensions of a tensor: ggml has four. */
const MAX_RANK = 4;

/** Largest alignment of tensors; 32 is usual, and larger ones serve pages of memory. */
const MAX_ALIGNMENT = 1 << 20;

const DEFAULT_ALIGNMENT = 32;

/** Bytes that are read at once. */
const PIECE_BYTES = 1 << 20;

/** What the metadata holds by a key. 64-bit integers beyond 2^53 are rounded: no key in use has any. */
export type MetadataValue = string | number | boolean | readonly string[] | readonly number[];

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  /** Shapes are row-major, the reverse of the file's order. Types are ggml's names. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** Bytes that the reader of a header asks for. */
interface Request {
  readonly start: number;
  readonly length: number;
}

/**
 * Reads a header from a file on this machine.
 *
 * @param path What messages call the file.
 * @param read Bytes [start, start + length) of the file.
 * @throws {ModelError} If the header contradicts itself, a limit, or the size of the file.
 */
export function readHeader(
  path: string,
  fileBytes: number,
  read: (start: number, length: number) => Uint8Array,
): GgufHeader {
  const steps = new HeaderReader(path, fileBytes).read();
  for (let step = steps.next(new Uint8Array(0)); ;) {
    if (step.done === true) return step.value;
    step = steps.next(read(step.value.start, step.value.length));
  }
}

/** As {@link readHeader}, from a file whose bytes have to be fetched. */
export async function fetchHeader(
  path: string,
  fileBytes: number,
  read: (start: number, length: number) => Promise<Uint8Array>,
): Promise<GgufHeader> {
  const steps = new HeaderReader(path, fileBytes).read();
  for (let step = steps.next(new Uint8Array(0)); ;) {
    if (step.done === true) return step.value;
    step = steps.next(await read(step.value.start, step.value.length));
  }
}

/** A tensor before the place of the data is known. */
interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

type Steps<T> = Generator<Request, T, Uint8Array>;

/** Types of metadata values, by the format's numbers. */
const VALUE = { bool: 7, string: 8, array: 9 } as const;

/** Bytes of the numeric types, and how each is read. */
const NUMBERS: Readonly<
  Record<number, { readonly bytes: number; readonly get: (view: DataView, at: number) => number }>
> = {
  0: { bytes: 1, get: (view, at) => view.getUint8(at) },
  1: { bytes: 1, get: (view, at) => view.getInt8(at) },
  2: { bytes: 2, get: (view, at) => view.getUint16(at, true) },
  3: { bytes: 2, get: (view, at) => view.getInt16(at, true) },
  4: { bytes: 4, get: (view, at) => view.getUint32(at, true) },
  5: { bytes: 4, get: (view, at) => view.getInt32(at, true) },
  6: { bytes: 4, get: (view, at) => view.getFloat32(at, true) },
  10: { bytes: 8, get: (view, at) => Number(view.getBigUint64(at, true)) },
  11: { bytes: 8, get: (view, at) => Number(view.getBigInt64(at, true)) },
  12: { bytes: 8, get: (view, at) => view.getFloat64(at, true) },
};

/** Asks for bytes where it has too few: so the same code reads files on disk and on the hub. */
class HeaderReader {
  readonly #path: string;
  readonly #fileBytes: number;
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #piece: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#piece.buffer);
  /** Where the piece begins in the file, and the reader stands in the piece. */
  #start = 0;
  #at = 0;

  constructor(path: string, fileBytes: number) {
    this.#path = path;
    this.#fileBytes = fileBytes;
  }

  *read(): Steps<GgufHeader> {
    yield* this.#version();
    const tensorCount = yield* this.#count('tensors', MAX_TENSORS);
    const entryCount = yield* this.#count('entries of metadata', MAX_ENTRIES);
    const metadata = new Map<string, MetadataValue>();
    for (let i = 0; i < entryCount; i++) {
      const key = yield* this.#string(MAX_NAME_BYTES);
      if (metadata.has(key)) this.#fail(`it has the key ${shown(key)} twice`);
      metadata.set(key, yield* this.#value(key));
    }
    const entries: Entry[] = [];
    for (let i = 0; i < tensorCount; i++) entries.push(yield* this.#tensor());
    const alignment = this.#alignment(metadata.get('general.alignment'));
    const dataStart = Math.ceil(this.#position / alignment) * alignment;
    return { metadata, tensors: this.#placed(entries, dataStart, alignment) };
  }

  get #position(): number {
    return this.#start + this.#at;
  }

  #fail(problem: string, at = this.#position): never {
    throw new ModelError(`${this.#path}: not a usable GGUF file: ${problem} (at byte ${at})`, [
      'the file may be truncated or may not be what its name says; fetch it again',
    ]);
  }

  /** Makes sure that so many bytes stand at the reader. */
  *#need(length: number): Steps<void> {
    if (this.#at + length <= this.#piece.length) return;
    const start = this.#position;
    const left = this.#fileBytes - start;
    if (length > left) this.#fail(`it ends ${length - left} bytes too early`);
    if (start + length > MAX_HEADER_BYTES) this.#fail(`its header is longer than ${MAX_HEADER_BYTES} bytes`);
    const wanted = Math.min(left, Math.max(length, PIECE_BYTES));
    const piece = yield { start, length: wanted };
    if (piece.length < length) this.#fail(`only ${piece.length} of ${wanted} bytes could be read`);
    this.#piece = piece;
    this.#view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    this.#start = start;
    this.#at = 0;
  }

  *#number(type: number): Steps<number> {
    const { bytes, get } = NUMBERS[type]!;
    yield* this.#need(bytes);
    const value = get(this.#view, this.#at);
    this.#at += bytes;
    return value;
  }

  #uint32(): Steps<number> {
    return this.#number(4);
  }

  #uint64(): Steps<number> {
    return this.#number(10);
  }

  *#count(what: string, limit: number): Steps<number> {
    const at = this.#position;
    const count = yield* this.#uint64();
    if (count > limit) this.#fail(`it claims ${count} ${what}; this version reads up to ${limit}`, at);
    return count;
  }

  *#string(limit = MAX_STRING_BYTES): Steps<string> {
    const at = this.#position;
    const length = yield* this.#count('bytes of a string', limit);
    yield* this.#need(length);
    const bytes = this.#piece.subarray(this.#at, this.#at + length);
    this.#at += length;
    try {
      return this.#text.decode(bytes);
    } catch (error) {
      return this.#fail(`a string is not UTF-8 (${messageOf(error)})`, at);
    }
  }

  *#version(): Steps<void> {
    yield* this.#need(4);
    const magic = String.fromCharCode(...this.#piece.subarray(this.#at, this.#at + 4));
    if (magic !== 'GGUF') this.#fail(`it begins with ${shown(magic)}, not with "GGUF"`);
    this.#at += 4;
    const version = yield* this.#uint32();
    if (version === 2 || version === 3) return;
    // A big-endian file has its version in the upper bytes.
    if ((version & 0xffff) === 0 && version !== 0) this.#fail('its numbers are big-endian', 4);
    this.#fail(`it has version ${version}; this version reads 2 and 3`, 4);
  }

  *#boolean(): Steps<boolean> {
    const at = this.#position;
    const byte = yield* this.#number(0);
    if (byte > 1) this.#fail(`a truth value is ${byte}`, at);
    return byte === 1;
  }

  *#value(key: string): Steps<MetadataValue> {
    const at = this.#position;
    const type = yield* this.#uint32();
    if (type === VALUE.string) return yield* this.#string();
    if (type === VALUE.bool) return yield* this.#boolean();
    if (type === VALUE.array) return yield* this.#array(key);
    if (Object.hasOwn(NUMBERS, type)) return yield* this.#number(type);
    return this.#fail(`${shown(key)} has a value of the unknown type ${type}`, at);
  }

  *#array(key: string): Steps<readonly string[] | readonly number[]> {
    const at = this.#position;
    const type = yield* this.#uint32();
    const count = yield* this.#count(`elements of ${shown(key)}`, MAX_ELEMENTS);
    if (type === VALUE.string) {
      // A string takes eight bytes at least.
      this.#requireLeft(8 * count, at);
      const strings: string[] = [];
      for (let i = 0; i < count; i++) strings.push(yield* this.#string());
      return strings;
    }
    const isBoolean = type === VALUE.bool;
    if (!isBoolean && !Object.hasOwn(NUMBERS, type)) {
      // ggml reads no arrays of arrays either.
      this.#fail(`${shown(key)} is an array of the type ${type}`, at);
    }
    this.#requireLeft(count * (isBoolean ? 1 : NUMBERS[type]!.bytes), at);
    const numbers: number[] = [];
    for (let i = 0; i < count; i++) {
      numbers.push(isBoolean ? Number(yield* this.#boolean()) : yield* this.#number(type));
    }
    return numbers;
  }

  #requireLeft(bytes: number, at: number): void {
    const left = this.#fileBytes - this.#position;
    if (bytes > left) this.#fail(`an array needs ${bytes} bytes but ${left} are left`, at);
  }

  *#tensor(): Steps<Entry> {
    const at = this.#position;
    const name = yield* this.#string(MAX_NAME_BYTES);
    const rank = yield* this.#uint32();
    if (rank > MAX_RANK) this.#fail(`tensor ${shown(name)} has ${rank} dimensions`, at);
    const dims: number[] = [];
    for (let i = 0; i < rank; i++) dims.push(yield* this.#uint64());
    const id = yield* this.#uint32();
    const offset = yield* this.#uint64();
    const type = elementType(id);
    if (type === undefined) this.#fail(`tensor ${shown(name)} has the unknown type ${id}`, at);
    const numbers = dims.reduce((product, dim) => product * dim, 1);
    if (numbers === 0 || !Number.isSafeInteger(numbers * type.bytes)) {
      this.#fail(`tensor ${shown(name)} has the shape [${dims.join(', ')}]`, at);
    }
    if ((dims[0] ?? 1) % type.numbers !== 0) {
      this.#fail(
        `tensor ${shown(name)} has rows of ${dims[0]} numbers; ${type.name} has ${type.numbers} a block`,
        at,
      );
    }
    const bytes = (numbers / type.numbers) * type.bytes;
    return { name, dtype: type.name, shape: dims.reverse(), offset, bytes };
  }

  #alignment(value: MetadataValue | undefined): number {
    if (value === undefined) return DEFAULT_ALIGNMENT;
    const isPower = typeof value === 'number' && value >= 1 && Number.isInteger(Math.log2(value));
    if (!isPower || value > MAX_ALIGNMENT) this.#fail(`general.alignment is ${String(value).slice(0, 40)}`);
    return value;
  }

  /** Where the tensors lie in the file; they may leave gaps, but share no bytes. */
  #placed(entries: readonly Entry[], dataStart: number, alignment: number): Map<string, TensorInfo> {
    const tensors = new Map<string, TensorInfo>();
    for (const { name, dtype, shape, offset, bytes } of entries) {
      const [start, end] = [dataStart + offset, dataStart + offset + bytes];
      if (tensors.has(name)) this.#fail(`it has the tensor ${shown(name)} twice`);
      if (offset % alignment !== 0)
        this.#fail(`tensor ${shown(name)} is not aligned to ${alignment} bytes`, start);
      if (end > this.#fileBytes) {
        this.#fail(
          `tensor ${shown(name)} ends at byte ${end} but the file has ${this.#fileBytes} bytes`,
          start,
        );
      }
      tensors.set(name, { dtype, shape, start, end });
    }
    let position = 0;
    for (const [name, { start, end }] of [...tensors].sort(([, a], [, b]) => a.start - b.start)) {
      if (start < position) this.#fail(`tensor ${shown(name)} overlaps the tensor before it`, start);
      position = end;
    }
    return tensors;
  }
}

/** A name of the file for a message, cut: it may be anything. */
function shown(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
