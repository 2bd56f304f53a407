import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { fromBfloat16, fromHalf, halfBits, toHalf } from '../../src/onnx/half.js';

describe('half precision', () => {
  test('known values have their IEEE bit patterns', () => {
    const cases: readonly (readonly [number, number])[] = [
      [0, 0x0000],
      [-0, 0x8000],
      [1, 0x3c00],
      [-2, 0xc000],
      [65504, 0x7bff],
      [2 ** -14, 0x0400],
      [2 ** -24, 0x0001],
      [Infinity, 0x7c00],
      [-Infinity, 0xfc00],
      // 1/3 = 1.0101010101|01... * 2^-2: the rest is below one half, so it is cut off.
      [1 / 3, 0x3555],
    ];
    for (const [value, bits] of cases) assert.equal(halfBits(value), bits, String(value));
    assert.ok(Number.isNaN(fromHalf(Uint16Array.of(halfBits(NaN)))[0]));
  });

  test('a tie goes to the even neighbour', () => {
    // Between 1 and 1 + 2^-10, and between 1 + 2^-10 and 1 + 2^-9.
    assert.equal(halfBits(1 + 2 ** -11), 0x3c00);
    assert.equal(halfBits(1 + 3 * 2 ** -11), 0x3c02);
    // Half of the smallest subnormal goes to zero, one and a half of it to two.
    assert.equal(halfBits(2 ** -25), 0x0000);
    assert.equal(halfBits(3 * 2 ** -25), 0x0002);
    // 65520 lies half way between the largest number and what would follow it.
    assert.equal(halfBits(65519), 0x7bff);
    assert.equal(halfBits(65520), 0x7c00);
  });

  test('every half-precision number survives the way to Float32 and back', () => {
    const all = Uint16Array.from({ length: 0x10000 }, (_, pattern) => pattern);
    const back = toHalf(fromHalf(all));
    for (const pattern of all) {
      const isNaN = (pattern & 0x7c00) === 0x7c00 && (pattern & 0x3ff) !== 0;
      if (!isNaN) assert.equal(back[pattern], pattern);
    }
  });

  test('bf16 is the upper half of a Float32', () => {
    assert.deepEqual([...fromBfloat16(Uint16Array.of(0x3f80, 0xc040, 0x7f80))], [1, -3, Infinity]);
  });
});
