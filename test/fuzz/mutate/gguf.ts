/**
 * @file A mutator of GGUF files: the header is taken apart into keys, values and tensors, one of them is bent, and the
 * header is put together again with the data at its place. So a bent entry is read and not only refused with the file.
 *
 * Source: the GGUF format, version 3 (github.com/ggml-org/ggml, docs/gguf.md).
 */

import type { Rng } from '../../../src/tensor/rng.js';
import { pick, type Mutator } from '../target.js';
import { bendBytes, bendHead } from './bytes.js';

/** Types of values, by the format's numbers. */
const STRING = 8;
const ARRAY = 9;
/** Bytes of the other types. */
const WIDTHS: Readonly<Record<number, number>> = {
  ...{ 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 },
};

/** An array, taken apart where it holds strings. */
interface List {
  readonly type: number;
  readonly items: Buffer[];
}

interface Entry {
  readonly key: Buffer;
  readonly type: number;
  /** The bytes of a number or of a text, without its length, or a list. */
  readonly value: Buffer | List;
}

interface Tensor {
  readonly name: Buffer;
  readonly dims: readonly bigint[];
  readonly type: number;
  readonly offset: bigint;
}

interface Parts {
  readonly entries: Entry[];
  readonly tensors: Tensor[];
  readonly data: Buffer;
}

const DEFAULT_ALIGNMENT = 32;

/** Takes a sound file apart. @throws {RangeError} If it is none. */
export function takeApart(file: Buffer): Parts {
  let at = 8;
  const uint32 = (): number => file.readUInt32LE((at += 4) - 4);
  const uint64 = (): bigint => file.readBigUInt64LE((at += 8) - 8);
  const bytes = (length: number): Buffer => {
    if (at + length > file.length) throw new RangeError('the file ends early');
    return file.subarray(at, (at += length));
  };
  const text = (): Buffer => bytes(Number(uint64()));
  const item = (type: number): Buffer => (type === STRING ? text() : bytes(WIDTHS[type]!));
  const tensorCount = Number(uint64());
  const entryCount = Number(uint64());
  const entries = Array.from({ length: entryCount }, (): Entry => {
    const key = text();
    const type = uint32();
    if (type !== ARRAY) return { key, type, value: item(type) };
    const inner = uint32();
    const count = Number(uint64());
    return { key, type, value: { type: inner, items: Array.from({ length: count }, () => item(inner)) } };
  });
  const tensors = Array.from({ length: tensorCount }, (): Tensor => {
    const name = text();
    const dims = Array.from({ length: uint32() }, uint64);
    return { name, dims, type: uint32(), offset: uint64() };
  });
  return { entries, tensors, data: file.subarray(aligned(at)) };
}

