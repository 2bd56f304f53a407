/**
 * @file Writes tensors of Float32 as a safetensors file.
 *
 * Source: the safetensors format, see `safetensors.ts`. Names are in the order given; the header is padded with blanks to
 * a multiple of eight bytes, as the reference implementation does it.
 */

import { endianness } from 'node:os';

/** A tensor to write. */
export interface WrittenTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** As many numbers as the shape says. */
  readonly data: Float32Array;
}

/**
 * The file in parts: header, then one part a tensor.
 *
 * @param metadata Texts by name, which readers of tensors skip.
 * @throws {RangeError} If a tensor has another number of values than its shape says.
 */
export function* safetensorsParts(
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  let at = 0;
  const entries = tensors.map(({ name, shape, data }) => {
    if (shape.reduce((product, dim) => product * dim, 1) !== data.length) {
      throw new RangeError(`${name} is [${shape.join(', ')}] but has ${data.length} numbers`);
    }
    const start = at;
    at += data.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [start, at] }] as const;
  });
  const described = Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata] as const];
  const text = JSON.stringify(Object.fromEntries([...described, ...entries]));
  const bytes = Buffer.byteLength(text);
  const header = Buffer.alloc(8 + Math.ceil(bytes / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  header.write(text, 8);
  yield header;
  for (const { data } of tensors) {
    const copy = Buffer.from(Float32Array.from(data).buffer);
    yield endianness() === 'BE' ? copy.swap32() : copy;
  }
}
