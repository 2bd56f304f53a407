import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import { UserError } from '../../src/domain/errors.js';
import { cachedModels } from '../../src/hub/cache.js';
import { contentHashes } from '../../src/hub/content-hashes.js';
import { resolveModel, type LocalModel, type ResolveOptions } from '../../src/hub/resolve.js';
import type { HubSettings } from '../../src/hub/settings.js';
import type { FileRole } from '../../src/hub/wanted-files.js';
import { gitHash, HubServer, refuse, sendBytes, sha256 } from '../support/hub-server.js';
import { some } from '../support/some.js';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const OTHER = 'beef'.padEnd(40, '1');
const text = (content: string): Uint8Array => Buffer.from(content);
const weights = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251);

const DECODER = {
  'README.md': text('not needed'),
  'config.json': text('{"model_type": "qwen2"}'),
  'generation_config.json': text('{}'),
  'tokenizer.json': text('{"a": 1}'),
  'model.safetensors': weights,
  'pytorch_model.bin': text('not needed, and large enough to be an LFS file: '.repeat(3)),
};

let server: HubServer;
let folder: string;
let settings: HubSettings;
let notes: string[];
let slept: number[];

before(async () => {
  server = await HubServer.start();
});
after(async () => {
  await server.stop();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hub-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  server.repositories.clear();
  server.repositories.set('own/model', { refs: { main: COMMIT, v1: OTHER }, files: DECODER });
  server.requests.length = 0;
  server.misbehave = null;
  settings = { endpoint: server.endpoint, cacheDir: folder, token: null, isOffline: false, timeoutMs: 5000 };
  notes = [];
  slept = [];
});

function resolve(
  reference: string,
  role: FileRole = 'decoder',
  more: ResolveOptions = {},
): Promise<LocalModel> {
  return resolveModel(reference, role, {
    settings,
    wait: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
    progress: {
      start() {},
      advance() {},
      stop() {},
      note: (line) => notes.push(line),
    },
    ...more,
  });
}

const says = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.match(error.render(), pattern);
  return true;
};
const repository = (): string => join(folder, 'models--own--model');
const blobs = (): string[] => readdirSync(join(repository(), 'blobs')).sort();

