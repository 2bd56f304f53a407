/**
 * @file Checks the pages of Parquet files before the package decodes them.
 *
 * A page says how long it is unpacked, how many values it has, and how often a value repeats. The package takes memory
 * by these numbers, and a file of a few kilobytes may claim billions. So each page is unpacked here first, within
 * limits, its numbers are compared with what it holds, and the package is handed what was unpacked.
 *
 * Source: Apache Parquet, `parquet.thrift` and "Encodings".
 */

import type { ColumnMetaData, CompressionCodec, Compressors, FileMetaData, SchemaElement } from 'hyparquet';
import { FREE_BYTES, RECORD_LIMITS } from '../../archive/limits.js';
import { readFields, type Fields } from './thrift.js';

/** Most bytes of one unpacked page: more than a text may have in this program. */
const MOST_PAGE_BYTES = 512 * 2 ** 20;
/** Most unpacked bytes of the columns of a row group that are read together. */
const MOST_GROUP_BYTES = 4096 * 2 ** 20;
/**
 * Most rows of a row group, and values of one of its columns. Writers begin a new group after a million rows at the
 * latest, unless they are told otherwise; a value takes up to a few hundred bytes of memory.
 */
const MOST_GROUP_VALUES = 2 ** 22;
/** Values of a run above the count of a page that are let pass: writers fill up the last run. */
const SPARE_VALUES = 64;

/** A column of a row group, and how its pages are laid out. */
export interface ColumnChunk {
  /** Bytes [start, end) of the file. */
  readonly start: number;
  readonly end: number;
  readonly codec: CompressionCodec;
  readonly isBoolean: boolean;
  /** Whether it is a column of the table itself, without lists. */
  readonly isFlat: boolean;
  readonly maxRepetition: number;
  readonly maxDefinition: number;
}

/**
 * The columns of a row group that belong to the wanted top-level columns.
 *
 * @throws {Error} If the group claims more rows than a group may have, or a column that the schema lacks.
 */
export function columnChunks(
  metadata: FileMetaData,
  group: FileMetaData['row_groups'][number],
  wanted: readonly string[],
): ColumnChunk[] {
  if (group.num_rows > MOST_GROUP_VALUES) {
    throw new Error(`a row group claims ${group.num_rows} rows; up to ${MOST_GROUP_VALUES} are read`);
  }
  return group.columns.flatMap(({ meta_data: column }) =>
    column === undefined || !wanted.includes(column.path_in_schema[0] ?? '')
      ? []
      : [chunkOf(column, elementsOnPath(metadata.schema, column.path_in_schema))],
  );
}

function chunkOf(column: ColumnMetaData, path: readonly SchemaElement[]): ColumnChunk {
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  const count = (test: (element: SchemaElement) => boolean): number => path.filter(test).length;
  const maxRepetition = count(({ repetition_type }) => repetition_type === 'REPEATED');
  return {
    start,
    end: start + Number(column.total_compressed_size),
    codec: column.codec,
    isBoolean: column.type === 'BOOLEAN',
    isFlat: path.length === 1 && maxRepetition === 0,
    maxRepetition,
    maxDefinition: count(({ repetition_type }) => repetition_type !== 'REQUIRED'),
  };
}

/** The elements of the schema from a top-level column down to a leaf. The schema lists them depth first. */
function elementsOnPath(schema: readonly SchemaElement[], path: readonly string[]): SchemaElement[] {
  const found: SchemaElement[] = [];
  let at = 0;
  for (const name of path) {
    let left = schema[at]?.num_children ?? 0;
    at++;
    for (; left > 0 && schema[at]?.name !== name; left--) at = afterSubtree(schema, at);
    const element = left > 0 ? schema[at] : undefined;
    if (element === undefined) throw new Error(`the schema has no column ${path.join('.').slice(0, 200)}`);
    found.push(element);
  }
  return found;
}

/** The place after an element and all below it. */
function afterSubtree(schema: readonly SchemaElement[], start: number): number {
  let at = start;
  for (let open = 1; open > 0 && at < schema.length; at++) open += (schema[at]!.num_children ?? 0) - 1;
  return at;
}

/** The pages of one row group: checked, and kept until the package asks for them. */
export class PageGuard {
  /** For the package, in the place of its own. */
  readonly compressors: Compressors;
  readonly #real: Compressors;
  readonly #unpacked: { readonly packed: Uint8Array; readonly page: Uint8Array }[] = [];
  #packedBytes = 0;
  #pageBytes = 0;

