import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { ModelError } from '../../src/domain/errors.js';
import { pullModel } from '../../src/inspection/pull.js';
import { verifyModel } from '../../src/inspection/verify.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-verify-'));
const dir = join(folder, 'tiny');
after(() => {
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  rmSync(dir, { recursive: true, force: true });
  writeTinyBundle(dir);
});

describe('verifying a model', () => {
  test('passes a bundle whose parts fit, and each part as what its files say it is', async () => {
    const { role, passed, checks } = await verifyModel(dir, undefined);
    assert.deepEqual([role, passed], ['bundle', true]);
    assert.deepEqual(
      checks.map(({ check }) => check),
      ['hashes', 'opens and runs'],
    );
    const decoder = await verifyModel(join(dir, 'decoder'), undefined);
    assert.equal(decoder.role, 'decoder');
    assert.match(decoder.checks[1]!.detail, /^decoder, 32 wide; after "const" comes "/);
  });

  test('fails a damaged checkpoint by what is wrong with it, and throws nothing', async () => {
    truncateSync(join(dir, 'decoder', 'model.safetensors'), 1000);
    const { passed, checks } = await verifyModel(dir, undefined);
    assert.equal(passed, false);
    assert.match(checks.at(-1)!.detail, /model\.safetensors/);
  });

  test('refuses a bundle with a field that is not known, by its name', async () => {
    const path = join(dir, 'bundle.json');
    const described = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...described, licence: 'MIT' }));
    await assert.rejects(verifyModel(dir, 'bundle'), (error) => {
      assert.ok(error instanceof ModelError);
      assert.match(error.render(), /licence: there is no such field; did you mean "license"/);
      return true;
    });
  });

  test('refuses a configuration that is not JSON as unusable, not as a defect', async () => {
    writeFileSync(join(dir, 'decoder', 'config.json'), '{');
    await assert.rejects(pullModel(join(dir, 'decoder'), undefined), (error) => {
      assert.ok(error instanceof ModelError);
      assert.match(error.message, /config\.json: is not JSON/);
      return true;
    });
  });
});

describe('pulling a model', () => {
  test('gives its role and the hash of every file', async () => {
    const { role, hashes, files } = await pullModel(dir, undefined);
    assert.equal(role, 'bundle');
    assert.deepEqual(Object.keys(hashes).sort(), [...files].sort());
  });
});
