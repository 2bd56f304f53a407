import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';

import { tokenId, type TokenId } from '../../src/domain/units.js';
import { openEncoder } from '../../src/model/ort/open.js';
import { independentBatches, type OrtEncoder } from '../../src/model/ort/ort-encoder.js';
import { row, type Matrix } from '../../src/tensor/matrix.js';
import { createRng } from '../../src/tensor/rng.js';

describe('independent batches', () => {
  test('hold inputs of one padded length, two or more, whose padding follows from their own length', () => {
    // Padded to multiples of 4: 4, -, 8, 4, 4. A lone input is there twice.
    assert.deepEqual(independentBatches([2, 0, 5, 4, 3], 512), [
      { rows: [2, 2], positions: 8 },
      { rows: [0, 3, 4], positions: 4 },
    ]);
    // 8 positions are two rows of 4.
    assert.deepEqual(independentBatches([4, 4, 4], 512, 8), [
      { rows: [0, 1], positions: 4 },
      { rows: [2, 2], positions: 4 },
    ]);
    // Never beyond what the encoder has positions for.
    assert.deepEqual(independentBatches([5], 6), [{ rows: [0, 0], positions: 6 }]);
    assert.deepEqual(independentBatches([], 6), []);
  });
});

describe('vectors of an index', () => {
  let encoder: OrtEncoder;
  before(async () => {
    const dir = fileURLToPath(new URL('../../models/llavacode-nano/encoder', import.meta.url));
    encoder = await openEncoder(dir, { device: 'cpu', dtype: 'fp32', threads: 2 });
  });
  after(() => encoder.dispose());

  const rng = createRng(3);
  const inputs = Array.from({ length: 40 }, (_, i): TokenId[] =>
    Array.from({ length: i === 7 ? 0 : 1 + rng.int(140) }, () => tokenId(5 + rng.int(4000))),
  );
  const bits = (vectors: Matrix, r: number): Uint32Array => new Uint32Array(row(vectors, r).slice().buffer);

  test('are the same to the last bit alone, in company, and in any order', async () => {
    const together = await encoder.encode(inputs, 'independent');
    const order = createRng(4).shuffle([...inputs.keys()]);
    const shuffled = await encoder.encode(
      order.map((i) => inputs[i]!),
      'independent',
    );
    for (const [at, i] of order.entries()) assert.deepEqual(bits(shuffled, at), bits(together, i));
    for (const i of [0, 7, 20, 39]) {
      const alone = await encoder.encode([inputs[i]!], 'independent');
      assert.deepEqual(bits(alone, 0), bits(together, i), `input ${i}`);
    }
  });

  test('are those of the batches for speed, but for the last bits', async () => {
    const independent = await encoder.encode(inputs, 'independent');
    const padded = await encoder.encode(inputs, 'together');
    for (const [i, value] of independent.data.entries()) {
      assert.ok(Math.abs(value - padded.data[i]!) < 1e-5, `${i}: ${value} and ${padded.data[i]}`);
    }
  });
});
