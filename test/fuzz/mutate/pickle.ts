/**
 * @file A mutator of pickle streams: operations that a stream of `torch.save` never has, put between its own.
 */

import type { Rng } from '../../../src/tensor/rng.js';
import { pick, type Mutator } from '../target.js';
import { bendBytes } from './bytes.js';

const bytes = (...values: readonly number[]): Buffer => Buffer.from(values);
const times = (count: number, ...values: readonly number[]): Buffer =>
  Buffer.concat(Array<Buffer>(count).fill(bytes(...values)));
const global = (module: string, name: string): Buffer => Buffer.from(`c${module}\n${name}\n`);

/** Pieces of programs, by what they try. */
const PIECES: readonly ((rng: Rng) => Buffer)[] = [
  // A list that holds itself: EMPTY_LIST, BINPUT 0, BINGET 0, APPEND.
  () => bytes(0x5d, 0x71, 0, 0x68, 0, 0x61),
  // A dict that holds itself as key and as value.
  () => bytes(0x7d, 0x71, 1, 0x68, 1, 0x68, 1, 0x73),
  // A tuple of a list that holds the tuple.
  () => bytes(0x5d, 0x71, 2, 0x85, 0x71, 3, 0x68, 2, 0x68, 3, 0x61, 0x30),
  // Lists in lists, as deep as the file is long.
  (rng) => Buffer.concat([times(pick([100, 20_000], rng), 0x5d), times(pick([100, 20_000], rng), 0x61)]),
  // Tuples in tuples.
  (rng) => Buffer.concat([bytes(0x4e), times(pick([100, 50_000], rng), 0x85)]),
  // Marks that are never closed, and closed ones that were never made.
  (rng) => times(pick([1, 20_000], rng), 0x28),
  () => bytes(0x74),
  () => bytes(0x65),
  // Lengths: BINUNICODE8, BINBYTES8, LONG4, LONG1, BINUNICODE, FRAME.
  () => bytes(0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
  () => bytes(0x8e, 0, 0, 0, 0, 1, 0, 0, 0),
  () => bytes(0x8b, 0xff, 0xff, 0xff, 0x7f),
  () => Buffer.concat([bytes(0x8a, 0xff), Buffer.alloc(255, 0xff)]),
  () => bytes(0x58, 0xff, 0xff, 0xff, 0xff),
  () => bytes(0x95, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  // The memo: an index that is far away, one that is missing, all of it.
  () => bytes(0x72, 0xff, 0xff, 0xff, 0xff),
  () => bytes(0x6a, 0xfe, 0xff, 0xff, 0xff),
  (rng) => times(pick([10, 20_000], rng), 0x94),
  // Values that double: DUP, TUPLE2.
  () => times(40, 0x32, 0x86),
  // Functions.
  () => global('os', 'system'),
  () => global('builtins', 'eval'),
  () => Buffer.concat([global('torch._utils', '_rebuild_tensor_v2'), bytes(0x29, 0x52)]),
  () => Buffer.concat([global('torch._utils', '_rebuild_parameter'), bytes(0x5d, 0x85, 0x52)]),
  () => Buffer.concat([global('collections', 'OrderedDict'), bytes(0x5d, 0x5d, 0x61, 0x85, 0x52)]),
  () => Buffer.concat([bytes(0x4b, 1, 0x4b, 2), bytes(0x93)]),
  // Text that is no UTF-8, keys of every kind, numbers at their ends.
  () => bytes(0x8c, 2, 0xff, 0xfe),
  () => Buffer.from('\u008c\u0009__proto__', 'latin1'),
  () => bytes(0x47, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0),
  () => bytes(0x4a, 0xff, 0xff, 0xff, 0x7f),
  // The end.
  () => bytes(0x2e),
];

/** Bends a stream by one or two pieces, or its bytes. */
export const bendPickle: Mutator = (seed, other, rng) => {
  if (rng.int(3) === 0) return bendBytes(seed, other, rng);
  let stream = seed;
  for (let left = 1 + rng.int(2); left > 0; left--) {
    const at = rng.int(stream.length + 1);
    const piece = pick(PIECES, rng)(rng);
    const from = rng.int(2) === 0 ? at : Math.min(stream.length, at + piece.length);
    stream = Buffer.concat([stream.subarray(0, at), piece, stream.subarray(from)]);
  }
  return stream;
};
