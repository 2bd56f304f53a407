/**
 * @file Pages of strangers: what they claim is compared with what they hold, before memory is taken by it.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PageGuard, type ColumnChunk } from '../../../src/datasets/rows/parquet-pages.js';
import { THRIFT, writeStruct, type Field, type Struct } from '../../fuzz/mutate/thrift.js';

const OPTIONAL: ColumnChunk = {
  ...{ start: 0, end: 0, codec: 'UNCOMPRESSED', isBoolean: false },
  ...{ isFlat: true, maxRepetition: 0, maxDefinition: 1 },
};
const REQUIRED: ColumnChunk = { ...OPTIONAL, maxDefinition: 0 };

const whole = (id: number, value: number): Field => ({
  id,
  value: { type: 'integer', code: THRIFT.int32, value: BigInt(value) },
});
const struct = (...fields: Field[]): Struct => ({ type: 'struct', code: THRIFT.struct, fields });

/** A page of version 1: kind 0, unpacked and packed bytes, then the number of values and the encoding. */
function page(count: number, encoding: number, body: readonly number[], unpacked = body.length): Uint8Array {
  const head = struct(whole(1, 0), whole(2, unpacked), whole(3, body.length), {
    id: 5,
    value: struct(whole(1, count), whole(2, encoding)),
  });
  return Buffer.concat([writeStruct(head), Buffer.from(body)]);
}

const check = (bytes: Uint8Array, chunk: ColumnChunk, rows: number): void => {
  new PageGuard({}).check(bytes, chunk, rows);
};

const PLAIN = 0;
const DICTIONARY = 8;
/** 2 bytes of levels: a run (its length twice) of the level 1. Then indices of one bit: a run of the index 0. */
const sound = (run: readonly number[]): number[] => [2, 0, 0, 0, 6, 1, 1, ...run, 0];
/** Twice a billion, as seven bits a byte: a run of 1,000,000,000 values. */
const BILLION = [0x80, 0xa8, 0xd6, 0xb9, 0x07];

describe('a page', () => {
  test('of three values, two runs of three, is let pass', () => {
    assert.doesNotThrow(() => {
      check(page(3, DICTIONARY, sound([6])), OPTIONAL, 3);
    });
  });

  test('that repeats an index a billion times is refused', () => {
    assert.throws(() => {
      check(page(3, DICTIONARY, sound(BILLION)), OPTIONAL, 3);
    }, /a page of 3 values repeats one 1000000000 times/);
  });

  test('that repeats a level a billion times is refused', () => {
    assert.throws(() => {
      check(page(3, PLAIN, [6, 0, 0, 0, ...BILLION, 1]), OPTIONAL, 3);
    }, /repeats one 1000000000 times/);
  });

  test('that claims two billion values is refused', () => {
    assert.throws(() => {
      check(page(2 ** 31 - 1, PLAIN, [0]), REQUIRED, 1);
    }, /a page claims 2147483647 values; up to 4194304/);
  });

  test('that claims more unpacked bytes than its packed ones can hold is refused before it is unpacked', () => {
    for (const [claimed, message] of [
      [2 ** 31 - 1, /claims 2147483647 unpacked bytes; up to/],
      // More than 64 MiB, and more than 300 for each of the 2 packed bytes.
      [65 * 2 ** 20, /claims 68157440 unpacked bytes in 2 packed ones/],
    ] as const) {
      const guard = new PageGuard({ SNAPPY: () => assert.fail('it was unpacked') });
      assert.throws(() => {
        guard.check(page(1, PLAIN, [0, 0], claimed), { ...REQUIRED, codec: 'SNAPPY' }, 1);
      }, message);
    }
  });

  test('whose texts each hold the text before them is refused', () => {
    // Blocks of 128 differences in 4 parts; 100,000 numbers; the first is 0. Each block: at least 1 (twice), no bits
    // above. So prefixes are 0, 1, 2 … 99,999, which add up to 5 · 10^9.
    const blocks = Array.from({ length: 800 }, () => [2, 0, 0, 0, 0]).flat();
    const body = [0x80, 0x01, 4, 0xa0, 0x8d, 0x06, 0, ...blocks];
    assert.throws(() => {
      check(page(100_000, 7, body), REQUIRED, 100_000);
    }, /the texts of a page have more than/);
    assert.doesNotThrow(() => {
      check(page(1000, 7, body), REQUIRED, 1000); // 999 · 1000 / 2 bytes
    });
  });

  test('of which a row group claims more rows than values is refused', () => {
    assert.throws(() => {
      check(page(3, DICTIONARY, sound([6])), OPTIONAL, 1000);
    }, /a row group claims 1000 rows, and a column of it has 3 values/);
  });

  test('that ends early is refused', () => {
    const bytes = page(3, DICTIONARY, sound([6]));
    for (let length = 2; length < bytes.length; length++) {
      assert.throws(() => {
        check(bytes.subarray(0, length), OPTIONAL, 3);
      }, Error);
    }
  });

  test('is handed to the package as it was unpacked, and nothing else is', () => {
    const guard = new PageGuard({ SNAPPY: (packed, bytes) => new Uint8Array(bytes).fill(packed[0]!) });
    guard.check(page(2, PLAIN, [7, 7], 8), { ...REQUIRED, codec: 'SNAPPY' }, 2);
    const unpack = guard.compressors.SNAPPY!;
    assert.deepEqual(unpack(Uint8Array.of(7, 7), 8), new Uint8Array(8).fill(7));
    assert.throws(() => unpack(Uint8Array.of(9, 9), 8), /lies where the description has none/);
  });
});