  constructor(real: Compressors) {
    this.#real = real;
    const codecs = Object.keys(real) as CompressionCodec[];
    this.compressors = Object.fromEntries(
      codecs.map((codec) => [codec, (packed: Uint8Array, bytes: number) => this.#page(codec, packed, bytes)]),
    );
  }

  /**
   * Checks the pages of a column.
   *
   * @param bytes The column's bytes of the file.
   * @throws {Error} If a page claims more than it holds or than may be read.
   */
  check(bytes: Uint8Array, chunk: ColumnChunk, rows: number): void {
    let values = 0;
    let at = 0;
    // The package reads on until it has the rows, or until the end where rows are lists.
    while (at < bytes.length - 1 && !(chunk.isFlat && values >= rows)) {
      const head = readFields(bytes, at);
      const [unpackedBytes, packedBytes] = [head.number(2), head.number(3)];
      if (!(packedBytes >= 0 && head.end + packedBytes <= bytes.length)) {
        throw new Error(`a page claims ${packedBytes} bytes, but ${bytes.length - head.end} are left`);
      }
      const packed = bytes.subarray(head.end, head.end + packedBytes);
      at = head.end + packedBytes;
      values += this.#checkPage(head, packed, unpackedBytes, chunk);
      if (values > MOST_GROUP_VALUES) {
        throw new Error(
          `a column of a row group claims ${values} values; up to ${MOST_GROUP_VALUES} are read`,
        );
      }
    }
    if (values < rows)
      throw new Error(`a row group claims ${rows} rows, and a column of it has ${values} values`);
  }

  /** @returns Values of the page; none for a dictionary. */
  #checkPage(head: Fields, packed: Uint8Array, unpackedBytes: number, chunk: ColumnChunk): number {
    const [data, dictionary, data2] = [head.fields(5), head.fields(7), head.fields(8)];
    switch (head.number(1)) {
      case PAGE.dictionary: {
        const count = checkedCount(dictionary?.number(1));
        const page = this.#unpack(chunk.codec, packed, unpackedBytes);
        // Even truth values take a bit each.
        if (count > 8 * page.length)
          throw new Error(`a dictionary claims ${count} values in ${page.length} bytes`);
        return 0;
      }
      case PAGE.data: {
        const count = checkedCount(data?.number(1));
        const page = this.#unpack(chunk.codec, packed, unpackedBytes);
        checkPage1(page, count, data?.number(2) ?? -1, chunk);
        return count;
      }
      case PAGE.data2: {
        const count = checkedCount(data2?.number(1));
        const [definitions, repetitions] = [data2?.number(5) ?? 0, data2?.number(6) ?? 0];
        const levels = definitions + repetitions;
        const nulls = data2?.number(2) ?? 0;
        if (!(nulls >= 0 && nulls <= count))
          throw new Error(`a page of ${count} values claims ${nulls} nulls`);
        if (!(definitions >= 0 && repetitions >= 0 && levels <= packed.length)) {
          throw new Error(`a page claims ${levels} bytes of levels, but has ${packed.length}`);
        }
        if (chunk.maxRepetition > 0) walkRuns(packed, 0, widthOf(chunk.maxRepetition), count);
        if (chunk.maxDefinition > 0) walkRuns(packed, repetitions, widthOf(chunk.maxDefinition), count);
        const rest = packed.subarray(levels);
        const page =
          data2?.flag(7) === false ? rest : this.#unpack(chunk.codec, rest, unpackedBytes - levels);
        checkValues(page, 0, count, data2?.number(4) ?? -1, chunk.isBoolean);
        return count;
      }
      default:
        // The package refuses it.
        return 0;
    }
  }

  #unpack(codec: CompressionCodec, packed: Uint8Array, bytes: number): Uint8Array {
    this.#packedBytes += packed.length;
    if (codec === 'UNCOMPRESSED') return packed;
    if (!(bytes >= 0 && bytes <= MOST_PAGE_BYTES)) {
      throw new Error(`a page claims ${bytes} unpacked bytes; up to ${MOST_PAGE_BYTES} are read`);
    }
    this.#pageBytes += bytes;
    const most = Math.max(FREE_BYTES, RECORD_LIMITS.mostRatio * this.#packedBytes);
    if (this.#pageBytes > Math.min(most, MOST_GROUP_BYTES)) {
      throw new Error(
        `a row group claims ${this.#pageBytes} unpacked bytes in ${this.#packedBytes} packed ones`,
      );
    }
    const unpack = this.#real[codec];
    if (unpack === undefined) throw new Error(`pages are packed by ${codec}, which is not read`);
    const page = unpack(packed, bytes);
    if (page.length !== bytes)
      throw new Error(`a page claims ${bytes} unpacked bytes and has ${page.length}`);
    this.#unpacked.push({ packed, page });
    return page;
  }

  /** The page that was unpacked before. The package asks in the order of the columns and pages, mostly. */
  #page(codec: CompressionCodec, packed: Uint8Array, bytes: number): Uint8Array {
    const at = this.#unpacked.findIndex(
      (one) => one.page.length === bytes && Buffer.compare(one.packed, packed) === 0,
    );
    const found = at < 0 ? undefined : this.#unpacked.splice(at, 1)[0];
    if (found === undefined) throw new Error(`a page of ${codec} lies where the description has none`);
    return found.page;
  }
}

