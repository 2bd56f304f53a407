import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { tokenId, type TokenId } from '../../src/domain/units.js';
import { VectorCache, type VectorCacheOptions } from '../../src/model/vector-cache.js';
import { retrievalEmbedder } from '../../src/retrieval/rankers/embedder.js';
import { matrixOf, type Matrix } from '../../src/tensor/matrix.js';
import { fakeEncoder, fakeTokenizer } from '../support/fakes.js';

let folder: string;
let notes: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vectors-'));
  notes = [];
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const cacheOf = (changed: Partial<VectorCacheOptions> = {}): VectorCache =>
  new VectorCache({
    cacheDir: folder,
    space: { encoder: 'e', device: 'cpu', threads: 2 },
    width: 2,
    onNote: (note) => notes.push(note),
    ...changed,
  });

const ids = (...values: number[]): TokenId[] => values.map(tokenId);
const rows = (...values: number[][]): Matrix => matrixOf(values.length, 2, Float32Array.from(values.flat()));
const found = async (cache: VectorCache, ...inputs: TokenId[][]): Promise<(number[] | undefined)[]> =>
  (await cache.find(inputs)).map((vector) => (vector === undefined ? undefined : [...vector]));
const files = (): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );

describe('the vector cache', () => {
  test('gives back in another process what was kept, by ids, and nothing else', async () => {
    await cacheOf().keep([ids(1, 2), ids(3)], rows([0.25, -1], [2, 0.1]));
    const later = cacheOf();
    assert.deepEqual(await found(later, ids(3), ids(1), ids(2, 1), ids(1, 2)), [
      [2, Math.fround(0.1)],
      undefined,
      undefined,
      [0.25, -1],
    ]);
    assert.deepEqual(later.use, { asked: 4, found: 2 });
    assert.deepEqual(notes, []);
  });

  test('joins what several runs kept', async () => {
    await cacheOf().keep([ids(1)], rows([1, 0]));
    await cacheOf().keep([ids(2)], rows([0, 1]));
    assert.deepEqual(await found(cacheOf(), ids(2), ids(1)), [
      [0, 1],
      [1, 0],
    ]);
  });

  test('serves no vector of another encoder, device, number of threads or version', async () => {
    await cacheOf().keep([ids(1)], rows([1, 0]));
    for (const changed of [
      { encoder: 'other' },
      { device: 'webgpu' },
      { threads: 3 },
      { program: '0.2.0' },
    ]) {
      const space = { encoder: 'e', device: 'cpu', threads: 2, ...changed };
      assert.deepEqual(await found(cacheOf({ space }), ids(1)), [undefined], JSON.stringify(changed));
    }
    // The order in which the parts of a space are named does not matter.
    assert.deepEqual(await found(cacheOf({ space: { threads: 2, encoder: 'e', device: 'cpu' } }), ids(1)), [
      [1, 0],
    ]);
  });

  test('a file of another space that was put in its place is not used', async () => {
    await cacheOf({ space: { encoder: 'other' } }).keep([ids(1)], rows([9, 9]));
    await cacheOf().keep([ids(2)], rows([0, 1]));
    const foreign = files().find((path) => readFileSync(path, 'utf8').includes('"other"'))!;
    const own = files().find((path) => path !== foreign)!;
    writeFileSync(own, readFileSync(foreign));
    assert.deepEqual(await found(cacheOf(), ids(1)), [undefined]);
    assert.match(notes[0]!, /another model; its vectors are computed again/);
    assert.deepEqual(files(), [foreign]);
  });

  test('a damaged file is removed with a note, wherever the damage is', async () => {
    const damages: ((bytes: Buffer) => Buffer)[] = [
      (bytes) => bytes.subarray(0, bytes.length - 1),
      (bytes) => Buffer.concat([bytes, Buffer.of(0)]),
      (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)]),
      () => Buffer.from('{}\n'),
      () => Buffer.from('not a cache file'),
      () => Buffer.alloc(0),
    ];
    for (const damage of damages) {
      notes = [];
      await cacheOf().keep([ids(1)], rows([1, 0]));
      writeFileSync(files()[0]!, damage(readFileSync(files()[0]!)));
      assert.deepEqual(await found(cacheOf(), ids(1)), [undefined]);
      assert.equal(notes.length, 1);
      assert.deepEqual(files(), []);
    }
  });

  test('what was not used for longest goes first when room is short', async () => {
    await cacheOf().keep([ids(1)], rows([1, 0]));
    const [first] = files();
    const { size } = statSync(first!);
    await cacheOf().keep([ids(2)], rows([0, 1]));
    const second = files().find((path) => path !== first)!;
    utimesSync(first!, 100, 100);
    utimesSync(second, 50, 50);
    // Room for two: the third pushes out the second, which is older than the first.
    await cacheOf({ mostBytes: 2.5 * size }).keep([ids(3)], rows([1, 1]));
    assert.deepEqual(await found(cacheOf(), ids(1), ids(2), ids(3)), [[1, 0], undefined, [1, 1]]);
  });

  test('using a file makes it young', async () => {
    await cacheOf().keep([ids(1)], rows([1, 0]));
    const [path] = files();
    utimesSync(path!, 100, 100);
    await cacheOf().find([ids(1)]);
    assert.ok(statSync(path!).mtimeMs > 1e12);
  });

  test('a folder that cannot be made is a note, not a failure', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const cache = cacheOf({ cacheDir: file });
    await cache.keep([ids(1)], rows([1, 0]));
    assert.match(notes[0]!, /cannot be kept for the next run: .*--no-vector-cache/s);
    assert.deepEqual(await found(cache, ids(1)), [undefined]);
  });
});

