import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  concatFields,
  floatField,
  intField,
  messageField,
  stringField,
  toBytes,
} from '../../src/onnx/wire.js';
import { bytesOf, integerOf, integersOf, readFields, textOf, WireError } from '../../src/onnx/wire-reader.js';
import { createRng } from '../../src/tensor/rng.js';

describe('protobuf wire decoding', () => {
  test('what was written is read back, field by field, and the fields together are the message', () => {
    const message = toBytes(
      concatFields([
        intField(1, 150),
        stringField(2, 'naïve'),
        intField(3, -1),
        floatField(4, 0.5),
        messageField(5, [intField(1, 2 ** 40)]),
      ]),
    );
    const fields = [...readFields(message)];
    assert.deepEqual(
      fields.map(({ number, kind }) => `${number} ${kind}`),
      ['1 varint', '2 bytes', '3 varint', '4 fixed32', '5 bytes'],
    );
    assert.equal(integerOf(fields[0]!), 150);
    assert.equal(textOf(fields[1]!), 'naïve');
    assert.equal(integerOf(fields[2]!), -1);
    assert.equal(integerOf([...readFields(bytesOf(fields[4]!))][0]!), 2 ** 40);
    assert.deepEqual(Buffer.concat(fields.map(({ whole }) => whole)), Buffer.from(message));
  });

  test('integers are read whether packed into one field or not', () => {
    // Field 1, length 3: 3, then 300 as ac 02.
    const [packed] = [...readFields(Uint8Array.of(0x0a, 3, 3, 0xac, 0x02))];
    assert.deepEqual(integersOf(packed!), [3, 300]);
    const [single] = [...readFields(Uint8Array.of(0x08, 7))];
    assert.deepEqual(integersOf(single!), [7]);
  });

  test('views are taken, nothing is copied', () => {
    const message = toBytes(stringField(1, 'abc'));
    const [field] = [...readFields(message)];
    assert.equal(bytesOf(field!).buffer, message.buffer);
  });

  test('a length beyond the message, an endless number and an unknown wire type are refused', () => {
    assert.throws(() => [...readFields(Uint8Array.of(0x0a, 5, 1))], WireError);
    assert.throws(() => [...readFields(new Uint8Array(11).fill(0xff))], WireError);
    assert.throws(() => [...readFields(Uint8Array.of(0x08))], WireError);
    // Wire type 3 is the group of long ago.
    assert.throws(() => [...readFields(Uint8Array.of(0x0b))], /unknown wire type 3/);
    // 2^60: bit 60 is bit 4 of the ninth group of seven.
    const [large] = [...readFields(Uint8Array.of(0x08, ...Array<number>(8).fill(0x80), 0x10))];
    assert.throws(() => integerOf(large!), /beyond the exact integers/);
  });

  test('random bytes end in fields that cover them or in a refusal, never in anything else', () => {
    const rng = createRng(7);
    for (let round = 0; round < 2000; round++) {
      const bytes = Uint8Array.from({ length: rng.int(40) }, () => rng.int(256));
      try {
        const total = [...readFields(bytes)].reduce((sum, { whole }) => sum + whole.length, 0);
        assert.equal(total, bytes.length);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }
  });
});
