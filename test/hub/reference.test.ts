import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { UsageError } from '../../src/domain/errors.js';
import { formatHubReference, parseHubReference, type HubLocation } from '../../src/hub/reference.js';
import { secondsToNextWindow } from '../../src/hub/request.js';
import { hubSettings } from '../../src/hub/settings.js';

describe('a model reference', () => {
  const READ: readonly [text: string, HubLocation][] = [
    ['Qwen/Qwen2.5-Coder-1.5B', { id: 'Qwen/Qwen2.5-Coder-1.5B', revision: null, path: '' }],
    ['a/b@main', { id: 'a/b', revision: 'main', path: '' }],
    ['a/b@v1.0/sub/p.ckpt', { id: 'a/b', revision: 'v1.0', path: 'sub/p.ckpt' }],
    ['a/b/decoder', { id: 'a/b', revision: null, path: 'decoder' }],
    ['a/b@refs/pr/7', { id: 'a/b', revision: 'refs/pr/7', path: '' }],
    ['a/b@refs/pr/7/sub', { id: 'a/b', revision: 'refs/pr/7', path: 'sub' }],
    ['a/b@feature%2Fx/sub', { id: 'a/b', revision: 'feature/x', path: 'sub' }],
  ];

  test('is taken apart into repository, revision and path, and put together again', () => {
    for (const [text, location] of READ) {
      assert.deepEqual(parseHubReference(text), location, text);
      assert.deepEqual(parseHubReference(`hf://${text}`), location, text);
      assert.equal(formatHubReference(location), text);
    }
  });

  test('is not what can only be a path or a single word', () => {
    for (const text of [
      './a/b',
      '../a/b',
      '/a/b',
      '~/a/b',
      'C:\\a\\b',
      'C:/a',
      'nano',
      'gpt2',
      '.',
      '..',
      'a--b/c',
      '',
    ]) {
      assert.equal(parseHubReference(text), null, text);
    }
  });

  test('that leaves its repository, or has an empty part, is refused', () => {
    for (const text of [
      'a/b@',
      'a/b@v/../../x',
      'a/b/../c',
      'a/b//c',
      'hf://a',
      'a/b@..%2F..%2Fx',
      'a/b@%zz',
    ]) {
      assert.throws(() => parseHubReference(text), UsageError, text);
    }
  });
});

describe('the settings of the hub', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hub-settings-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  test('have the defaults of Hugging Face', () => {
    const settings = hubSettings({ HF_TOKEN_PATH: join(folder, 'none') });
    assert.deepEqual(settings, {
      endpoint: 'https://huggingface.co',
      cacheDir: join(homedir(), '.cache', 'huggingface', 'hub'),
      token: null,
      isOffline: false,
      timeoutMs: 30_000,
    });
  });

  test('follow HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE and HF_HUB_DOWNLOAD_TIMEOUT', () => {
    assert.equal(hubSettings({ HF_HOME: folder }).cacheDir, join(folder, 'hub'));
    assert.equal(hubSettings({ XDG_CACHE_HOME: folder }).cacheDir, join(folder, 'huggingface', 'hub'));
    assert.equal(hubSettings({ HF_HOME: '/x', HF_HUB_CACHE: folder }).cacheDir, folder);
    assert.equal(hubSettings({ HF_HUB_CACHE: '~/models' }).cacheDir, join(homedir(), 'models'));
    assert.equal(hubSettings({ HF_ENDPOINT: 'http://mirror:8080/' }).endpoint, 'http://mirror:8080');
    assert.throws(() => hubSettings({ HF_ENDPOINT: 'mirror' }), UsageError);
    assert.throws(
      () => hubSettings({ HF_ENDPOINT: 'https://ada:secret@mirror' }),
      (error) => error instanceof UsageError && !error.render().includes('secret'),
    );
    assert.equal(hubSettings({ HF_HUB_DOWNLOAD_TIMEOUT: '7' }).timeoutMs, 7000);
    for (const value of ['1', 'true', 'ON', 'yes'])
      assert.ok(hubSettings({ HF_HUB_OFFLINE: value }).isOffline);
    for (const value of ['0', '', 'no']) assert.ok(!hubSettings({ HF_HUB_OFFLINE: value }).isOffline);
  });

  test('take the token from HF_TOKEN, else from the file of a login, unless that is forbidden', () => {
    writeFileSync(join(folder, 'token'), 'hf_file\n');
    assert.equal(hubSettings({ HF_HOME: folder, HF_TOKEN: ' hf_variable\n' }).token, 'hf_variable');
    assert.equal(hubSettings({ HF_HOME: folder }).token, 'hf_file');
    assert.equal(hubSettings({ HF_HOME: '/x', HF_TOKEN_PATH: join(folder, 'token') }).token, 'hf_file');
    assert.equal(hubSettings({ HF_HOME: folder, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }).token, null);
  });
});

test('the hub says when its next window opens', () => {
  assert.equal(secondsToNextWindow(new Headers({ ratelimit: '"api";r=0;t=55' })), 55);
  assert.equal(secondsToNextWindow(new Headers()), null);
});
