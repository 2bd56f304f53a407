import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { readBundle } from '../../src/model/bundle.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'bundle-'));
const dir = join(folder, 'tiny');
after(() => {
  rmSync(folder, { recursive: true });
});

const message = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ModelError);
  assert.match(error.render(), pattern);
  return true;
};

describe('model bundle', () => {
  beforeEach(() => {
    rmSync(dir, { recursive: true, force: true });
    writeTinyBundle(dir);
  });

  /** Replaces text in the description. */
  function edit(from: string, to: string): void {
    const path = join(dir, 'bundle.json');
    const text = readFileSync(path, 'utf8');
    assert.ok(text.includes(from));
    writeFileSync(path, text.replace(from, to));
  }

  test('a folder is read with absolute paths and the hash of every file', async () => {
    const bundle = await readBundle(dir);
    assert.equal(bundle.name, 'tiny');
    assert.equal(bundle.decoder.path, join(dir, 'decoder'));
    assert.equal(bundle.projector.path, join(dir, 'projector.safetensors'));
    assert.equal(bundle.projector.layers, 3);
    assert.equal(Object.keys(bundle.files).length, 10);
    const weights = readFileSync(join(dir, 'encoder', 'model.safetensors'));
    assert.equal(
      bundle.files['encoder/model.safetensors'],
      createHash('sha256').update(weights).digest('hex'),
    );
  });

  test('the hash of a file that changed changes', async () => {
    const before = (await readBundle(dir)).files['projector.safetensors'];
    writeTinyBundle(dir, { seed: 2 });
    assert.notEqual((await readBundle(dir)).files['projector.safetensors'], before);
  });

  test('the same seed gives the same files', async () => {
    const before = (await readBundle(dir)).files;
    writeTinyBundle(dir);
    assert.deepEqual((await readBundle(dir)).files, before);
  });

  test('an unknown name is refused with the valid references', async () => {
    await assert.rejects(readBundle('nanno'), message(/model nanno: not found[^]*nano: [^]*a path: /));
  });

  test('an id of a hub is refused as not supported yet', async () => {
    const refused = message(/ids of models on a hub are not supported by this version/);
    await assert.rejects(readBundle('Qwen/Qwen2.5-Coder-0.5B'), refused);
  });

  test('a folder without a description is refused', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    await assert.rejects(readBundle(empty), message(/the folder has no bundle\.json/));
  });

  test('all missing files are named at once', async () => {
    rmSync(join(dir, 'decoder', 'tokenizer.json'));
    rmSync(join(dir, 'projector.safetensors'));
    const refused = message(/incomplete[^]*decoder.tokenizer\.json[^]*projector\.safetensors/);
    await assert.rejects(readBundle(dir), refused);
  });

  test('a description with a wrong or missing field is refused by the name of the field', async () => {
    edit('"unixcoder"', '"bert"');
    await assert.rejects(readBundle(dir), message(/encoder\.input/));
    writeFileSync(join(dir, 'bundle.json'), '{}');
    await assert.rejects(readBundle(dir), message(/schema/));
    writeFileSync(join(dir, 'bundle.json'), 'not JSON');
    await assert.rejects(readBundle(dir), message(/bundle\.json: cannot be read/));
  });

  test('a path that leaves the bundle is refused', async () => {
    edit('"projector.safetensors"', '"../projector.safetensors"');
    await assert.rejects(readBundle(dir), message(/the path of the projector leaves the bundle/));
  });
});
