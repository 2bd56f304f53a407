/**
 * @file Writes tensors as a safetensors file, in single or half precision.
 *
 * Source: the safetensors format, see `safetensors.ts`. Names are in the order given; the header is padded with blanks to
 * a multiple of eight bytes, as the reference implementation does it.
 */

import { endianness } from 'node:os';
import { toHalf } from '../../onnx/half.js';

/** A tensor to write. */
export interface WrittenTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** As many numbers as the shape says. */
  readonly data: Float32Array;
}

/** From here on a number rounds to infinity in half precision. */
const HALF_LIMIT = 65520;

/** Element types of a written file, and the bytes of a number. */
const ELEMENT_BYTES = { F32: 4, F16: 2 } as const;
export type WrittenType = keyof typeof ELEMENT_BYTES;

/**
 * The file in parts: header, then one part a tensor.
 *
 * @param metadata Texts by name, which readers of tensors skip.
 * @param type With `F16`, numbers are rounded to the nearest, ties to even.
 * @throws {RangeError} If a tensor has another number of values than its shape says, or a number that `F16` cannot hold.
 */
export function* safetensorsParts(
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>> = {},
  type: WrittenType = 'F32',
): Generator<Uint8Array> {
  let at = 0;
  const entries = tensors.map(({ name, shape, data }) => {
    if (shape.reduce((product, dim) => product * dim, 1) !== data.length) {
      throw new RangeError(`${name} is [${shape.join(', ')}] but has ${data.length} numbers`);
    }
    const start = at;
    at += data.length * ELEMENT_BYTES[type];
    return [name, { dtype: type, shape, data_offsets: [start, at] }] as const;
  });
  const described = Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata] as const];
  const text = JSON.stringify(Object.fromEntries([...described, ...entries]));
  const bytes = Buffer.byteLength(text);
  const header = Buffer.alloc(8 + Math.ceil(bytes / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  header.write(text, 8);
  yield header;
  for (const { name, data } of tensors) yield type === 'F16' ? halves(name, data) : singles(data);
}

function singles(data: Float32Array): Buffer {
  const copy = Buffer.from(Float32Array.from(data).buffer);
  return endianness() === 'BE' ? copy.swap32() : copy;
}

function halves(name: string, data: Float32Array): Buffer {
  const outside = data.find((value) => Math.abs(value) >= HALF_LIMIT);
  if (outside !== undefined) {
    throw new RangeError(`${name} has ${outside}, but half precision ends at 65504`);
  }
  const copy = Buffer.from(toHalf(data).buffer);
  return endianness() === 'BE' ? copy.swap16() : copy;
}
