import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { Checkpoint } from '../../src/model/weights/checkpoint.js';
import { encodeSafetensors } from '../support/safetensors-writer.js';

const root = mkdtempSync(join(tmpdir(), 'checkpoint-'));
after(() => {
  rmSync(root, { recursive: true });
});

const message = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ModelError);
  assert.match(error.render(), pattern);
  return true;
};

let folders = 0;
/** A folder with a safetensors file for each entry, every tensor [2, 2] and filled with its number. */
function folder(files: Readonly<Record<string, Readonly<Record<string, number>>>>, index?: unknown): string {
  const dir = join(root, String(folders++));
  mkdirSync(dir);
  for (const [file, tensors] of Object.entries(files)) {
    const named = Object.entries(tensors).map(([name, value]) => ({
      name,
      shape: [2, 2],
      data: Float32Array.of(value, value + 1, value + 2, value + 3),
    }));
    writeFileSync(join(dir, file), encodeSafetensors(named));
  }
  if (index !== undefined) writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify(index));
  return dir;
}

const SHARDS = { 'model-1.safetensors': { a: 10, b: 20 }, 'model-2.safetensors': { c: 30 } };
const MAP = { a: 'model-1.safetensors', b: 'model-1.safetensors', c: 'model-2.safetensors' };

describe('a checkpoint', () => {
  test('in one file reads tensors and rows of them', () => {
    const checkpoint = Checkpoint.open(folder({ 'model.safetensors': { a: 1 } }));
    assert.deepEqual([...checkpoint.read('a')], [1, 2, 3, 4]);
    assert.deepEqual([...checkpoint.read('a', 1)], [3, 4]);
    assert.deepEqual([...checkpoint.read('a', 0, 1)], [1, 2]);
    assert.deepEqual([...checkpoint.read('a', 1, 1)], []);
    assert.throws(() => checkpoint.read('a', 1, 3), /tensor a has rows 0 to 2, not 1 to 3/);
    assert.throws(() => checkpoint.read('b'), message(/there is no tensor b/));
    checkpoint.close();
    checkpoint.close();
  });

  test('in several files finds each tensor where the index says', () => {
    const dir = folder(SHARDS, { metadata: { total_size: 48 }, weight_map: MAP });
    const checkpoint = Checkpoint.open(dir);
    assert.deepEqual([...checkpoint.tensors.keys()], ['a', 'b', 'c']);
    assert.deepEqual([...checkpoint.read('c')], [30, 31, 32, 33]);
    assert.deepEqual([...checkpoint.read('b', 1, 2)], [22, 23]);
    const names = ['model.safetensors.index.json', 'model-1.safetensors', 'model-2.safetensors'];
    assert.deepEqual(
      checkpoint.files,
      names.map((name) => join(dir, name)),
    );
    checkpoint.close();
  });

  test('that has both forms is the single file', () => {
    const files = { ...SHARDS, 'model.safetensors': { a: 1 } };
    const checkpoint = Checkpoint.open(folder(files, { weight_map: MAP }));
    assert.deepEqual([...checkpoint.tensors.keys()], ['a']);
    checkpoint.close();
  });

  test('whose index and files disagree is refused with both', () => {
    const moved = { ...MAP, a: 'model-2.safetensors' };
    const wrong = message(/index\.json: tensor a is not in model-2\.safetensors/);
    assert.throws(() => Checkpoint.open(folder(SHARDS, { weight_map: moved })), wrong);
    const missing = message(/model-3\.safetensors: cannot be opened/);
    const more = { ...MAP, d: 'model-3.safetensors' };
    assert.throws(() => Checkpoint.open(folder(SHARDS, { weight_map: more })), missing);
  });

  test('whose index leaves the folder or is none is refused', () => {
    for (const name of ['../model-1.safetensors', '/etc/x.safetensors', 'a/b.safetensors', 'weights.bin']) {
      const outside = () => Checkpoint.open(folder(SHARDS, { weight_map: { a: name } }));
      assert.throws(outside, message(/weights lie beside their index/));
    }
    assert.throws(
      () => Checkpoint.open(folder({}, { weights: 1 })),
      message(/not an index of sharded weights/),
    );
  });

  test('without weights is refused with the file that is missing', () => {
    assert.throws(() => Checkpoint.open(folder({})), message(/model\.safetensors: cannot be opened/));
  });
});
