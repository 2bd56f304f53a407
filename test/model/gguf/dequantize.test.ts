/**
 * @file Rows of GGUF's element types against the Python package of llama.cpp, to the bit.
 *
 * The expected numbers come from `gguf.dequantize`, see `test/golden/make-gguf.py`.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ModelError } from '../../../src/domain/errors.js';
import { dequantize } from '../../../src/model/gguf/dequantize.js';
import { READABLE_TYPES } from '../../../src/model/gguf/element-types.js';
import { GgufFile } from '../../../src/model/gguf/gguf-file.js';
import { SafetensorsFile } from '../../../src/model/weights/safetensors.js';
import { ggufPath } from './golden.js';

const bits = (numbers: Float32Array): Uint32Array =>
  new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);

describe('dequantized tensors', () => {
  const file = GgufFile.open(ggufPath('types.gguf'));
  const expected = SafetensorsFile.open(ggufPath('types-expected.safetensors'));

  for (const type of READABLE_TYPES) {
    test(`${type} has the bits of the Python package`, () => {
      assert.deepEqual(file.tensors.get(type)?.shape, [2, 512]);
      assert.deepEqual(bits(file.read(type)), bits(expected.read(type)));
    });

    test(`the second row of ${type} alone is the second row of all`, () => {
      assert.deepEqual(bits(file.read(type, 1, 2)), bits(expected.read(type).slice(512)));
    });
  }

  test('a type that is not read is refused by name', () => {
    assert.throws(
      () => file.read('IQ4_NL'),
      (error) => error instanceof ModelError && /tensor IQ4_NL has type IQ4_NL/.test(error.message),
    );
  });

  test('a block of Q4_0 is d times each code less eight', () => {
    // d = 0.5 (0x3800); the first byte holds the codes 15 (number 0) and 0 (number 16), all others 8 and 8.
    const block = Uint8Array.from([0x00, 0x38, 0x0f, ...Array.from({ length: 15 }, () => 0x88)]);
    const numbers = dequantize('Q4_0', block);
    assert.equal(numbers[0], 3.5); // 0.5 * (15 - 8)
    assert.equal(numbers[16], -4); // 0.5 * (0 - 8)
    assert.ok([...numbers].every((number, i) => i === 0 || i === 16 || number === 0));
  });
});