describe('fetching a model', () => {
  test('brings the files its role needs and no others, laid out as Python’s library does', async () => {
    const model = await resolve('own/model');
    assert.deepEqual(model.files, [
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    assert.deepEqual(model.origin, { id: 'own/model', commit: COMMIT });
    assert.equal(model.path, join(repository(), 'snapshots', COMMIT));
    assert.equal(readFileSync(join(repository(), 'refs', 'main'), 'utf8'), COMMIT);
    const names = ['config.json', 'generation_config.json', 'tokenizer.json'] as const;
    assert.deepEqual(blobs(), [...names.map((name) => gitHash(DECODER[name])), sha256(weights)].sort());
    const link = join(model.path, 'model.safetensors');
    assert.equal(readlinkSync(link), `../../blobs/${sha256(weights)}`);
    assert.deepEqual(new Uint8Array(readFileSync(link)), weights);
    assert.deepEqual(server.seen('README').length + server.seen('pytorch_model').length, 0);
  });

  test('twice asks the second time only whether the branch moved, and for a commit nothing at all', async () => {
    await resolve('own/model');
    server.requests.length = 0;
    await resolve('own/model');
    assert.equal(server.seen('/resolve/').length + server.seen('/cdn/').length, 0);
    server.requests.length = 0;
    await resolve(`own/model@${COMMIT}`);
    assert.equal(server.requests.length, 0);
  });

  test('at a tag takes the commit of the tag and shares unchanged files', async () => {
    await resolve('own/model');
    server.requests.length = 0;
    const model = await resolve('own/model@v1');
    assert.equal(model.origin?.commit, OTHER);
    assert.equal(model.name, 'own/model@v1');
    assert.equal(server.seen('/cdn/').length, 0);
    assert.equal(readFileSync(join(repository(), 'refs', 'v1'), 'utf8'), OTHER);
  });

  test('sends the token to the hub and never to the storage it redirects to', async () => {
    settings = { ...settings, token: 'hf_secret' };
    await resolve('own/model');
    const [storage, hub] = [true, false].map((isStorage) =>
      server.requests.filter(({ host }) => (host === 'localhost') === isStorage),
    );
    assert.ok(storage!.length > 0 && hub!.length > 0);
    assert.ok(storage!.every(({ authorization }) => authorization === null));
    assert.ok(hub!.every(({ authorization }) => authorization === 'Bearer hf_secret'));
  });

  test('reports every byte once', async () => {
    let total = 0;
    let arrived = 0;
    const progress = {
      start: (_: string, bytes: number) => (total += bytes),
      advance: (bytes: number) => (arrived += bytes),
      stop() {},
      note() {},
    };
    await resolve('own/model', 'decoder', { progress });
    const size = weights.length + 23 + 2 + 8;
    assert.deepEqual([total, arrived], [size, size]);
    await resolve('own/model', 'decoder', { progress });
    assert.deepEqual([total, arrived], [size, size], 'nothing is left to fetch');
  });

  test('takes shards from the index, and names those that are not there', async () => {
    const index = {
      weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors', c: 'model-1.safetensors' },
    };
    const rest = Object.fromEntries(Object.entries(DECODER).filter(([name]) => name !== 'model.safetensors'));
    const files = {
      ...rest,
      'model.safetensors.index.json': text(JSON.stringify(index)),
      'model-1.safetensors': weights,
    };
    server.repositories.set('own/shards', { refs: { main: COMMIT }, files });
    await assert.rejects(resolve('own/shards'), says(/missing: model-2\.safetensors/));
    server.repositories.set('own/shards', {
      refs: { main: COMMIT },
      files: {
        ...files,
        'model-2.safetensors': text('second shard, larger than an LFS pointer would be: 64 bytes'),
      },
    });
    const model = await resolve('own/shards');
    assert.deepEqual(
      model.files.filter((file) => file.includes('model')),
      ['model-1.safetensors', 'model-2.safetensors', 'model.safetensors.index.json'],
    );
  });

  test('finds a folder or a file inside a repository, and the only projector of one', async () => {
    const inside = Object.fromEntries(Object.entries(DECODER).map(([name, bytes]) => [`sub/${name}`, bytes]));
    const files = { ...inside, 'a/run_projector.pth': text('projector') };
    server.repositories.set('own/parts', { refs: { main: COMMIT }, files });
    const snapshot = join(folder, 'models--own--parts', 'snapshots', COMMIT);
    assert.equal((await resolve('own/parts/sub')).path, join(snapshot, 'sub'));
    for (const reference of ['own/parts/a/run_projector.pth', 'own/parts']) {
      const projector = await resolve(reference, 'projector');
      assert.equal(projector.path, join(snapshot, 'a', 'run_projector.pth'));
    }
    const two = { ...files, 'b.ckpt': text('x') };
    server.repositories.set('own/parts', { refs: { main: OTHER }, files: two });
    await assert.rejects(resolve('own/parts', 'projector'), says(/holds 2 projectors[^]*there is: b\.ckpt/));
  });

  test('of a decoder without safetensors brings the ONNX export of the number format, with its data', async () => {
    const files = {
      'config.json': text('{}'),
      'tokenizer.json': text('{}'),
      'onnx/model.onnx': text('graph'),
      'onnx/model.onnx_data': text('numbers'),
      'onnx/model_fp16.onnx': text('half'),
      'onnx/model_q4.onnx': text('four bits'),
    };
    server.repositories.set('own/export', { refs: { main: COMMIT }, files });
    const common = ['config.json', 'tokenizer.json'];
    const full = ['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data', 'tokenizer.json'];
    assert.deepEqual((await resolve('own/export')).files, full);
    const half = await resolve('own/export', 'decoder', { dtype: 'fp16' });
    assert.deepEqual(half.files, [common[0], 'onnx/model_fp16.onnx', common[1]]);
    const named = await resolve('own/export/onnx/model_q4.onnx');
    assert.deepEqual(named.files, [common[0], 'onnx/model_q4.onnx', common[1]]);
    const snapshot = join(folder, 'models--own--export', 'snapshots', COMMIT);
    assert.equal(named.path, join(snapshot, 'onnx', 'model_q4.onnx'));
    for (const path of [join(snapshot, 'onnx', 'model_q4.onnx'), snapshot]) {
      assert.ok((await resolve(path)).files.length >= 3, path);
    }
    await assert.rejects(resolve('own/export', 'encoder'), says(/missing: model\.safetensors/));
  });

  test('of a decoder in GGUF, brings the file or all its parts, and nothing else', async () => {
    const parts = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'];
    const files = Object.fromEntries(['config.json', 'q8.gguf', ...parts].map((name) => [name, text(name)]));
    server.repositories.set('own/gguf', { refs: { main: COMMIT }, files });
    const whole = await resolve('own/gguf/q8.gguf');
    assert.deepEqual(whole.files, ['q8.gguf']);
    assert.equal(whole.path, join(folder, 'models--own--gguf', 'snapshots', COMMIT, 'q8.gguf'));
    assert.deepEqual((await resolve('own/gguf/m-00002-of-00002.gguf')).files, parts);
    // And as files on this machine.
    assert.deepEqual((await resolve(whole.path)).files, ['q8.gguf']);
    await assert.rejects(resolve(whole.path, 'encoder'), says(/is a file; a encoder is a folder/));
  });

  test('of a tokenizer alone, brings no weights', async () => {
    const files = Object.fromEntries(
      ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((name) => [
        name,
        text(name),
      ]),
    );
    server.repositories.set('own/model', { refs: { main: COMMIT }, files });
    const found = await resolve('own/model', 'tokenizer');
    assert.deepEqual(found.files, ['tokenizer.json', 'tokenizer_config.json']);
    assert.deepEqual((await resolve(found.path, 'tokenizer')).files, found.files);
    server.repositories.set('own/none', { refs: { main: COMMIT }, files: { 'config.json': text('{}') } });
    await assert.rejects(resolve('own/none', 'tokenizer'), says(/missing: tokenizer\.json/));
  });

  test('says what a repository without usable weights is instead', async () => {
    const serve = (files: Record<string, Uint8Array>): void => {
      server.repositories.set('own/odd', { refs: { main: COMMIT }, files });
    };
    serve({ 'config.json': text('{}'), 'model-q4.gguf': text('x') });
    await assert.rejects(
      resolve('own/odd'),
      says(/missing: tokenizer\.json[^]*missing: model\.safetensors[^]*GGUF files: model-q4\.gguf/),
    );
    serve({ 'config.json': text('{}'), 'adapter_model.safetensors': text('x') });
    await assert.rejects(resolve('own/odd'), says(/LoRA/));
    await assert.rejects(resolve('own/odd', 'bundle'), says(/is not a bundle/));
  });
});

describe('a download that goes wrong', () => {
  const isWeights = (path: string): boolean => path.includes(sha256(weights));

  test('and ends early is continued where it ended, by the next command too', async () => {
    server.misbehave = (request, response, { path, range }) => {
      if (!isWeights(path)) return false;
      const start = Number(/\d+/.exec(range ?? '0')?.[0]);
      response.writeHead(range === null ? 200 : 206, {
        'Content-Length': String(weights.length - start),
        'Content-Range': `bytes ${start}-${weights.length - 1}/${weights.length}`,
      });
      if (range === null) response.write(weights.subarray(0, 50_000));
      setTimeout(() => request.socket.destroy(), 20);
      return true;
    };
    await assert.rejects(resolve('own/model'), says(/5 tries[^]*what was received is kept/));
    assert.ok(!blobs().includes(sha256(weights)));
    server.misbehave = null;
    server.requests.length = 0;
    const model = await resolve('own/model');
    assert.match(
      server
        .seen('/cdn/')
        .map(({ range }) => range)
        .join(),
      /^bytes=[1-9]\d*-$/,
    );
    assert.deepEqual(new Uint8Array(readFileSync(join(model.path, 'model.safetensors'))), weights);
    assert.ok(
      blobs().every((name) => /^[0-9a-f]+$/.test(name)),
      blobs().join(),
    );
  });

  test('by changing bytes is refused by its hash, and nothing is kept', async () => {
    server.misbehave = (request, response, { path }) => {
      if (!isWeights(path)) return false;
      sendBytes(request, response, weights.slice().fill(1, 5, 6), {});
      return true;
    };
    await assert.rejects(
      resolve('own/model'),
      says(/is not the file that was meant[^]*expected [0-9a-f]{64}/),
    );
    assert.ok(
      blobs().every((name) => /^[0-9a-f]{40}$/.test(name)),
      blobs().join(),
    );
    assert.ok(!existsSync(join(repository(), 'snapshots', COMMIT, 'model.safetensors')));
  });

  test('by changing a small file is refused by git’s hash', async () => {
    server.misbehave = (request, response, { path }) => {
      if (!path.endsWith('resolve/' + COMMIT + '/config.json')) return false;
      sendBytes(request, response, text('{"model_type": "qwen3"}'), {});
      return true;
    };
    await assert.rejects(resolve('own/model'), says(/config\.json: what arrived[^]*expected git hash/));
    assert.deepEqual(blobs(), []);
  });

  test('because the server is busy waits as long as the server asks, and says so', async () => {
    let busy = 2;
    server.misbehave = (_, response) => {
      if (busy === 0) return false;
      busy--;
      response.writeHead(429, { 'Retry-After': '7' });
      response.end();
      return true;
    };
    await resolve('own/model');
    assert.deepEqual(slept, [7000, 7000]);
    assert.match(notes.join(), /answers 429; trying again in 7 s/);
  });

  test('because the disk is full is refused before anything is fetched', async () => {
    const freeBytes = (): Promise<number> => Promise.resolve(1000);
    await assert.rejects(
      resolve('own/model', 'decoder', { freeBytes }),
      says(/needs 300 kB, but .* has only 1\.00 kB free[^]*HF_HUB_CACHE/),
    );
    assert.equal(server.seen('/cdn/').length, 0);
  });

  test('because the user asks to stop ends at once and keeps what has arrived', async () => {
    const controller = new AbortController();
    server.misbehave = (_, response, { path }) => {
      if (!isWeights(path)) return false;
      response.writeHead(200, { 'Content-Length': String(weights.length) });
      response.write(weights.subarray(0, 10_000));
      setTimeout(() => {
        controller.abort();
      }, 30);
      return true;
    };
    await assert.rejects(resolve('own/model', 'decoder', { signal: controller.signal }), {
      problem: 'cancelled',
    });
    assert.ok(blobs().includes(`${sha256(weights)}.part`));
  });
});

describe('a model that may not be had', () => {
  const CASES: readonly { title: string; status: number; code: string; token?: string; says: RegExp }[] = [
    {
      title: 'gated, nobody logged in',
      status: 401,
      code: 'GatedRepo',
      says: /granted first[^]*accept its terms[^]*HF_TOKEN/,
    },
    {
      title: 'gated, without access',
      status: 403,
      code: 'GatedRepo',
      token: 't',
      says: /granted first[^]*without access/,
    },
    {
      title: 'unknown, nobody logged in',
      status: 401,
      code: 'RepoNotFound',
      says: /not found on[^]*misspelled[^]*HF_TOKEN/,
    },
    { title: 'unknown', status: 404, code: 'RepoNotFound', token: 't', says: /not found on/ },
    {
      title: 'a wrong token',
      status: 401,
      code: '',
      token: 't',
      says: /refuses access \(401\)[^]*wrong, expired/,
    },
    { title: 'disabled', status: 403, code: 'DisabledRepo', says: /has disabled this model/ },
    { title: 'limited for good', status: 429, code: '', says: /limits how much[^]*HF_TOKEN/ },
    { title: 'a broken hub', status: 500, code: '', says: /answers 500[^]*try again later/ },
  ];
  for (const { title, status, code, token, says: pattern } of CASES) {
    test(`is reported for what it is: ${title}`, async () => {
      settings = { ...settings, token: token ?? null };
      server.misbehave = (_, response) => {
        refuse(response, status, code);
        return true;
      };
      await assert.rejects(resolve('own/model'), says(pattern));
    });
  }

  test('is reported for what it is: gated files of a visible repository', async () => {
    server.misbehave = (_, response, { path }) => {
      if (!path.includes('/resolve/')) return false;
      refuse(response, 403, 'GatedRepo');
      return true;
    };
    settings = { ...settings, token: 't' };
    await assert.rejects(resolve('own/model'), says(/config\.json: access to this model has to be granted/));
  });

  test('because its revision does not exist says where the revisions are listed', async () => {
    await assert.rejects(resolve('own/model@v9'), says(/has no revision "v9"[^]*\/own\/model\/tree\/main/));
  });

  test('because something else answers says so', async () => {
    server.misbehave = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' });
      response.end('<html>hotel wifi</html>');
      return true;
    };
    await assert.rejects(resolve('own/model'), says(/not the hub's API[^]*login page/));
  });

  test('with paths that leave the repository is refused', async () => {
    const files = { ...DECODER, '../../evil': text('x') };
    server.repositories.set('own/evil', { refs: { main: COMMIT }, files });
    await assert.rejects(resolve('own/evil'), says(/leaves the repository/));
  });
});

describe('without a connection', () => {
  test('HF_HUB_OFFLINE uses the cache and asks nobody', async () => {
    await resolve('own/model');
    server.requests.length = 0;
    settings = { ...settings, isOffline: true };
    for (const revision of ['', '@main', `@${COMMIT}`]) {
      assert.equal((await resolve(`own/model${revision}`)).origin?.commit, COMMIT);
    }
    await assert.rejects(resolve('own/model@v1'), says(/not completely in the cache[^]*models pull/));
    await assert.rejects(resolve('own/other'), says(/HF_HUB_OFFLINE/));
    assert.equal(server.requests.length, 0);
  });

  test('what is cached is used, with a note; what is not cannot be had', async () => {
    await resolve('own/model');
    settings = { ...settings, endpoint: 'http://127.0.0.1:9' };
    const model = await resolve('own/model');
    assert.equal(model.origin?.commit, COMMIT);
    assert.match(notes.join(), /cannot be reached .*: using own\/model as cached, commit c0ffee/);
    await assert.rejects(resolve('own/other'), says(/cannot be reached[^]*it is not in the cache/));
  });

  test('a snapshot that lacks a file is not used', async () => {
    const model = await resolve('own/model');
    rmSync(join(model.path, 'tokenizer.json'));
    settings = { ...settings, isOffline: true };
    await assert.rejects(resolve('own/model'), says(/not completely in the cache/));
  });

  test('a cache that Python’s library has filled is used as it is', async () => {
    // blobs by hash, a ref without line end, links relative to the snapshot
    const snapshot = join(repository(), 'snapshots', COMMIT);
    for (const part of [join(repository(), 'blobs'), join(repository(), 'refs'), snapshot])
      mkdirSync(part, { recursive: true });
    writeFileSync(join(repository(), 'refs', 'main'), COMMIT);
    for (const [name, bytes] of Object.entries(DECODER)) {
      const hash = name === 'model.safetensors' ? sha256(bytes) : gitHash(bytes);
      writeFileSync(join(repository(), 'blobs', hash), bytes);
      symlinkSync(`../../blobs/${hash}`, join(snapshot, name));
    }
    settings = { ...settings, isOffline: true };
    assert.equal((await resolve('own/model')).path, snapshot);
  });
});

describe('a snapshot of which another program fetched a part', () => {
  /** As Python's library leaves it: the files of the model, and not all that belong to them. */
  function fetchPart(names: readonly (keyof typeof DECODER)[]): void {
    const snapshot = join(repository(), 'snapshots', COMMIT);
    for (const part of [join(repository(), 'blobs'), join(repository(), 'refs'), snapshot])
      mkdirSync(part, { recursive: true });
    writeFileSync(join(repository(), 'refs', 'main'), COMMIT);
    for (const name of names) {
      const hash = name === 'model.safetensors' ? sha256(DECODER[name]) : gitHash(DECODER[name]);
      writeFileSync(join(repository(), 'blobs', hash), DECODER[name]);
      symlinkSync(`../../blobs/${hash}`, join(snapshot, name));
    }
  }
  const PART = ['config.json', 'tokenizer.json', 'model.safetensors'] as const;

  test('is completed when online, at a branch and at a commit', async () => {
    for (const revision of ['', `@${COMMIT}`]) {
      rmSync(repository(), { recursive: true, force: true });
      fetchPart(PART);
      server.requests.length = 0;
      const model = await resolve(`own/model${revision}`);
      assert.ok(model.files.includes('generation_config.json'), revision);
      assert.ok(existsSync(join(model.path, 'generation_config.json')));
      // What was there is not fetched again.
      assert.deepEqual(
        server.seen('/resolve/').map(({ path }) => path.split('/').at(-1)),
        ['generation_config.json'],
      );
    }
  });

  test('is used offline with a word that it may be incomplete, and without one once it was complete', async () => {
    fetchPart(PART);
    const online = settings;
    settings = { ...settings, isOffline: true };
    const model = await resolve('own/model');
    assert.deepEqual(model.files, [...PART].sort());
    assert.match(notes.join(), /own\/model: another program[^]*a part of its files[^]*models pull/);
    settings = online;
    await resolve('own/model');
    settings = { ...settings, isOffline: true };
    notes = [];
    await resolve('own/model');
    assert.deepEqual(notes, []);
  });

  test('is not taken for whole where a file that the hub lists has gone', async () => {
    const model = await resolve('own/model');
    rmSync(join(model.path, 'generation_config.json'));
    server.requests.length = 0;
    const again = await resolve(`own/model@${COMMIT}`);
    assert.ok(existsSync(join(again.path, 'generation_config.json')));
    rmSync(join(model.path, 'generation_config.json'));
    settings = { ...settings, isOffline: true };
    await assert.rejects(resolve('own/model'), says(/not completely in the cache/));
  });
});

describe('a mirror that lacks calls of the hub', () => {
  const lacks = (isMeant: (path: string, method: string) => boolean, status = 404, code = ''): void => {
    server.misbehave = (_, response, { path, method }) => {
      if (!isMeant(path, method)) return false;
      refuse(response, status, code);
      return true;
    };
  };
  const KINDS: readonly [string, (path: string, method: string) => boolean][] = [
    ['the file tree', (path) => path.includes('/tree/')],
    ['chosen fields', (path) => path.startsWith('/api/') && path.includes('?')],
    ['the revision HEAD', (path) => path.includes('/revision/HEAD')],
    [
      'all but the plain model info',
      (path) => /\/tree\/|\/revision\/|\?/.test(path) && path.startsWith('/api/'),
    ],
  ];
  for (const [title, isMeant] of KINDS) {
    test(`gives the same files without ${title}`, async () => {
      const expected = await resolve('own/model');
      for (const [status, code] of [
        [404, ''],
        [404, 'EntryNotFound'],
        [405, ''],
      ] as const) {
        rmSync(repository(), { recursive: true, force: true });
        lacks(isMeant, status, code);
        const model = await resolve('own/model');
        assert.deepEqual([model.files, model.origin], [expected.files, expected.origin], `${title} ${code}`);
        assert.ok(Object.keys(await contentHashes(model)).length === expected.files.length);
      }
    });
  }

  test('gives the same files without the tree and without HEAD requests', async () => {
    const expected = await resolve('own/model');
    rmSync(repository(), { recursive: true, force: true });
    lacks((path, method) => path.includes('/tree/') || method === 'HEAD', 405);
    assert.deepEqual((await resolve('own/model')).files, expected.files);
  });

  test('is not blamed for a repository that the hub says does not exist', async () => {
    lacks((path) => path.startsWith('/api/'), 404, 'RepoNotFound');
    await assert.rejects(resolve('own/model'), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.render(), /not found on/);
      assert.doesNotMatch(error.render(), /mirror/);
      return true;
    });
    assert.equal(server.requests.length, 1);
  });

  test('is named as a possible cause where nothing of the API is there', async () => {
    lacks((path) => path.startsWith('/api/'));
    await assert.rejects(resolve('own/model'), says(/not found on[^]*this mirror lacks the calls/));
  });

  test('is refused where it does not say what arrives', async () => {
    server.misbehave = (_, response, { path, method }) => {
      if (path.includes('/tree/')) refuse(response, 404, '');
      else if (method === 'HEAD') response.writeHead(200, { ETag: '"v1"' }).end();
      else return false;
      return true;
    };
    await assert.rejects(resolve('own/model'), says(/does not say size and hash[^]*another mirror/));
  });
});

describe('the cache', () => {
  test('filled by several at once holds each file once, and nobody gets half of one', async () => {
    const models = await Promise.all(Array.from({ length: 4 }, () => resolve('own/model')));
    for (const model of some(models)) {
      assert.deepEqual(new Uint8Array(readFileSync(join(model.path, 'model.safetensors'))), weights);
    }
    assert.equal(server.seen('/cdn/').length, 1);
    assert.equal(blobs().length, 4);
  });

  test('with a damaged file is found out by its hash, and the file is named', async () => {
    const model = await resolve('own/model');
    const hashes = await contentHashes(model);
    assert.equal(hashes['model.safetensors'], sha256(weights));
    assert.equal(hashes['config.json'], sha256(DECODER['config.json']));
    writeFileSync(join(repository(), 'blobs', sha256(weights)), weights.slice().fill(3, 7, 8));
    await assert.rejects(
      contentHashes(model),
      says(/model\.safetensors in the cache is damaged[^]*delete that file/),
    );
    await resolve('own/model');
    writeFileSync(join(repository(), 'blobs', gitHash(DECODER['config.json'])), '{"model_type": "qwen4"}');
    await assert.rejects(
      contentHashes({ ...model, files: ['config.json'] }),
      says(/config\.json in the cache/),
    );
  });

  test('is listed with sizes, commits and what they are called', async () => {
    await resolve('own/model');
    await resolve('own/model@v1');
    assert.ok(lstatSync(join(repository(), 'snapshots', OTHER, 'config.json')).isSymbolicLink());
    const size = weights.length + 23 + 2 + 8;
    const [model] = await cachedModels(folder);
    assert.deepEqual([model!.id, model!.bytes], ['own/model', size]);
    assert.deepEqual(
      model!.snapshots.map(({ commit, refs }) => [commit, refs]).sort(),
      [
        [COMMIT, ['main']],
        [OTHER, ['v1']],
      ].sort(),
    );
    assert.deepEqual(await cachedModels(join(folder, 'nothing')), []);
  });
});
