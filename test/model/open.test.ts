/**
 * @file Opening and running the models of a tiny bundle on the CPU: contracts and bad input.
 */

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import type { OrtDecoder } from '../../src/model/ort/ort-decoder.js';
import { argmax } from '../../src/inference/logits.js';
import { batches } from '../../src/model/ort/ort-encoder.js';
import { checkProjectorFits, openDecoder, openEncoder, openProjector } from '../../src/model/ort/open.js';
import { matrixOf, row } from '../../src/tensor/matrix.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'open-'));
const CPU = { device: 'cpu', dtype: 'fp32', threads: 1 } as const;
const ids = (...numbers: readonly number[]): TokenId[] => numbers.map(tokenId);

before(() => {
  writeTinyBundle(folder, { maxPositions: 64 });
});
after(() => {
  rmSync(folder, { recursive: true });
});

const message = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ModelError);
  assert.match(error.render(), pattern);
  return true;
};

describe('decoder', () => {
  let decoder: OrtDecoder;
  before(async () => {
    decoder = await openDecoder(join(folder, 'decoder'), CPU);
  });
  after(async () => {
    await decoder.dispose();
  });

  test('the embedding lookup returns rows of the table, as a copy', () => {
    const first = decoder.embed(ids(5, 7, 5));
    assert.deepEqual([first.rows, first.cols], [3, decoder.width]);
    assert.deepEqual(row(first, 0), row(first, 2));
    row(first, 0).fill(9);
    assert.notDeepEqual(row(decoder.embed(ids(5)), 0), row(first, 0));
    assert.deepEqual(decoder.embed([]).data.length, 0);
  });

  test('a token outside the vocabulary is refused', () => {
    assert.throws(() => decoder.embed(ids(decoder.vocabularySize)), /outside the decoder's vocabulary/);
  });

  test('a prompt that is empty, too wide or too long is refused', async () => {
    const empty = matrixOf(0, decoder.width, new Float32Array(0));
    await assert.rejects(decoder.prefill(empty), /the prompt is empty/);
    await assert.rejects(
      decoder.prefill(matrixOf(1, 3, new Float32Array(3))),
      /3 wide but the decoder is 32/,
    );
    const long = matrixOf(65, decoder.width, new Float32Array(65 * decoder.width));
    await assert.rejects(decoder.prefill(long), /65 positions, but the decoder was made for 64/);
  });

  test('decoding stops at the last position the model was made for', async () => {
    const full = await decoder.prefill(decoder.embed(Array.from({ length: 64 }, () => tokenId(1))));
    await assert.rejects(decoder.decode(full.token, full.cache), /65 positions/);
    full.cache.dispose();
  });

  test('a step consumes its cache', async () => {
    const first = await decoder.prefill(decoder.embed(ids(1, 2, 3)));
    const second = await decoder.decode(first.token, first.cache);
    assert.equal(second.cache.length, 4);
    await assert.rejects(decoder.decode(first.token, first.cache), /disposed or used/);
    second.cache.dispose();
    second.cache.dispose();
  });

  test('the cache of another decoder is refused', async () => {
    const foreign = { length: 1, dispose: () => undefined };
    await assert.rejects(decoder.decode(tokenId(1), foreign), /belongs to another decoder/);
  });

  test('the prompt embeddings are left as they were', async () => {
    const inputs = decoder.embed(ids(1, 2, 3));
    const copy = inputs.data.slice();
    (await decoder.prefill(inputs)).cache.dispose();
    assert.deepEqual(inputs.data, copy);
  });

  test('the identity follows the weights, not the folder', async () => {
    const elsewhere = join(folder, 'elsewhere');
    writeTinyBundle(elsewhere, { maxPositions: 64 });
    const same = await openDecoder(join(elsewhere, 'decoder'), CPU);
    assert.equal(same.identity, decoder.identity);
    writeTinyBundle(elsewhere, { maxPositions: 64, seed: 2 });
    const other = await openDecoder(join(elsewhere, 'decoder'), CPU);
    assert.notEqual(other.identity, decoder.identity);
    await Promise.all([same.dispose(), other.dispose()]);
  });

  test('the greedy choice is the lowest of the highest', () => {
    assert.equal(argmax(Float32Array.of(1, 3, 3, -1)), 1);
    assert.equal(argmax(Float32Array.of(-5)), 0);
    assert.throws(() => argmax(Float32Array.of(NaN, NaN)), RangeError);
  });
});

describe('encoder', () => {
  test('an empty input gives zeros and changes nobody else’s vector', async () => {
    const encoder = await openEncoder(join(folder, 'encoder'), CPU, 100);
    assert.equal(encoder.maxTokens, 100);
    const alone = await encoder.encode([ids(5, 6)]);
    const mixed = await encoder.encode([[], ids(5, 6), ids(9)]);
    assert.deepEqual(
      [...row(mixed, 0)],
      Array.from({ length: encoder.width }, () => 0),
    );
    for (let e = 0; e < encoder.width; e++) {
      assert.ok(Math.abs(row(mixed, 1)[e]! - row(alone, 0)[e]!) < 1e-6);
    }
    assert.equal((await encoder.encode([])).rows, 0);
    await encoder.dispose();
  });

  test('an input that is too long or has an unknown token is refused by its index', async () => {
    const encoder = await openEncoder(join(folder, 'encoder'), CPU, 2);
    await assert.rejects(encoder.encode([[], ids(1, 2, 3)]), /input 1 has 3 tokens; the encoder takes 2/);
    await assert.rejects(encoder.encode([ids(9999)]), /input 0 has token 9999/);
    await encoder.dispose();
  });

  test('more tokens than there are positions cannot be promised', async () => {
    const refused = message(/has positions for 256 tokens, not for 257/);
    await assert.rejects(openEncoder(join(folder, 'encoder'), CPU, 257), refused);
  });

  test('batches hold inputs of similar length up to a number of positions', () => {
    assert.deepEqual(batches([2, 0, 5, 4], 8), [
      { rows: [2], positions: 5 },
      { rows: [3, 0], positions: 4 },
    ]);
    assert.deepEqual(batches([3, 3, 3], 6), [
      { rows: [0, 1], positions: 3 },
      { rows: [2], positions: 3 },
    ]);
    assert.deepEqual(batches([20], 8), [{ rows: [0], positions: 20 }]);
    assert.deepEqual(batches([], 8), []);
  });
});

describe('projector', () => {
  test('vectors in, soft tokens out; none in, none out', async () => {
    const projector = await openProjector(join(folder, 'projector.safetensors'), CPU);
    assert.deepEqual([projector.layers, projector.inputWidth, projector.outputWidth], [3, 24, 32]);
    const soft = await projector.project(matrixOf(2, 24, new Float32Array(48).fill(0.1)));
    assert.deepEqual([soft.rows, soft.cols], [2, 32]);
    assert.deepEqual(await projector.project(matrixOf(0, 24, new Float32Array(0))), {
      rows: 0,
      cols: 32,
      data: new Float32Array(0),
    });
    await assert.rejects(projector.project(matrixOf(1, 2, new Float32Array(2))), /2 wide but .* takes 24/);
    await projector.dispose();
  });

  test('a depth other than the promised one is refused', async () => {
    const path = join(folder, 'projector.safetensors');
    await assert.rejects(openProjector(path, CPU, 2), message(/has 3 Linear layers, the bundle says 2/));
  });

  test('a file that holds no projector is refused', async () => {
    const path = join(folder, 'encoder', 'model.safetensors');
    await assert.rejects(openProjector(path, CPU), message(/found 0 Linear layers/));
  });

  test('widths that do not meet are refused before anything runs', () => {
    const projector = { inputWidth: 768, hiddenWidths: [3072, 3072], outputWidth: 1536 };
    assert.equal(checkProjectorFits(projector, { width: 768 }, { width: 1536 }), 1);
    assert.throws(
      () => {
        checkProjectorFits(projector, { width: 768 }, { width: 896 });
      },
      message(/projector maps 768 -> 1536 but the decoder is 896 wide; it was trained for another decoder/),
    );
    // Twice the width of the decoder, but not two soft tokens: all of its widths are those of one for 1536.
    assert.throws(
      () => {
        checkProjectorFits(projector, { width: 768 }, { width: 768 });
      },
      message(/768 -> 1536 but the decoder is 768 wide; it was trained for another decoder/),
    );
    const two = { ...projector, hiddenWidths: [1536, 1536] };
    assert.equal(checkProjectorFits(two, { width: 768 }, { width: 768 }), 2);
    assert.throws(
      () => {
        checkProjectorFits(projector, { width: 1024 }, { width: 1536 });
      },
      message(/but the encoder is 1024 wide; it was trained for another encoder/),
    );
  });
});

describe('damaged model folders', () => {
  const broken = join(folder, 'broken');
  const write = (): void => {
    writeTinyBundle(broken);
  };

  test('a truncated weight file is refused', async () => {
    write();
    truncateSync(join(broken, 'decoder', 'model.safetensors'), 50_000);
    await assert.rejects(openDecoder(join(broken, 'decoder'), CPU), message(/not a usable safetensors file/));
  });

  test('weights and configuration of different models are refused with both shapes', async () => {
    write();
    const path = join(broken, 'decoder', 'config.json');
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('"intermediate_size": 64', '"intermediate_size": 96'),
    );
    await assert.rejects(
      openDecoder(join(broken, 'decoder'), CPU),
      message(/6 tensors cannot be used[^]*gate_proj\.weight is \[64, 32\], expected \[96, 32\]/),
    );
  });

  test('the weights of another architecture are refused with the names that are missing', async () => {
    write();
    copyFileSync(join(broken, 'decoder', 'model.safetensors'), join(broken, 'encoder', 'model.safetensors'));
    await assert.rejects(
      openEncoder(join(broken, 'encoder'), CPU),
      message(/word_embeddings\.weight \[300, 24\] is missing[^]*and \d+ more/),
    );
  });

  test('a folder without weights is refused with the path', async () => {
    write();
    rmSync(join(broken, 'decoder', 'model.safetensors'));
    await assert.rejects(
      openDecoder(join(broken, 'decoder'), CPU),
      message(/model\.safetensors: cannot be opened/),
    );
  });
});
