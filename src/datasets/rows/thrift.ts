/**
 * @file Heads of Parquet's pages, in Thrift's compact protocol: numbers and flags by the ids of their fields. Texts and
 * lists are passed over.
 *
 * Source: Apache Thrift, "Thrift Compact protocol".
 */

const STOP = 0;
/** Structures in structures; a page's head has two levels. */
const MOST_DEPTH = 8;

/** A structure that was read. */
export class Fields {
  /** Where the structure ends in its bytes. */
  readonly end: number;
  readonly #values: ReadonlyMap<number, number | boolean | Fields>;

  constructor(end: number, values: ReadonlyMap<number, number | boolean | Fields>) {
    this.end = end;
    this.#values = values;
  }

  /** A number; NaN where there is none. */
  number(id: number): number {
    const value = this.#values.get(id);
    return typeof value === 'number' ? value : NaN;
  }

  flag(id: number): boolean | undefined {
    const value = this.#values.get(id);
    return typeof value === 'boolean' ? value : undefined;
  }

  fields(id: number): Fields | undefined {
    const value = this.#values.get(id);
    return value instanceof Fields ? value : undefined;
  }
}

/** Reads the structure at a place. @throws {Error} If it ends early or holds what Parquet has not. */
export function readFields(bytes: Uint8Array, start: number, depth = 0): Fields {
  return new Reader(bytes, start).struct(depth);
}

class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  struct(depth: number): Fields {
    if (depth > MOST_DEPTH) throw new Error(`the head of a page nests deeper than ${MOST_DEPTH} levels`);
    const values = new Map<number, number | boolean | Fields>();
    for (let id = 0; ;) {
      const head = this.#byte();
      if (head === STOP) return new Fields(this.#at, values);
      id = head >> 4 === 0 ? this.#signed() : id + (head >> 4);
      const value = this.#value(head & 0xf, depth);
      if (value !== null) values.set(id, value);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error('the head of a page ends early');
    return byte;
  }

  /** Exact up to 2^53; larger ones are beyond every limit anyway. */
  #unsigned(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  #signed(): number {
    const value = this.#unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #skip(length: number): null {
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new Error('the head of a page ends early');
    return null;
  }

  #value(type: number, depth: number): number | boolean | Fields | null {
    switch (type) {
      case 1:
      case 2:
        return type === 1;
      case 3:
        return this.#skip(1);
      case 4:
      case 5:
      case 6:
        return this.#signed();
      case 7:
        return this.#skip(8);
      case 8:
        return this.#skip(this.#unsigned());
      case 9:
        return this.#list(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        throw new Error(`the head of a page has a field of the unknown type ${type}`);
    }
  }

  #list(depth: number): null {
    const head = this.#byte();
    const count = head >> 4 === 15 ? this.#unsigned() : head >> 4;
    const type = head & 0xf;
    // A truth value in a list takes a byte.
    for (let i = 0; i < count; i++) {
      if (type === 1 || type === 2) this.#skip(1);
      else this.#value(type, depth + 1);
    }
    return null;
  }
}
