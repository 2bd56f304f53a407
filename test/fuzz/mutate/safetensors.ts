/**
 * @file A mutator of safetensors: the JSON header is bent and its length written anew.
 */

import { pick, type Mutator } from '../target.js';
import { bendBytes } from './bytes.js';
import { bendJson } from './json.js';

const LENGTHS = [
  0n,
  1n,
  100_000_000n,
  100_000_001n,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];

export const bendSafetensors: Mutator = (seed, other, rng) => {
  if (seed.length < 8 || rng.int(5) === 0) return bendBytes(seed, other, rng);
  const length = Number(seed.readBigUInt64LE(0));
  const end = Math.min(seed.length, 8 + length);
  const otherEnd =
    other.length < 8 ? other.length : Math.min(other.length, 8 + Number(other.readBigUInt64LE(0)));
  const header = bendJson(seed.subarray(8, end), other.subarray(8, otherEnd), rng);
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(rng.int(6) === 0 ? pick(LENGTHS, rng) : BigInt(header.length));
  return Buffer.concat([head, header, seed.subarray(end)]);
};