/** Kinds of pages, by the numbers of `parquet.thrift`. */
const PAGE = { data: 0, dictionary: 2, data2: 3 } as const;
/** Encodings, by the numbers of `parquet.thrift`. */
const ENCODING = { plainDictionary: 2, runs: 3, prefixes: 7, dictionary: 8 } as const;

function checkedCount(count: number | undefined): number {
  if (count === undefined || !(count >= 0 && count <= MOST_GROUP_VALUES)) {
    throw new Error(`a page claims ${count} values; up to ${MOST_GROUP_VALUES} are read`);
  }
  return count;
}

/** Bits that a level takes. */
const widthOf = (most: number): number => 32 - Math.clz32(most);

/** A page of version 1: levels with their lengths, then values. */
function checkPage1(page: Uint8Array, count: number, encoding: number, chunk: ColumnChunk): void {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  let at = 0;
  for (const most of [chunk.maxRepetition, chunk.maxDefinition]) {
    if (most === 0) continue;
    const length = at + 4 > page.length ? 0 : view.getUint32(at, true);
    walkRuns(page, at + 4, widthOf(most), count);
    at += 4 + length;
  }
  checkValues(page, at, count, encoding, chunk.isBoolean);
}

/** @param start Where the values of a page begin. */
function checkValues(
  page: Uint8Array,
  start: number,
  count: number,
  encoding: number,
  isBoolean: boolean,
): void {
  switch (encoding) {
    case ENCODING.plainDictionary:
    case ENCODING.dictionary:
    case ENCODING.runs:
      if (isBoolean) walkRuns(page, start + 4, 1, count);
      else walkRuns(page, start + 1, page[start] ?? 0, count);
      break;
    case ENCODING.prefixes: {
      // A value is a part of the value before it and a text of its own, so a page may be as long as its square.
      const prefixes = deltaSum(page, start, count);
      if (prefixes > MOST_PAGE_BYTES)
        throw new Error(`the texts of a page have more than ${MOST_PAGE_BYTES} bytes`);
      break;
    }
    default:
      // Each value stands in the page by itself, and the package reads no further than the page.
      break;
  }
}

/** Walks over runs of repeated values without writing them out. Where bytes are missing the package says so. */
function walkRuns(bytes: Uint8Array, start: number, width: number, count: number): void {
  let at = start;
  let seen = 0;
  while (seen < count && at < bytes.length) {
    const run = varint(bytes, at);
    at = run.end;
    if (run.value % 2 === 1) {
      const groups = (run.value - 1) / 2;
      at += groups * width;
      seen += 8 * groups;
    } else {
      const repeats = run.value / 2;
      at += (width + 7) >> 3;
      seen += repeats;
      if (repeats > count + SPARE_VALUES) {
        throw new Error(`a page of ${count} values repeats one ${repeats} times`);
      }
    }
  }
}

/**
 * The sum of numbers that are stored as differences in blocks, as far as bytes are there. Negative numbers count as
 * none.
 */
function deltaSum(bytes: Uint8Array, start: number, count: number): number {
  let at = start;
  const next = (): number => {
    const { value, end } = varint(bytes, at);
    at = end;
    return value;
  };
  const signed = (): number => {
    const value = next();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const [blockValues, blockParts] = [next(), next()];
  next();
  let value = signed();
  let sum = Math.max(0, value);
  const partValues = blockValues / blockParts;
  if (!Number.isInteger(partValues) || partValues < 1) return sum;
  for (let seen = 1; seen < count && at < bytes.length;) {
    const least = signed();
    const widths = bytes.subarray(at, at + blockParts);
    at += blockParts;
    for (const width of widths) {
      for (let i = 0; i < partValues && seen < count; i++, seen++) {
        value = (value + least + bitsAt(bytes, 8 * at + i * width, width)) | 0;
        sum += Math.max(0, value);
      }
      at += (partValues * width) / 8;
    }
  }
  return sum;
}

/** A number of so many bits, the lowest first; bits beyond 32 do not matter. */
function bitsAt(bytes: Uint8Array, start: number, width: number): number {
  let value = 0;
  for (let bit = 0; bit < Math.min(width, 32); bit++) {
    const at = start + bit;
    if (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) value += 2 ** bit;
  }
  return value;
}

/** An unsigned number of 32 bits; bytes that are missing count as 0. */
function varint(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    const byte = bytes[at] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value: value >>> 0, end: at + 1 };
  }
}
