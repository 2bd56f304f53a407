/**
 * @file 16-bit floating point: conversion between Float32 and the bit patterns of fp16 and bf16.
 *
 * Weights are stored as F16 or BF16 in most checkpoints and written as fp16 into half-precision
 * graphs; JavaScript (Node 20) has neither type. Pure: arrays in, new arrays out.
 *
 * Source: IEEE 754-2019 binary16 (1 sign, 5 exponent, 10 fraction bits); bfloat16 is the upper half
 * of a binary32.
 */

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** All 65,536 fp16 patterns as Float32 (256 KiB); built on first use. */
let halfTable: Float32Array | undefined;

function halfBitsToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Float32 values of fp16 bit patterns; exact, since every fp16 number is a Float32. */
export function fromHalf(bits: Uint16Array): Float32Array {
  halfTable ??= Float32Array.from({ length: 0x10000 }, (_, pattern) => halfBitsToNumber(pattern));
  const table = halfTable;
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

/** Float32 values of bf16 bit patterns; exact. */
export function fromBfloat16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

/**
 * The fp16 bit pattern nearest to a number, ties to even.
 *
 * Magnitudes above 65504 become infinity from 65520 on; magnitudes below 2^-24 become subnormals
 * or zero.
 *
 * @example
 * halfBits(1); // => 0x3c00
 */
export function halfBits(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  let fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);

  // Rebias 127 -> 15; the fraction keeps its 10 upper bits, the 13 lower ones decide the rounding.
  const target = exponent - 112;
  if (target >= 31) return sign | 0x7c00;
  if (target <= 0) {
    // Subnormal: the implicit leading one is shifted into the fraction.
    const shift = 14 - target;
    if (shift > 24) return sign;
    fraction |= 0x800000;
    return sign | roundShift(fraction, shift);
  }
  // A carry out of the fraction raises the exponent by one, up to infinity, as it should.
  return sign | ((target << 10) + roundShift(fraction, 13));
}

/** `value >> shift`, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** fp16 bit patterns of Float32 values, see {@link halfBits}. */
export function toHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const exponent = (word >>> 23) & 0xff;
    // Nearly all weights are normal numbers in both formats. One addition rebiases and rounds them, and its carry
    // raises the exponent as it should. This takes a third of the time of `halfBits`.
    out[i] =
      exponent > 112 && exponent < 143
        ? ((word >>> 16) & 0x8000) | (((word & 0x7fffffff) - 0x38000000 + 0xfff + ((word >>> 13) & 1)) >>> 13)
        : halfBits(values[i]!);
  }
  return out;
}

/** The bf16 patterns nearest to Float32 values, ties to even. Source: the upper half of a binary32, rounded. */
export function bfloat16Bits(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    // A carry out of the fraction raises the exponent, up to infinity, as it should. NaN has no neighbour to round to.
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    out[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
