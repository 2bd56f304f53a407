/**
 * @file Mutators that know nothing of a format: bits, lengths, cuts and splices.
 */

import type { Rng } from '../../../src/tensor/rng.js';
import { pick, type Mutator } from '../target.js';

/** No input is larger: a reader's limits are tested by what a file claims, not by its size. */
const MOST_BYTES = 4 * 2 ** 20;

/** Values at which lengths and counts break: ends of integer types and their neighbours. */
const EXTREMES = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1f_ffff_ffff_ffffn,
  0x20_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];

/** Byte sequences that are no UTF-8, and characters that text files stumble over. */
const ODD_BYTES = [
  Buffer.from([0xff]),
  Buffer.from([0xc0, 0xaf]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  Buffer.from([0xe2, 0x82]),
  Buffer.from('\ufeff'),
  Buffer.from('\u2028\u2029'),
  Buffer.from('\0'),
  Buffer.from('\u001b[2J\u001b]0;x\u0007'),
  Buffer.from('\r'),
  Buffer.from('../../../../outside'),
];

type Step = (bytes: Buffer, other: Buffer, rng: Rng) => Buffer;

const flipBits: Step = (bytes, _other, rng) => {
  const result = Buffer.from(bytes);
  for (let left = 1 + rng.int(8); left > 0 && result.length > 0; left--) {
    const at = rng.int(result.length);
    result[at] = result[at]! ^ (1 << rng.int(8));
  }
  return result;
};

const truncate: Step = (bytes, _other, rng) => bytes.subarray(0, rng.int(bytes.length + 1));

const splice: Step = (bytes, other, rng) =>
  Buffer.concat([bytes.subarray(0, rng.int(bytes.length + 1)), other.subarray(rng.int(other.length + 1))]);

const removeRange: Step = (bytes, _other, rng) => {
  const from = rng.int(bytes.length + 1);
  const to = Math.min(bytes.length, from + 1 + rng.int(64));
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

const repeatRange: Step = (bytes, _other, rng) => {
  const from = rng.int(bytes.length + 1);
  const range = bytes.subarray(from, from + 1 + rng.int(256));
  const times = pick([1, 2, 16, 1000], rng);
  return Buffer.concat([bytes.subarray(0, from), ...Array<Buffer>(times).fill(range), bytes.subarray(from)]);
};

const insertOdd: Step = (bytes, _other, rng) => {
  const at = rng.int(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), pick(ODD_BYTES, rng), bytes.subarray(at)]);
};

const overwriteByte: Step = (bytes, _other, rng) => {
  const result = Buffer.from(bytes);
  if (result.length > 0) result[rng.int(result.length)] = rng.int(256);
  return result;
};

/** Writes an extreme integer of 1, 2, 4 or 8 bytes, in either byte order, where a length may stand. */
const extremeLength: Step = (bytes, _other, rng) => {
  const width = pick([1, 2, 4, 8], rng);
  if (bytes.length < width) return bytes;
  const result = Buffer.from(bytes);
  const at = rng.int(bytes.length - width + 1);
  const field = Buffer.alloc(8);
  const value = BigInt.asUintN(8 * width, pick(EXTREMES, rng));
  if (rng.int(2) === 0) field.writeBigUInt64LE(value);
  else field.writeBigUInt64BE(value << BigInt(64 - 8 * width));
  field.copy(result, at, 0, width);
  return result;
};

const STEPS: readonly Step[] = [
  flipBits,
  flipBits,
  overwriteByte,
  extremeLength,
  extremeLength,
  truncate,
  splice,
  removeRange,
  repeatRange,
  insertOdd,
];

/** One to four of the steps above. */
export const bendBytes: Mutator = (seed, other, rng) => {
  let bytes = seed;
  for (let left = 1 + rng.int(4); left > 0; left--) bytes = pick(STEPS, rng)(bytes, other, rng);
  return bytes.subarray(0, MOST_BYTES);
};

/** The same in the last bytes of a file, where some formats keep their description. */
export function bendTail(tail: number): Mutator {
  return (seed, other, rng) => {
    if (rng.int(4) === 0) return bendBytes(seed, other, rng);
    const at = Math.max(0, seed.length - tail);
    const bent = bendBytes(seed.subarray(at), other.subarray(Math.max(0, other.length - tail)), rng);
    return Buffer.concat([seed.subarray(0, at), bent]);
  };
}

/** The same in the first bytes of a file. */
export function bendHead(head: number): Mutator {
  return (seed, other, rng) => {
    if (rng.int(4) === 0) return bendBytes(seed, other, rng);
    const bent = bendBytes(seed.subarray(0, head), other.subarray(0, head), rng);
    return Buffer.concat([bent, seed.subarray(head)]);
  };
}
