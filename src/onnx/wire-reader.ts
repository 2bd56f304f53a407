/**
 * @file Protocol Buffers wire decoding: the fields of one message, as views into its bytes.
 *
 * The counterpart of `wire.ts`. Nothing is copied. A rewritten file takes over every field that it does not change,
 * byte for byte and whatever it means. Weights are never touched.
 *
 * The bytes come from a file that somebody downloaded, so every length is checked before it is used.
 *
 * Source: protobuf.dev, "Encoding".
 */

/** A field of a message; `whole` is the field with its key, ready to be copied into another message. */
export type WireField = {
  readonly number: number;
  readonly whole: Uint8Array;
} & (
  | { readonly kind: 'varint'; readonly value: bigint }
  | { readonly kind: 'fixed32' | 'fixed64' | 'bytes'; readonly value: Uint8Array }
);

/** The bytes are not a message. */
export class WireError extends Error {}

/** A varint has at most this many bytes: 64 bits in groups of seven. */
const MAX_VARINT_BYTES = 10;

const utf8 = new TextDecoder('utf-8');

/**
 * The fields of a message, in order.
 *
 * @throws {WireError} If the bytes end inside a field or hold a wire type that no longer exists.
 *
 * @example
 * [...readFields(Uint8Array.of(0x08, 0xac, 0x02))]; // => field 1, kind 'varint', value 300n
 */
export function* readFields(bytes: Uint8Array): Generator<WireField> {
  let position = 0;
  while (position < bytes.length) {
    const start = position;
    const key = readVarint(bytes, position);
    position = key.end;
    const number = Number(key.value >> 3n);
    const wireType = Number(key.value & 7n);
    const fixed = (length: number): Uint8Array => {
      const end = position + length;
      if (end > bytes.length) {
        throw new WireError(`field ${number} wants ${length} bytes at ${position} of ${bytes.length}`);
      }
      const value = bytes.subarray(position, end);
      position = end;
      return value;
    };
    switch (wireType) {
      case 0: {
        const { value, end } = readVarint(bytes, position);
        position = end;
        yield { number, kind: 'varint', value, whole: bytes.subarray(start, position) };
        break;
      }
      case 1: {
        const value = fixed(8);
        yield { number, kind: 'fixed64', value, whole: bytes.subarray(start, position) };
        break;
      }
      case 2: {
        const length = readVarint(bytes, position);
        position = length.end;
        if (length.value > BigInt(bytes.length)) {
          throw new WireError(`field ${number} claims ${length.value} of ${bytes.length} bytes`);
        }
        const value = fixed(Number(length.value));
        yield { number, kind: 'bytes', value, whole: bytes.subarray(start, position) };
        break;
      }
      case 5: {
        const value = fixed(4);
        yield { number, kind: 'fixed32', value, whole: bytes.subarray(start, position) };
        break;
      }
      default:
        throw new WireError(`field ${number} at ${start} has the unknown wire type ${wireType}`);
    }
  }
}

function readVarint(bytes: Uint8Array, start: number): { readonly value: bigint; readonly end: number } {
  let value = 0n;
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) throw new WireError(`the message ends inside a number at ${start}`);
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  throw new WireError(`the number at ${start} has more than ${MAX_VARINT_BYTES} bytes`);
}

/** The bytes of a field. @throws {WireError} If it is a number. */
export function bytesOf(field: WireField): Uint8Array {
  if (field.kind !== 'bytes') throw new WireError(`field ${field.number} is a number, not bytes`);
  return field.value;
}

/** The text of a field, as UTF-8. @throws {WireError} If it is a number. */
export function textOf(field: WireField): string {
  return utf8.decode(bytesOf(field));
}

/**
 * The integers of a repeated field, whether written one by one or packed.
 *
 * @throws {WireError} If one is beyond what a number holds exactly.
 */
export function integersOf(field: WireField): number[] {
  if (field.kind === 'varint') return [signed(field.value)];
  const packed = bytesOf(field);
  const values: number[] = [];
  for (let position = 0; position < packed.length;) {
    const { value, end } = readVarint(packed, position);
    values.push(signed(value));
    position = end;
  }
  return values;
}

/** The integer of a field. @throws {WireError} As {@link integersOf}. */
export function integerOf(field: WireField): number {
  if (field.kind !== 'varint') throw new WireError(`field ${field.number} is not an integer`);
  return signed(field.value);
}

function signed(value: bigint): number {
  const number = Number(BigInt.asIntN(64, value));
  if (!Number.isSafeInteger(number)) throw new WireError(`${value} is beyond the exact integers`);
  return number;
}
