import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { contentHashes } from '../../src/hub/content-hashes.js';
import { openBundle } from '../../src/hub/bundle-parts.js';
import { resolveModel } from '../../src/hub/resolve.js';
import { readBundle, type Bundle } from '../../src/model/folder/bundle.js';
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

const read = async (reference: string): Promise<Bundle> =>
  readBundle((await resolveModel(reference, 'bundle')).path);

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
    const model = await resolveModel(dir, 'bundle');
    const bundle = readBundle(model.path);
    assert.equal(bundle.name, 'tiny');
    assert.equal(bundle.decoder.path, join(dir, 'decoder'));
    assert.equal(bundle.projector.path, join(dir, 'projector.safetensors'));
    assert.equal(bundle.projector.layers, 3);
    const hashes = await contentHashes(model);
    assert.equal(Object.keys(hashes).length, 10);
    const weights = readFileSync(join(dir, 'encoder', 'model.safetensors'));
    assert.equal(hashes['encoder/model.safetensors'], createHash('sha256').update(weights).digest('hex'));
  });

  test('a decoder that is named by reference is found, or another one stands for it', async () => {
    const other = join(folder, 'other');
    writeTinyBundle(other, { seed: 2 });
    const own = JSON.stringify(join(other, 'decoder'));
    edit('"path": "decoder"', `"reference": ${own}`);
    const model = await resolveModel(dir, 'bundle');
    assert.ok(!model.files.some((name) => name.startsWith('decoder/')));
    assert.throws(
      () => readBundle(dir),
      message(/its decoder is .*other.decoder, which is not part of the bundle/),
    );
    const named = await openBundle(model, { decoder: undefined, encoder: undefined }, {});
    assert.equal(named.bundle.decoder.path, join(other, 'decoder'));
    assert.equal(named.encoder, null);
    const replaced = await openBundle(model, { decoder: join(dir, 'decoder'), encoder: undefined }, {});
    assert.equal(replaced.bundle.decoder.path, join(dir, 'decoder'));
    const fetched = { ...model, origin: { id: 'a/b', commit: 'c' } };
    await assert.rejects(
      openBundle(fetched, { decoder: undefined, encoder: undefined }, {}),
      message(/a path of another machine/),
    );
  });

  test('an encoder can be the first layers of the decoder', async () => {
    edit('"path": "encoder"', '"decoderLayers": { "layers": 2, "statistics": "projector.safetensors" }');
    const { encoder } = readBundle(dir);
    assert.ok(encoder.kind === 'decoder-layers' && encoder.layers === 2);
    assert.equal(encoder.statistics, join(dir, 'projector.safetensors'));
    assert.ok(!(await resolveModel(dir, 'bundle')).files.some((name) => name.startsWith('encoder/')));
  });

  test('a part that is in two places, or in none, is refused', () => {
    edit('"path": "decoder"', '"path": "decoder", "reference": "a/b"');
    assert.throws(() => readBundle(dir), message(/decoder: has either "path" or "reference"/));
    edit('"path": "decoder", "reference": "a/b",', '');
    assert.throws(() => readBundle(dir), message(/decoder: has either "path" or "reference"/));
  });

  test('the hash of a file that changed changes, the same seed gives the same files', async () => {
    const hashes = async () => contentHashes(await resolveModel(dir, 'bundle'));
    const before = await hashes();
    writeTinyBundle(dir);
    assert.deepEqual(await hashes(), before);
    writeTinyBundle(dir, { seed: 2 });
    assert.notEqual((await hashes())['projector.safetensors'], before['projector.safetensors']);
  });

  test('an unknown name is refused with the valid references', async () => {
    await assert.rejects(
      read('nanno'),
      message(/model nanno: not found[^]*nano: [^]*a path: [^]*owner\/name/),
    );
  });

  test('a folder without a description is refused', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    await assert.rejects(read(empty), message(/has no bundle\.json/));
  });

  test('all missing files are named at once', async () => {
    rmSync(join(dir, 'decoder', 'tokenizer.json'));
    rmSync(join(dir, 'projector.safetensors'));
    const refused = message(/incomplete[^]*decoder.tokenizer\.json[^]*projector\.safetensors/);
    await assert.rejects(read(dir), refused);
  });

  test('a description with a wrong or missing field is refused by the name of the field', async () => {
    edit('"unixcoder"', '"bert"');
    await assert.rejects(read(dir), message(/encoder\.input/));
    writeFileSync(join(dir, 'bundle.json'), '{}');
    await assert.rejects(read(dir), message(/schema/));
    writeFileSync(join(dir, 'bundle.json'), 'not JSON');
    await assert.rejects(read(dir), message(/bundle\.json: cannot be read/));
  });

  test('a field that is not known is refused by its name, with the one that was meant', async () => {
    edit('"maxTokens"', '"maxToken"');
    await assert.rejects(
      read(dir),
      message(/encoder\.maxToken: there is no such field; did you mean "maxTokens"\?/),
    );
    writeTinyBundle(dir);
    edit('"license"', '"licence": "MIT", "license"');
    await assert.rejects(read(dir), message(/ {2}licence: there is no such field; did you mean "license"\?/));
    writeTinyBundle(dir);
    edit('"license"', '"homepage": "x", "license"');
    await assert.rejects(
      read(dir),
      message(/homepage: there is no such field; known: schema, name, version/),
    );
  });

  test('a path that leaves the bundle is refused', async () => {
    edit('"projector.safetensors"', '"../projector.safetensors"');
    await assert.rejects(read(dir), message(/the path of the projector leaves the bundle/));
  });
});
