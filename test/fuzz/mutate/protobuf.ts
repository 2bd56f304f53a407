/**
 * @file A mutator of Protocol Buffers: it goes down into nested messages and writes their lengths anew, so that a
 * bent field is read and not only refused with the message around it.
 */

import type { Rng } from '../../../src/tensor/rng.js';
import { pick, type Mutator } from '../target.js';
import { bendBytes } from './bytes.js';

interface Field {
  readonly key: bigint;
  /** For a varint its bytes, for the others the value without its length. */
  readonly value: Buffer;
}

const LENGTH_DELIMITED = 2n;

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const more = rest > 0x7fn;
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** The fields of a message; null if the bytes are none. */
function fieldsOf(bytes: Buffer): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const number = (): bigint | null => {
    let value = 0n;
    for (let i = 0n; i < 10n; i++) {
      const byte = bytes[at++];
      if (byte === undefined) return null;
      value |= BigInt(byte & 0x7f) << (7n * i);
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < bytes.length) {
    const key = number();
    if (key === null) return null;
    const start = at;
    switch (key & 7n) {
      case 0n:
        if (number() === null) return null;
        fields.push({ key, value: bytes.subarray(start, at) });
        break;
      case 1n:
      case 5n: {
        const width = (key & 7n) === 1n ? 8 : 4;
        if (at + width > bytes.length) return null;
        at += width;
        fields.push({ key, value: bytes.subarray(start, at) });
        break;
      }
      case LENGTH_DELIMITED: {
        const length = number();
        if (length === null || length > BigInt(bytes.length - at)) return null;
        const from = at;
        at += Number(length);
        fields.push({ key, value: bytes.subarray(from, at) });
        break;
      }
      default:
        return null;
    }
  }
  return fields;
}

function messageOf(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ key, value }) => {
      const head = varint(key);
      return (key & 7n) === LENGTH_DELIMITED ? [head, varint(BigInt(value.length)), value] : [head, value];
    }),
  );
}

/** A number no reader expects: a packed list that is far too long, or the end of an integer type. */
const NUMBERS = [
  0n,
  1n,
  2n,
  0xffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];

function bendMessage(bytes: Buffer, other: Buffer, rng: Rng, depth: number): Buffer {
  const fields = fieldsOf(bytes);
  if (fields === null || fields.length === 0) return bendBytes(bytes, other, rng);
  const at = rng.int(fields.length);
  const field = fields[at]!;
  const isNested = (field.key & 7n) === LENGTH_DELIMITED && field.value.length > 0;
  if (isNested && depth > 0 && rng.int(4) > 0) {
    fields[at] = { key: field.key, value: bendMessage(field.value, other, rng, depth - 1) };
    return messageOf(fields);
  }
  switch (rng.int(7)) {
    case 0:
      fields.splice(at, 1);
      break;
    case 1:
      fields.splice(at, 0, field);
      break;
    case 2:
      fields[at] = { key: (BigInt(1 + rng.int(20)) << 3n) | (field.key & 7n), value: field.value };
      break;
    case 3:
      fields[at] = { key: field.key & ~7n, value: varint(pick(NUMBERS, rng)) };
      break;
    case 4:
      // A long packed list, or a long name.
      fields[at] = {
        key: (field.key & ~7n) | LENGTH_DELIMITED,
        value: Buffer.alloc(pick([0, 300_000], rng), 1),
      };
      break;
    case 5:
      // Names that meet: another field's value, which wires a graph into circles.
      fields[at] = { key: field.key, value: pick(fields, rng).value };
      break;
    default:
      fields[at] = { key: field.key, value: bendBytes(field.value, other, rng) };
  }
  return messageOf(fields);
}

/** How deep messages nest in a model: model, graph, node, attribute, tensor. */
const DEPTH = 5;

/** Bends one or two fields, or the bytes. */
export const bendProtobuf: Mutator = (seed, other, rng) => {
  if (rng.int(8) === 0) return bendBytes(seed, other, rng);
  let bytes = seed;
  for (let left = 1 + rng.int(3); left > 0; left--) bytes = bendMessage(bytes, other, rng, DEPTH);
  return bytes;
};
