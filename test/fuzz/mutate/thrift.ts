/**
 * @file Thrift's compact protocol, in which Parquet writes its descriptions: structures taken apart into fields, and
 * put together again.
 *
 * Source: Apache Thrift, "Thrift Compact protocol".
 */

/** Types of fields, by the protocol's numbers. A truth value of a field stands in its type. */
export const THRIFT = {
  ...{ true: 1, false: 2, byte: 3, int16: 4, int32: 5, int64: 6, double: 7, binary: 8, list: 9, struct: 12 },
} as const;

export type Value =
  | { readonly type: 'flag'; readonly code: number }
  | { readonly type: 'integer'; readonly code: number; value: bigint }
  | { readonly type: 'bytes'; readonly code: number; value: Buffer }
  | { readonly type: 'list'; readonly code: number; readonly itemCode: number; items: Value[] }
  | Struct;

export interface Field {
  id: number;
  value: Value;
}

export interface Struct {
  readonly type: 'struct';
  readonly code: number;
  fields: Field[];
}

const zigzag = (value: bigint): bigint => (value < 0n ? -2n * value - 1n : 2n * value);
const unzigzag = (value: bigint): bigint => (value & 1n ? -((value + 1n) >> 1n) : value >> 1n);

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** Reads a structure of a sound file. @throws {RangeError} If it ends early or is of a type that Parquet has not. */
export function readStruct(bytes: Buffer, start: number): { readonly struct: Struct; readonly end: number } {
  let at = start;
  const byte = (): number => bytes.readUInt8(at++);
  const number = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const part = byte();
      value |= BigInt(part & 0x7f) << shift;
      if (part < 0x80) return value;
    }
  };
  const piece = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('the structure ends early');
    return bytes.subarray(at, (at += length));
  };
  const valueOf = (code: number, isItem: boolean): Value => {
    switch (code) {
      case THRIFT.true:
      case THRIFT.false:
        return { type: 'flag', code: isItem ? byte() : code };
      case THRIFT.byte:
        return { type: 'bytes', code, value: piece(1) };
      case THRIFT.int16:
      case THRIFT.int32:
      case THRIFT.int64:
        return { type: 'integer', code, value: unzigzag(number()) };
      case THRIFT.double:
        return { type: 'bytes', code, value: piece(8) };
      case THRIFT.binary:
        return { type: 'bytes', code, value: piece(Number(number())) };
      case THRIFT.list: {
        const head = byte();
        const [short, itemCode] = [head >> 4, head & 0xf];
        const count = short === 15 ? Number(number()) : short;
        return {
          type: 'list',
          code,
          itemCode,
          items: Array.from({ length: count }, () => valueOf(itemCode, true)),
        };
      }
      case THRIFT.struct:
        return structHere();
      default:
        throw new RangeError(`there is no type ${code}`);
    }
  };
  const structHere = (): Struct => {
    const fields: Field[] = [];
    for (let id = 0; ;) {
      const head = byte();
      if (head === 0) return { type: 'struct', code: THRIFT.struct, fields };
      id = head >> 4 === 0 ? Number(unzigzag(number())) : id + (head >> 4);
      fields.push({ id, value: valueOf(head & 0xf, false) });
    }
  };
  const struct = structHere();
  return { struct, end: at };
}

/** The bytes of a structure. Ids may come in any order. */
export function writeStruct(struct: Struct): Buffer {
  const pieces: Buffer[] = [];
  let last = 0;
  for (const { id, value } of struct.fields) {
    const step = id - last;
    if (step > 0 && step < 16) pieces.push(Buffer.from([(step << 4) | value.code]));
    else pieces.push(Buffer.from([value.code]), varint(zigzag(BigInt(id))));
    pieces.push(...contentOf(value, false));
    last = id;
  }
  return Buffer.concat([...pieces, Buffer.from([0])]);
}

function contentOf(value: Value, isItem: boolean): Buffer[] {
  switch (value.type) {
    case 'flag':
      return isItem ? [Buffer.from([value.code])] : [];
    case 'integer':
      return [varint(zigzag(value.value))];
    case 'bytes':
      return value.code === THRIFT.binary ? [varint(BigInt(value.value.length)), value.value] : [value.value];
    case 'list': {
      const { items, itemCode } = value;
      const head =
        items.length < 15
          ? [Buffer.from([(items.length << 4) | itemCode])]
          : [Buffer.from([0xf0 | itemCode]), varint(BigInt(items.length))];
      return [...head, ...items.flatMap((item) => contentOf(item, true))];
    }
    case 'struct':
      return [writeStruct(value)];
  }
}

/** The value of a field; undefined if the structure has none. */
export function fieldOf(struct: Struct, id: number): Value | undefined {
  return struct.fields.find((field) => field.id === id)?.value;
}
