import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { HubServer, sha256 } from '../support/hub-server.js';
import { llavaEval, type Finished } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const COMMIT = 'abc123'.padEnd(40, '0');

let folder = '';
let server: HubServer;
let files: Record<string, Uint8Array>;

/** The program against the hub of this test, with a cache of its own. */
function run(cache: string, args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const settings = { HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: join(folder, cache), HF_TOKEN: 'hf_test' };
  return llavaEval(args, { env: { ...settings, ...env } });
}
const runArgs = (out: string, ...more: string[]): string[] => [
  ...[
    'run',
    '--dataset',
    'tiny',
    '--limit',
    '2',
    '--device',
    'cpu',
    '--threads',
    '1',
    '--retrievers',
    'bm25',
  ],
  ...['--out', join(folder, out), ...more],
];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-hub-'));
  writeTinyBundle(join(folder, 'bundle'));
  files = {};
  for (const name of await readdir(join(folder, 'bundle'), { recursive: true })) {
    const bytes = await readFile(join(folder, 'bundle', name)).catch(() => null);
    if (bytes !== null) files[name] = bytes;
  }
  server = await HubServer.start();
  server.repositories.set('own/bundle', { refs: { main: COMMIT }, files });
});
after(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

interface RunRecord {
  readonly models: {
    readonly sources: readonly {
      role: string;
      reference: string;
      origin: { id: string; commit: string } | null;
      files: Record<string, string>;
    }[];
  };
}
const recordOf = async (out: string): Promise<RunRecord> =>
  JSON.parse(await readFile(join(folder, out, 'run.json'), 'utf8')) as RunRecord;

describe('llava-eval run with models of the hub', () => {
  test('fetches a bundle and its parts, and records commit and SHA-256 of each file', async () => {
    const args = runArgs(
      'a',
      ...['--model', 'own/bundle', '--decoder', `own/bundle@${COMMIT}/decoder`],
      ...['--projector', 'own/bundle/projector.safetensors'],
    );
    const { code, stderr } = await run('fetched', args);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /fetching own\/bundle: /);
    const { sources } = (await recordOf('a')).models;
    assert.deepEqual(
      sources.map(({ role, reference, origin }) => [role, reference, origin]),
      [
        ['bundle', 'own/bundle', { id: 'own/bundle', commit: COMMIT }],
        ['decoder', `own/bundle@${COMMIT}/decoder`, { id: 'own/bundle', commit: COMMIT }],
        ['projector', 'own/bundle/projector.safetensors', { id: 'own/bundle', commit: COMMIT }],
      ],
    );
    const fetched = sources.flatMap((source) => Object.entries(source.files));
    assert.ok(fetched.length >= 9, `${fetched.length} files recorded`);
    for (const [name, hash] of fetched) {
      assert.equal(hash, sha256(files[name]!), name);
    }
  });

  test('works offline from the cache afterwards', async () => {
    const pulled = await run('offline', ['models', 'pull', 'own/bundle']);
    assert.equal(pulled.code, 0, pulled.stderr);
    const seen = server.requests.length;
    const args = runArgs('b', '--model', 'own/bundle');
    const { code, stderr } = await run('offline', args, { HF_HUB_OFFLINE: '1' });
    assert.equal(code, 0, stderr);
    assert.equal(server.requests.length, seen);
  });

  test('a damaged file of the cache is found by its hash, told in one line and fetched again', async () => {
    const pulled = await run('damaged', ['models', 'pull', 'own/bundle']);
    assert.equal(pulled.code, 0, pulled.stderr);
    const snapshot = join(folder, 'damaged', 'models--own--bundle', 'snapshots', COMMIT);
    const blob = await realpath(join(snapshot, 'projector.safetensors'));
    const whole = await readFile(blob);
    await writeFile(blob, Buffer.from(whole).fill(0, whole.length - 8));
    const { code, stderr } = await run('damaged', runArgs('mended', '--model', 'own/bundle'));
    assert.equal(code, 0, stderr);
    assert.match(stderr, /projector\.safetensors in the cache is damaged; it is removed and fetched again\n/);
    assert.deepEqual(await readFile(blob), whole);
    // Without the network it cannot be mended, and is not used either.
    await writeFile(blob, Buffer.from(whole).fill(0, whole.length - 8));
    const offline = await run('damaged', runArgs('no', '--model', 'own/bundle'), { HF_HUB_OFFLINE: '1' });
    assert.equal(offline.code, 3);
    assert.match(offline.stderr, /is damaged/);
  });

  test('two programs at once fill one cache, each file once', async () => {
    server.requests.length = 0;
    const both = await Promise.all(
      ['c', 'd'].map((out) =>
        run('shared', runArgs(out, '--model', 'own/bundle', '--pipelines', 'no-context')),
      ),
    );
    for (const { code, stderr } of both) assert.equal(code, 0, stderr);
    const large = server.seen('/cdn/').map(({ path }) => path);
    assert.ok(large.length > 0, 'the weights were fetched');
    assert.equal(new Set(large).size, large.length, large.join('\n'));
  });

  test('a model that is not there ends with a message, no trace and no run folder', async () => {
    const { code, stdout, stderr } = await run('empty', runArgs('e', '--decoder', 'own/nothing'));
    assert.equal(code, 3);
    assert.equal(stdout, '');
    assert.match(stderr, /own\/nothing: not found on 127\.0\.0\.1/);
    assert.doesNotMatch(stderr, /^\s+at .*:\d+:\d+/m);
    await assert.rejects(readFile(join(folder, 'e', 'run.json')));
  });
});