describe('an index over kept vectors', () => {
  let encoded: string[];
  const encoder = {
    ...fakeEncoder,
    encode: (inputs: readonly (readonly TokenId[])[]) => {
      encoded.push(...inputs.map((input) => fakeTokenizer.decode(input)));
      return fakeEncoder.encode(inputs);
    },
  };
  const embedder = (cache: VectorCache | null) => retrievalEmbedder(encoder, fakeTokenizer, cache);
  beforeEach(() => {
    encoded = [];
  });

  test('encodes each text once, and in a later run only what is new', async () => {
    const plain = await embedder(null).index(['bb', 'a', ' bb\n', '']);
    // Longest first; the text in blanks is the same input, but known only after it was tokenized.
    assert.deepEqual(encoded, ['bb', 'bb', 'a', '']);
    encoded = [];
    const first = await embedder(cacheOf({ width: 3 })).index(['bb', 'a', 'bb']);
    assert.deepEqual(encoded, ['bb', 'a']);
    encoded = [];
    const counts: number[] = [];
    const later = await embedder(cacheOf({ width: 3 })).index(
      ['ccc', 'a', 'bb', 'bb'],
      (n) => counts.push(n) > 0,
    );
    assert.deepEqual(encoded, ['ccc']);
    // Three texts were there at once, one had to be encoded.
    assert.deepEqual(counts, [3, 1]);
    assert.deepEqual(
      [...later!.data.subarray(3)],
      [...first!.data.subarray(3, 6), ...plain!.data.subarray(0, 3), ...plain!.data.subarray(0, 3)],
    );
  });

  test('keeps what it has encoded when it is ended on the way', async () => {
    const texts = Array.from({ length: 300 }, (_, i) => `t${i}`);
    assert.equal(await embedder(cacheOf({ width: 3 })).index(texts, () => false), null);
    assert.equal(encoded.length, 256);
    await embedder(cacheOf({ width: 3 })).index(texts);
    assert.equal(encoded.length, 300);
  });

  test('never reads a question from the cache, nor keeps one', async () => {
    const cache = cacheOf({ width: 3 });
    await embedder(cache).index(['q']);
    await embedder(cache).embed(['q']);
    assert.deepEqual(encoded, ['q', 'q']);
    assert.equal(cache.use.asked, 1);
  });
});
