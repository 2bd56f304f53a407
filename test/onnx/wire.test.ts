import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  bytesField,
  concatFields,
  floatField,
  intField,
  messageField,
  stringField,
  toBytes,
  varint,
  type Encoded,
} from '../../src/onnx/wire.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const hexOf = (field: Encoded): string => hex(toBytes(field));

describe('protobuf wire encoding', () => {
  test('a varint holds seven bits a byte, least significant first', () => {
    assert.equal(hex(varint(0)), '00');
    assert.equal(hex(varint(127)), '7f');
    assert.equal(hex(varint(128)), '8001');
    // 300 = 0b10_0101100: groups 0101100 and 0000010.
    assert.equal(hex(varint(300)), 'ac02');
    // 2^32 has bit 32, the fifth bit of the fifth group.
    assert.equal(hex(varint(2 ** 32)), '8080808010');
  });

  test('a negative integer takes the ten bytes of its 64-bit two’s complement', () => {
    assert.equal(hex(varint(-1)), 'ffffffffffffffffff01');
    assert.equal(hex(varint(-2)), 'feffffffffffffffff01');
  });

  test('a fraction or an unsafe integer is refused', () => {
    assert.throws(() => varint(1.5), RangeError);
    assert.throws(() => varint(2 ** 53), RangeError);
  });

  test('a key is the field number and the wire type', () => {
    // The examples of the format's own documentation.
    assert.equal(hexOf(intField(1, 150)), '089601');
    assert.equal(hexOf(stringField(2, 'testing')), '120774657374696e67');
    // Field 20 * 8 + 0 = 160 = 0b1_0100000.
    assert.equal(hexOf(intField(20, 1)), 'a00101');
  });

  test('a float is four bytes, little-endian', () => {
    // 1.5 = 0x3fc00000; key 2 * 8 + 5.
    assert.equal(hexOf(floatField(2, 1.5)), '150000c03f');
  });

  test('text is counted in bytes of UTF-8, not in characters', () => {
    assert.equal(hexOf(stringField(1, 'é')), '0a02c3a9');
  });

  test('a message inside a message carries its length', () => {
    assert.equal(hexOf(messageField(3, [intField(1, 150)])), '1a03089601');
    assert.equal(hexOf(messageField(3, [])), '1a00');
  });

  test('lazy bytes are written once, in their place', () => {
    let writes = 0;
    const lazy = bytesField(1, {
      length: 3,
      write: (target) => {
        writes += 1;
        target.set([1, 2, 3]);
      },
    });
    const message = concatFields([lazy, intField(2, 5)]);
    assert.equal(message.length, 7);
    assert.equal(writes, 0);
    assert.equal(hexOf(message), '0a030102031005');
    assert.equal(writes, 1);
  });
});