describe('llava-eval models', () => {
  test('inspect shows a model in 80 columns before it is fetched, pull brings it, list shows it', async () => {
    const before = await run('models', ['models', 'inspect', 'own/bundle/decoder']);
    assert.equal(before.code, 0, before.stderr);
    assert.match(before.stdout, /own\/bundle\/decoder: decoder at abc123/);
    assert.match(before.stdout, /prompt family +qwen2\.5-coder/);
    assert.match(before.stdout, /needs +4 files, .* to fetch/);
    assert.ok(
      before.stdout.split('\n').every((line) => line.length <= 80),
      before.stdout,
    );

    const pulled = await run('models', ['models', 'pull', 'own/bundle']);
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.match(pulled.stdout, /own\/bundle: bundle at abc1230{6}, 10 files here, every hash agrees/);
    const after = await run('models', ['models', 'inspect', 'own/bundle/decoder', '--json']);
    assert.equal((JSON.parse(after.stdout) as { files: { missingBytes: number } }).files.missingBytes, 0);
    const listed = await run('models', ['models', 'list']);
    assert.match(listed.stdout, /^nano +included/);
    assert.match(listed.stdout, /own\/bundle +\d[^\n]* main\n/);
  });

  test('verify runs a token, and finds a byte that changed in the cache', async () => {
    const pulled = await run('damaged', ['models', 'pull', 'own/bundle']);
    assert.equal(pulled.code, 0, pulled.stderr);
    const good = await run('damaged', ['models', 'verify', 'own/bundle'], { HF_HUB_OFFLINE: '1' });
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /ok +opens and runs +decoder 32, encoder 24, projector 3L: they fit/);
    const weights = Buffer.from(files['decoder/model.safetensors']!);
    const blob = join(folder, 'damaged', 'models--own--bundle', 'blobs', sha256(weights));
    weights[weights.length - 1]! ^= 1;
    await writeFile(blob, weights);
    const bad = await run('damaged', ['models', 'verify', 'own/bundle'], { HF_HUB_OFFLINE: '1' });
    assert.equal(bad.code, 3);
    assert.match(bad.stdout, /failed +hashes .*decoder\/model\.safetensors in the cache is damaged/);
  });
});