const aligned = (position: number): number => Math.ceil(position / DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT;

/** Numbers that a file claims instead of those that are true. */
interface Claims {
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly entryCount?: bigint;
  /** Of the array at this place among the entries. */
  readonly length?: { readonly at: number; readonly count: bigint };
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const uint64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
};
const text = (bytes: Buffer): Buffer[] => [uint64(BigInt(bytes.length)), bytes];

/** The file of the parts: that of a sound file is the file itself. */
export function putTogether({ entries, tensors, data }: Parts, claims: Claims = {}): Buffer {
  const pieces = [
    Buffer.from('GGUF'),
    uint32(claims.version ?? 3),
    uint64(claims.tensorCount ?? BigInt(tensors.length)),
    uint64(claims.entryCount ?? BigInt(entries.length)),
  ];
  for (const [at, { key, type, value }] of entries.entries()) {
    pieces.push(...text(key), uint32(type));
    if (Buffer.isBuffer(value)) {
      pieces.push(...(type === STRING ? text(value) : [value]));
      continue;
    }
    const count = claims.length?.at === at ? claims.length.count : BigInt(value.items.length);
    pieces.push(uint32(value.type), uint64(count));
    for (const one of value.items) pieces.push(...(value.type === STRING ? text(one) : [one]));
  }
  for (const { name, dims, type, offset } of tensors) {
    pieces.push(...text(name), uint32(dims.length), ...dims.map(uint64), uint32(type), uint64(offset));
  }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return Buffer.concat([...pieces, Buffer.alloc(aligned(length) - length), data]);
}

/** Counts and sizes at the ends of their types, and just above limits. */
const COUNTS = [
  0n,
  1n,
  2n,
  33n,
  4096n,
  10_001n,
  100_001n,
  0x10_0001n,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x1f_ffff_ffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];

/** Texts for names, tokens, merges and kinds. */
const TEXTS: readonly Buffer[] = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'general.architecture',
  'general.alignment',
  'tokenizer.ggml.tokens',
  'qwen2.block_count',
  'llama.rope.scaling.type',
  'split.count',
  'token_embd.weight',
  'output.weight',
  'rope_freqs.weight',
  'blk.0.attn_q.bias',
  'blk.99999999.attn_q.weight',
  'qwen2',
  'llama',
  'gpt2',
  'llama-bpe',
  'a b',
  'a  b',
  '\u2581',
  '<0x0A>',
  '<0xZZ>',
  '\u001b[31mred',
  '\u202egpj',
  '../../outside',
  '\0',
  'x'.repeat(300),
  'x'.repeat(70_000),
  '\u2581a'.repeat(4000),
]
  .map((word) => Buffer.from(word))
  .concat(Buffer.from([0xff, 0xfe]), Buffer.from([0xed, 0xa0, 0x80]));

/** A number of a type, at one of its ends or no number at all. */
function numberOf(type: number, rng: Rng): Buffer {
  const bytes = Buffer.alloc(WIDTHS[type] ?? 8);
  if (type === 6) bytes.writeFloatLE(pick([0, -0, 1e-45, 3e38, NaN, Infinity, -1, 0.5], rng));
  else if (type === 12) bytes.writeDoubleLE(pick([0, 5e-324, 1e308, NaN, -Infinity, -1, 0.5], rng));
  else uint64(pick(COUNTS, rng)).copy(bytes, 0, 0, bytes.length);
  return bytes;
}

const itemOf = (type: number, rng: Rng): Buffer => (type === STRING ? pick(TEXTS, rng) : numberOf(type, rng));

function bendList({ type, items }: List, rng: Rng): List {
  const at = rng.int(items.length + 1);
  const bent = [...items];
  switch (rng.int(7)) {
    case 0:
      bent.splice(at, 1);
      break;
    case 1:
      bent.splice(at, 0, itemOf(type, rng));
      break;
    case 2:
      bent.splice(at, 0, ...Array<Buffer>(pick([1, 1000, 30_000], rng)).fill(items[at] ?? itemOf(type, rng)));
      break;
    case 3:
      return { type: pick([...Object.keys(WIDTHS).map(Number), STRING, ARRAY, 13, 0xffff_ffff], rng), items };
    case 4:
      return { type, items: [] };
    case 5:
      // Two items change places: tokens and their merges then contradict each other.
      if (items.length > 1) {
        const other = rng.int(items.length);
        [bent[other], bent[at % items.length]] = [items[at % items.length]!, items[other]!];
      }
      break;
    default:
      bent[Math.min(at, Math.max(0, items.length - 1))] = itemOf(type, rng);
  }
  return { type, items: bent };
}

function bendEntry(entry: Entry, donor: Entry, rng: Rng): Entry {
  const { key, type, value } = entry;
  switch (rng.int(7)) {
    case 0:
      return { key: pick(TEXTS, rng), type, value };
    case 1:
      return { key, type: donor.type, value: donor.value };
    case 2:
      // The bytes of one type under the number of another.
      return { key, type: rng.int(15), value };
    case 3:
      return { key, type: STRING, value: pick(TEXTS, rng) };
    case 4: {
      const other = pick([4, 5, 6, 7, 10, 11, 12], rng);
      return { key, type: other, value: numberOf(other, rng) };
    }
    default:
      if (!Buffer.isBuffer(value)) return { key, type, value: bendList(value, rng) };
      return { key, type, value: itemOf(type, rng) };
  }
}

