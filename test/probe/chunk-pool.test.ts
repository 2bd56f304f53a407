import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  distinctChunks,
  OtherChunks,
  pooledSoftTokens,
  poolOf,
  softTokens,
  type ChunkPool,
  type PooledChunk,
} from '../../src/probe/chunk-pool.js';
import type { Compressor } from '../../src/pipelines/compressor.js';
import { matrixOf } from '../../src/tensor/matrix.js';
import { fakeEncoder, fakeTokenizer, wideProjector } from '../support/fakes.js';

const compressor: Compressor = {
  encoder: fakeEncoder,
  tokenizer: fakeTokenizer,
  template: { before: [], after: [], maxTokens: 64 },
  normalize: false,
  projector: wideProjector(2),
  tokensPerChunk: 2,
};
const chunk = (
  text: string,
  repository = 'r',
  language: PooledChunk['language'] = 'python',
): PooledChunk => ({
  ...{ text, repository, language },
});

describe('a pool of chunks', () => {
  test('holds each text once, as where it was found first, and the lowest hashes where there are too many', () => {
    const found = [chunk('a', 'x'), chunk('b'), chunk('a', 'y'), chunk('c')];
    const all = distinctChunks(found, 10);
    assert.deepEqual(all.map(({ text }) => text).sort(), ['a', 'b', 'c']);
    assert.equal(all.find(({ text }) => text === 'a')!.repository, 'x');
    // SHA-256 of b begins with 3e, of c with 2e, of a with ca.
    assert.deepEqual(
      distinctChunks(found.reverse(), 2).map(({ text }) => text),
      ['c', 'b'],
    );
  });

  test('by hand: has k soft tokens a chunk, in groups of the encoder or not', async () => {
    const texts = Array.from({ length: 70 }, (_, i) => 'x'.repeat((i % 9) + 1));
    let told = 0;
    const pool = await poolOf(
      texts.map((text) => chunk(text)),
      compressor,
      (n) => (told += n),
      () => false,
    );
    assert.ok(pool !== null);
    assert.deepEqual([told, pool.encoded.rows, softTokens(pool).rows], [70, 70, 140]);
    // Vector of 'xxx' (ids 220): [3, 220, 1]; soft tokens [3, 220] and [3, 320].
    assert.deepEqual([...pooledSoftTokens(pool, 2).data], [3, 220, 3, 320]);
    assert.deepEqual(pooledSoftTokens(pool, 2).rows, 2);
  });

  test('is null if the work was cancelled', async () => {
    assert.equal(
      await poolOf(
        [chunk('a')],
        compressor,
        () => undefined,
        () => true,
      ),
      null,
    );
  });
});

describe('other chunks', () => {
  const chunks = [chunk('a', 'own'), chunk('b', 'other'), chunk('c', 'other', 'java'), chunk('d', 'own')];
  const none = matrixOf(4, 0, new Float32Array(0));
  const pool: ChunkPool = { chunks, encoded: none, projected: none, tokensPerChunk: 1 };
  const draw = (repository: string, language: PooledChunk['language'], ...own: string[]): string[] => {
    const others = new OtherChunks(pool);
    const drawn = Array.from({ length: 40 }, (_, key) =>
      others.draw({ repository, language, own: new Set(own) }, [0, key]),
    );
    return [...new Set(drawn.map((index) => (index === null ? '-' : chunks[index]!.text)))].sort();
  };

  test('are of another repository, in the same language if there are any', () => {
    assert.deepEqual(draw('own', 'python'), ['b']);
    assert.deepEqual(draw('own', 'java'), ['c']);
    assert.deepEqual(draw('own', 'go'), ['b', 'c']);
  });

  test('are of the same repository where there is no other, and never the own ones', () => {
    const alone = new OtherChunks({ ...pool, chunks: [chunks[0]!, chunks[3]!] });
    assert.equal(alone.draw({ repository: 'own', language: 'python', own: new Set(['a']) }, 1), 1);
    assert.equal(alone.draw({ repository: 'own', language: 'python', own: new Set(['a', 'd']) }, 1), null);
  });

  test('are drawn by the key alone', () => {
    const of = { repository: 'own', language: 'go', own: new Set<string>() } as const;
    assert.equal(new OtherChunks(pool).draw(of, [3, 'x']), new OtherChunks(pool).draw(of, [3, 'x']));
  });
});
