/**
 * @file Protocol Buffers wire encoding: the little of it that an ONNX file needs.
 *
 * Flow: graph -> ONNX messages (`model-proto.ts`) -> **bytes**.
 * A message is a tree of parts whose lengths are known before their bytes. So weights can be read and converted one at
 * a time, straight into the final buffer.
 *
 * Source: protobuf.dev, "Encoding".
 */

/** Bytes that exist already, or whose length is known and that are written on demand. */
export type Part = Uint8Array | LazyBytes;

export interface LazyBytes {
  readonly length: number;
  /** Fills `target`, which is exactly `length` bytes long and zeroed. */
  readonly write: (target: Uint8Array) => void;
}

/** An encoded field or a run of fields. */
export interface Encoded {
  readonly length: number;
  readonly parts: readonly Part[];
}

const WIRE_VARINT = 0;
const WIRE_LENGTH = 2;
const WIRE_FIXED32 = 5;

const utf8 = new TextEncoder();

/**
 * Base-128 varint, least significant group first.
 *
 * Negative numbers take the ten bytes of their 64-bit two's complement, as int64 fields demand.
 *
 * @throws {RangeError} If the number is not a safe integer.
 *
 * @example
 * varint(300); // => Uint8Array [0xac, 0x02]
 */
export function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not an integer a varint can hold: ${value}`);
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function encoded(parts: readonly Part[]): Encoded {
  return { length: parts.reduce((sum, part) => sum + part.length, 0), parts };
}

/** The key in front of every value: field number and wire type. */
function key(field: number, wireType: number): Uint8Array {
  return varint(field * 8 + wireType);
}

/** An int32, int64, bool or enum field. */
export function intField(field: number, value: number): Encoded {
  return encoded([key(field, WIRE_VARINT), varint(value)]);
}

/** A float field. */
export function floatField(field: number, value: number): Encoded {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return encoded([key(field, WIRE_FIXED32), bytes]);
}

/** A string field, as UTF-8. */
export function stringField(field: number, value: string): Encoded {
  return bytesField(field, utf8.encode(value));
}

/** A bytes field. */
export function bytesField(field: number, value: Part): Encoded {
  return encoded([key(field, WIRE_LENGTH), varint(value.length), value]);
}

/** A field that holds a message made of the given fields. */
export function messageField(field: number, fields: readonly Encoded[]): Encoded {
  const body = concatFields(fields);
  return encoded([key(field, WIRE_LENGTH), varint(body.length), ...body.parts]);
}

/** The body of a message: its fields in order. */
export function concatFields(fields: readonly Encoded[]): Encoded {
  return encoded(fields.flatMap((field) => field.parts));
}

/** One buffer with all bytes; lazy parts are written in order, each once. */
export function toBytes(message: Encoded): Uint8Array {
  const bytes = new Uint8Array(message.length);
  let position = 0;
  for (const part of message.parts) {
    if (part instanceof Uint8Array) bytes.set(part, position);
    else part.write(bytes.subarray(position, position + part.length));
    position += part.length;
  }
  return bytes;
}
