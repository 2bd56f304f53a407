import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tokenId } from '../../src/domain/units.js';
import { embeddingRow, embeddingRows } from '../../src/inference/embedding-rows.js';
import { matrixOf } from '../../src/tensor/matrix.js';

const TABLE = matrixOf(2, 2, Float32Array.of(1, 2, 3, 4));
const ids = (...all: readonly number[]) => all.map(tokenId);

describe('rows of an embedding table', () => {
  test('stand in the order of the ids, as often as they are asked for', () => {
    assert.deepEqual(embeddingRows(TABLE, ids(1, 1, 0)), matrixOf(3, 2, Float32Array.of(3, 4, 3, 4, 1, 2)));
    assert.deepEqual(embeddingRows(TABLE, []), matrixOf(0, 2, new Float32Array(0)));
  });

  test('are new where several are asked for, and a view where one is', () => {
    assert.notEqual(embeddingRows(TABLE, ids(0)).data.buffer, TABLE.data.buffer);
    assert.equal(embeddingRow(TABLE, tokenId(0)).buffer, TABLE.data.buffer);
  });

  test('are refused for an id beyond the vocabulary', () => {
    assert.throws(() => embeddingRows(TABLE, ids(0, 2)), /token 2 is outside the decoder's vocabulary of 2/);
  });
});
