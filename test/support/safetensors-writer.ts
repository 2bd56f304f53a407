/**
 * @file Writes tensors in the safetensors format, as Float32.
 *
 * For checkpoints this project makes itself: trained projectors, tiny models of the tests. Pure:
 * bytes out, no files.
 *
 * Source: the safetensors format: 8 bytes little-endian header length, a JSON header with dtype,
 * shape and offsets per tensor, then the data without gaps.
 */

export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** As many numbers as the product of `shape`. */
  readonly data: Float32Array;
}

/** Data starts at a multiple of this, so that readers may map it; the header is padded with spaces. */
const ALIGNMENT = 8;

/**
 * The bytes of a safetensors file.
 *
 * @param tensors Written in the given order; names must differ.
 * @param metadata Free text fields, stored under `__metadata__`.
 * @throws {RangeError} If a tensor's data does not fill its shape or a name occurs twice.
 */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    const count = shape.reduce((product, dim) => product * dim, 1);
    if (data.length !== count) {
      throw new RangeError(
        `tensor ${name} of shape [${shape.join(', ')}] needs ${count} numbers, got ${data.length}`,
      );
    }
    if (name in header) throw new RangeError(`tensor ${name} occurs twice`);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }

  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(8 + headerLength + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(json, 8);
  let position = 8 + headerLength;
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}