function bendTensor(tensor: Tensor, donor: Tensor, rng: Rng): Tensor {
  switch (rng.int(7)) {
    case 0:
      return { ...tensor, name: rng.int(2) === 0 ? donor.name : pick(TEXTS, rng) };
    case 1: {
      const dims = [...tensor.dims];
      dims[rng.int(dims.length + 1)] = pick(COUNTS, rng);
      return { ...tensor, dims };
    }
    case 2:
      return { ...tensor, dims: [...tensor.dims].reverse() };
    case 3:
      return {
        ...tensor,
        dims: Array<bigint>(pick([0, 1, 4, 5, 1000], rng)).fill(pick([1n, 2n, 65_536n], rng)),
      };
    case 4:
      return { ...tensor, type: pick([rng.int(45), 0xffff_ffff], rng) };
    case 5:
      return {
        ...tensor,
        offset: pick([...COUNTS, donor.offset, tensor.offset + 1n, tensor.offset + 32n], rng),
      };
    default:
      return { ...tensor, dims: donor.dims, type: donor.type };
  }
}

/** Numbers that are not what the file holds. */
function claimsOf({ entries }: Parts, rng: Rng): Claims {
  switch (rng.int(4)) {
    case 0:
      return { version: pick([0, 1, 2, 4, 0x0300_0000, 0xffff_ffff], rng) };
    case 1:
      return { tensorCount: pick(COUNTS, rng) };
    case 2:
      return { entryCount: pick(COUNTS, rng) };
    default:
      return { length: { at: rng.int(entries.length + 1), count: pick(COUNTS, rng) } };
  }
}

function bendParts(parts: Parts, donor: Parts, rng: Rng): Parts {
  const [entries, tensors] = [[...parts.entries], [...parts.tensors]];
  const [entry, tensor] = [rng.int(entries.length), rng.int(tensors.length)];
  switch (rng.int(8)) {
    case 0:
      entries.splice(entry, 1);
      break;
    case 1:
      entries.splice(entry, 0, pick(rng.int(2) === 0 ? parts.entries : donor.entries, rng));
      break;
    case 2:
    case 3:
    case 4:
      entries[entry] = bendEntry(entries[entry]!, pick(donor.entries, rng), rng);
      break;
    case 5:
      if (rng.int(2) === 0) tensors.splice(tensor, 1);
      else tensors.splice(tensor, 0, pick(rng.int(2) === 0 ? parts.tensors : donor.tensors, rng));
      break;
    default:
      tensors[tensor] = bendTensor(tensors[tensor]!, pick(donor.tensors, rng), rng);
  }
  return { entries, tensors, data: parts.data };
}

/** Published headers are of megabytes; those of the seeds end within this. */
const HEAD_BYTES = 6000;
const bendStart = bendHead(HEAD_BYTES);

/** Bends one to three entries, values or tensors; sometimes a count, the data, or the bytes of the header. */
export const bendGguf: Mutator = (seed, other, rng) => {
  if (rng.int(6) === 0) return bendStart(seed, other, rng);
  const sound = takeApart(seed);
  const found = takeApart(other);
  // A file of a tokenizer alone has no tensors to give.
  const donor = found.tensors.length > 0 ? found : sound;
  let parts = sound;
  for (let left = 1 + rng.int(3); left > 0 && parts.entries.length > 0 && parts.tensors.length > 0; left--) {
    parts = bendParts(parts, donor, rng);
  }
  if (rng.int(8) === 0) parts = { ...parts, data: bendBytes(parts.data, donor.data, rng) };
  return putTogether(parts, rng.int(6) === 0 ? claimsOf(parts, rng) : {});
};
