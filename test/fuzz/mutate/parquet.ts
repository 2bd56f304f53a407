/**
 * @file A mutator of Parquet: the description at the end of a file, or the head of a page, is taken apart, bent and
 * written anew with its right length. So a bent field is read and not only refused with the file.
 *
 * Source: Apache Parquet, `parquet.thrift`.
 */

import type { Rng } from '../../../src/tensor/rng.js';
import { pick, type Mutator } from '../target.js';
import { bendBytes } from './bytes.js';
import { fieldOf, readStruct, THRIFT, writeStruct, type Struct, type Value } from './thrift.js';

const MAGIC = 'PAR1';
/** The length of the description, then the magic. */
const TAIL_BYTES = 8;

const NUMBERS = [
  ...[0n, 1n, 2n, 3n, 5n, 7n, -1n, -8n, 100n, 4096n, 10_000_000n, 0x7fff_ffffn, -0x8000_0000n, 0xffff_ffffn],
  ...[0x1f_ffff_ffff_ffffn, 0x20_0000_0000_0001n, 0x7fff_ffff_ffff_ffffn, -0x8000_0000_0000_0000n],
];

const TEXTS = [
  '',
  'list',
  'element',
  '__proto__',
  'constructor',
  'context',
  'a.b',
  '\u001b[31m',
  'x'.repeat(70_000),
].map((text) => Buffer.from(text));

/** All structures and lists of a description, the outermost first. */
function holdersOf(root: Struct): (Struct | Extract<Value, { type: 'list' }>)[] {
  const found: (Struct | Extract<Value, { type: 'list' }>)[] = [];
  const open: Value[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (value.type === 'struct') {
      found.push(value);
      open.push(...value.fields.map((field) => field.value));
    } else if (value.type === 'list') {
      found.push(value);
      open.push(...value.items);
    }
  }
  return found;
}

function bendValue(value: Value, rng: Rng): Value {
  switch (value.type) {
    case 'flag':
      return { type: 'flag', code: value.code === THRIFT.true ? THRIFT.false : THRIFT.true };
    case 'integer': {
      const step = pick([1n, -1n, 2n, 64n], rng);
      return { ...value, value: rng.int(3) === 0 ? value.value + step : pick(NUMBERS, rng) };
    }
    case 'bytes':
      return value.code === THRIFT.binary
        ? { ...value, value: rng.int(2) === 0 ? pick(TEXTS, rng) : bendBytes(value.value, value.value, rng) }
        : value;
    case 'list':
      return { ...value, items: [] };
    case 'struct':
      return { ...value, fields: [] };
  }
}

/** Bends one place of a structure, in place. */
function bendStruct(root: Struct, rng: Rng): void {
  const holders = holdersOf(root);
  const holder = pick(holders, rng);
  if (holder.type === 'list') {
    const { items } = holder;
    const at = rng.int(items.length + 1);
    const item = items[at];
    if (item === undefined) return;
    switch (rng.int(4)) {
      case 0:
        items.splice(at, 1);
        break;
      case 1:
        items.push(...Array<Value>(pick([1, 1, 50, 300], rng)).fill(item));
        break;
      default:
        items[at] = item.type === 'struct' ? item : bendValue(item, rng);
    }
    return;
  }
  const { fields } = holder;
  const at = rng.int(fields.length + 1);
  const field = fields[at];
  if (field === undefined) return;
  switch (rng.int(8)) {
    case 0:
      fields.splice(at, 1);
      break;
    case 1:
      fields.push(field);
      break;
    case 2:
      field.id = 1 + rng.int(20);
      break;
    case 3:
      // A structure inside itself or another: trees of columns that never end.
      field.value =
        pick(holders, rng).type === 'struct' ? bendValue(field.value, rng) : pick(fields, rng).value;
      break;
    default:
      field.value = bendValue(field.value, rng);
  }
}

interface Parquet {
  /** Everything before the description. */
  readonly pages: Buffer;
  readonly description: Struct;
}

function partsOf(file: Buffer): Parquet {
  const length = file.readUInt32LE(file.length - TAIL_BYTES);
  const start = file.length - TAIL_BYTES - length;
  return { pages: file.subarray(0, start), description: readStruct(file, start).struct };
}

function fileOf({ pages, description }: Parquet, rng: Rng): Buffer {
  const bytes = writeStruct(description);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(rng.int(20) === 0 ? pick([0, 1, bytes.length + 1, 0x7fff_ffff], rng) : bytes.length);
  return Buffer.concat([pages, bytes, length, Buffer.from(MAGIC)]);
}

/** Fields of a row group, a column and its metadata, by the numbers of `parquet.thrift`. */
const ROW_GROUPS = 4;
const COLUMNS = 1;
const COLUMN_METADATA = 3;
const COMPRESSED_BYTES = 7;
const DATA_OFFSET = 9;
const DICTIONARY_OFFSET = 11;

const structsIn = (value: Value | undefined): Struct[] =>
  value?.type === 'list' ? value.items.flatMap((item) => (item.type === 'struct' ? [item] : [])) : [];

/**
 * Puts a copy of one column's pages at the end, with the head of one of them bent, and lets the description point to
 * it. Nothing else moves.
 */
function bendPage({ pages, description }: Parquet, rng: Rng): Parquet {
  const columns = structsIn(fieldOf(description, ROW_GROUPS))
    .flatMap((group) => structsIn(fieldOf(group, COLUMNS)))
    .flatMap((column) => {
      const metadata = fieldOf(column, COLUMN_METADATA);
      return metadata?.type === 'struct' ? [metadata] : [];
    });
  if (columns.length === 0) return { pages, description };
  const metadata = pick(columns, rng);
  const size = fieldOf(metadata, COMPRESSED_BYTES);
  const data = fieldOf(metadata, DATA_OFFSET);
  const dictionary = fieldOf(metadata, DICTIONARY_OFFSET);
  if (size?.type !== 'integer' || data?.type !== 'integer') return { pages, description };
  const hasDictionary =
    dictionary?.type === 'integer' && dictionary.value > 0n && dictionary.value < data.value;
  const first = Number(hasDictionary ? dictionary.value : data.value);
  const end = first + Number(size.value);
  // The dictionary's page, or the first one of data.
  const at = hasDictionary && rng.int(2) === 0 ? first : Number(data.value);
  const { struct, end: bodyStart } = readStruct(pages, at);
  const oldHead = bodyStart - at;
  if (rng.int(4) > 0) for (let left = 1 + rng.int(2); left > 0; left--) bendStruct(struct, rng);
  const head = writeStruct(struct);
  const rest = pages.subarray(bodyStart, end);
  const body = rng.int(3) === 0 ? bendBytes(rest, rest, rng) : rest;
  const grown = head.length - oldHead + body.length - rest.length;
  const moved = pages.length - first;
  if (hasDictionary) {
    data.value += BigInt(moved + (at === first ? grown : 0));
    dictionary.value += BigInt(moved);
  } else {
    data.value += BigInt(moved);
  }
  size.value += BigInt(grown);
  return { pages: Buffer.concat([pages, pages.subarray(first, at), head, body]), description };
}

/** Bends a page, or one to three places of the description; sometimes any bytes. */
export const bendParquet: Mutator = (seed, other, rng) => {
  if (rng.int(8) === 0) return bendBytes(seed, other, rng);
  const parts = partsOf(seed);
  if (rng.int(2) === 0) return fileOf(bendPage(parts, rng), rng);
  for (let left = 1 + rng.int(3); left > 0; left--) bendStruct(parts.description, rng);
  return fileOf(parts, rng);
};
