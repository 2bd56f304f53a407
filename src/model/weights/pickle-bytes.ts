/**
 * @file The bytes of a pickle stream, read from front to back: numbers, lengths, texts and lines.
 */

import { ModelError } from '../../domain/errors.js';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a stream, and refuses every read beyond its end with the place. */
export class PickleBytes {
  readonly view: DataView;
  /** Where the next read begins. */
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #where: string;

  /** @param where The file, for messages. */
  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
  }

  /** Moves on by a number of bytes. @returns The offset before. */
  skip(count: number): number {
    const from = this.at;
    if (count > this.#bytes.length - from) {
      this.fail(`ends within a value of ${count} bytes`, from);
    }
    this.at += count;
    return from;
  }

  byte(): number {
    return this.#bytes[this.skip(1)]!;
  }

  /** An unsigned little-endian length of 4 or 8 bytes. */
  size(width: 4 | 8): number {
    const from = this.skip(width);
    return width === 4 ? this.view.getUint32(from, true) : Number(this.view.getBigUint64(from, true));
  }

  /** The next bytes, as a view. */
  raw(length: number): Uint8Array {
    const from = this.skip(length);
    return this.#bytes.subarray(from, from + length);
  }

  /** The next bytes, which must be UTF-8. */
  text(length: number): string {
    const from = this.at;
    try {
      return UTF8.decode(this.raw(length));
    } catch (error) {
      if (error instanceof ModelError) throw error;
      return this.fail('holds text that is not UTF-8', from);
    }
  }

  /** The text up to the next newline, which is read too. */
  line(): string {
    const from = this.at;
    const end = this.#bytes.indexOf(0x0a, from);
    if (end === -1) this.fail('ends within a name', from);
    const text = this.text(end - from);
    this.skip(1);
    return text;
  }

  /** A signed little-endian integer of any length. */
  long(length: number): number | bigint {
    const offset = this.at;
    const raw = this.raw(length);
    if (length > 64) return this.fail(`holds an integer of ${length} bytes`, offset);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]!);
    if (length > 0 && raw[length - 1]! >= 0x80) value -= 1n << BigInt(8 * length);
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  /** Refuses the stream. */
  fail(problem: string, offset: number): never {
    throw new ModelError(`${this.#where}: ${problem} (byte ${offset} of its structure)`, [
      'the file is damaged, or is not what PyTorch’s torch.save writes',
    ]);
  }
}
