import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { openDataset } from '../../src/datasets/open/open-dataset.js';
import { isPulled, setFolder } from '../../src/datasets/published/cache.js';
import { findPublished, PUBLISHED_SETS, type PublishedSet } from '../../src/datasets/published/catalog.js';
import { carryOut, planPull, type PullOptions, type PullPlan } from '../../src/datasets/published/pull.js';
import { DataError, DownloadError, UsageError, UserError } from '../../src/domain/errors.js';
import { makeZip } from '../support/archives.js';
import {
  serveFile,
  serveStatus,
  serveTorn,
  startFileServer,
  type Answer,
  type FileServer,
} from '../support/file-server.js';
import { SAMPLES } from './samples.js';
import { some } from '../support/some.js';

let root: string;
let cacheDir: string;
let server: FileServer;
/** Answers by path; what is not here is not found. */
let routes: Map<string, Answer>;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'llava-eval-pull-'));
  server = await startFileServer((request, response, client) => {
    const answer = routes.get((request.url ?? '').split('?')[0]!) ?? serveStatus(404);
    answer(request, response, client);
  });
});
after(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  cacheDir = await mkdtemp(join(root, 'cache-'));
  routes = new Map();
});

const setOf = (id: string): PublishedSet => findPublished(id)!.set;
const optionsOf = (more: Partial<PullOptions> = {}): PullOptions => ({
  cacheDir,
  environment: {
    HF_ENDPOINT: `${server.origin}/`,
    LLAVA_EVAL_GITHUB_RAW: server.origin,
    HF_TOKEN: 'hf_secret',
  },
  means: { wait: () => Promise.resolve() },
  ...more,
});

async function pull(
  id: string,
  more: Partial<PullOptions> = {},
): Promise<{ plan: PullPlan; notes: string[] }> {
  const options = optionsOf(more);
  const plan = await planPull(setOf(id), options);
  const notes: string[] = [];
  await carryOut(plan, options, { onNote: (note) => notes.push(note) });
  return { plan, notes };
}

async function failure(work: Promise<unknown>): Promise<UserError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error;
  }
  return assert.fail('it went through');
}

const repoEvalRecord = JSON.stringify(SAMPLES.find(({ format }) => format === 'repoeval')!.record(0));
const RECORDS = makeZip([
  { name: 'line_level_completion_2k_context_codegen.test.jsonl', content: Buffer.from(repoEvalRecord) },
  { name: 'line_level_completion_1k_context_codegen.test.jsonl', content: Buffer.from(repoEvalRecord) },
]);
const REPOSITORIES = makeZip([{ name: 'someone_shapes/pkg/unit.py', content: Buffer.from('UNIT = 1\n') }]);
const RECORDS_PATH = '/microsoft/CodeT/main/RepoCoder/datasets/datasets.zip';
const REPOSITORIES_PATH = '/microsoft/CodeT/main/RepoCoder/repositories/line_and_api_level.zip';

function serveRepoEval(): void {
  routes.set(RECORDS_PATH, serveFile(RECORDS));
  routes.set(REPOSITORIES_PATH, serveFile(REPOSITORIES, '"r1"'));
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('pulling from GitHub', () => {
  test('shows sizes first, fetches, records the hashes and says so, unpacks, and the set opens', async () => {
    serveRepoEval();
    const { plan, notes } = await pull('repoeval-line');
    assert.equal(plan.bytesToFetch, RECORDS.length + REPOSITORIES.length);
    assert.ok(
      notes.includes(
        `datasets.zip: no hash is stated for it; recorded sha256 ${hashOf(RECORDS)} at this first use`,
      ),
    );
    assert.deepEqual((await readdir(plan.folder)).sort(), [
      'datasets.zip.d',
      'line_and_api_level.zip',
      'set.json',
    ]);
    const dataset = await openDataset('repoeval-line', { cacheDir });
    assert.deepEqual([dataset.id, dataset.format, dataset.tasks.length], ['repoeval-line', 'repoeval', 1]);
    assert.deepEqual((await dataset.repository('someone_shapes')).files, [
      { path: 'pkg/unit.py', text: 'UNIT = 1\n' },
    ]);
    assert.equal((await openDataset('repoeval-line:1k', { cacheDir })).id, 'repoeval-line:1k');
  });

  test('asks for nothing that is here already, and shares files between sets', async () => {
    serveRepoEval();
    await pull('repoeval-line');
    assert.equal(await isPulled(cacheDir, setOf('repoeval-api')), true);
    const { plan } = await pull('repoeval-api');
    assert.deepEqual([plan.bytesToFetch, plan.present], [0, 2]);
    assert.equal(await isPulled(cacheDir, setOf('repoeval-function')), false);
  });

  test('sends no token there', async () => {
    serveRepoEval();
    const before = server.requests.length;
    await pull('repoeval-line');
    assert.ok(some(server.requests.slice(before)).every(({ authorization }) => authorization === undefined));
  });

  test('goes on after an interruption, with the files that are finished kept', async () => {
    serveRepoEval();
    routes.set(REPOSITORIES_PATH, (request, response, client) => {
      if (request.method === 'HEAD') serveFile(REPOSITORIES, '"r1"')(request, response, client);
      else serveTorn(REPOSITORIES, 40, '"r1"')(request, response, client);
    });
    const stop = new AbortController();
    const wait = (): Promise<void> => {
      stop.abort();
      return Promise.resolve();
    };
    const error = await failure(pull('repoeval-line', { signal: stop.signal, means: { wait } }));
    assert.ok(error instanceof DownloadError && error.problem === 'cancelled');
    serveRepoEval();
    const before = server.requests.length;
    const { plan } = await pull('repoeval-line');
    assert.equal(plan.present, 1);
    const asked = server.requests.slice(before).map(({ path, range }) => [path, range]);
    assert.deepEqual(asked.at(-1), [REPOSITORIES_PATH, 'bytes=40-']);
    assert.equal((await openDataset('repoeval-line', { cacheDir })).tasks.length, 1);
  });

  test('again compares with the recorded hash, and keeps the old copy if another file comes', async () => {
    serveRepoEval();
    await pull('repoeval-line');
    const { notes } = await pull('repoeval-line', { again: true });
    assert.ok(notes.includes('datasets.zip: its hash is the recorded one'));
    const other = makeZip([{ name: 'other.jsonl', content: Buffer.from(repoEvalRecord) }]);
    routes.set(RECORDS_PATH, serveFile(other, '"v2"'));
    const error = await failure(pull('repoeval-line', { again: true }));
    assert.ok(error instanceof DataError);
    assert.match(error.message, /is not the file that was fetched before/);
    assert.match(error.render(), new RegExp(`recorded ${hashOf(RECORDS)}`));
    assert.equal((await openDataset('repoeval-line', { cacheDir })).tasks.length, 1);
  });

  test('of a hostile archive keeps nothing of it, and says what is wrong', async () => {
    serveRepoEval();
    const hostile = makeZip([{ name: '../../../evil.jsonl', content: Buffer.from('x') }]);
    routes.set(RECORDS_PATH, serveFile(hostile));
    assert.match((await failure(pull('repoeval-line'))).message, /datasets\.zip: /);
    assert.equal(await isPulled(cacheDir, setOf('repoeval-line')), false);
    const left = await readdir(setFolder(cacheDir, setOf('repoeval-line')));
    assert.deepEqual(
      left.filter((name) => name !== 'datasets.zip'),
      [],
    );
  });

  test('of an archive with other names in it is reported with what is there', async () => {
    serveRepoEval();
    routes.set(RECORDS_PATH, serveFile(makeZip([{ name: 'renamed.jsonl', content: Buffer.from('{}') }])));
    await pull('repoeval-line');
    const error = await failure(openDataset('repoeval-line', { cacheDir }));
    assert.match(error.message, /no file for the part "2k"/);
    assert.match(error.render(), /renamed\.jsonl/);
  });
});

const PARQUET = 'test/golden/parquet/repobench';
const COMMIT = 'c'.repeat(40);

async function serveRepoBench(): Promise<void> {
  const dataset = 'tianyang/repobench_python_v1.1';
  const names = await readdir(PARQUET);
  const entries = [{ type: 'file', path: 'README.md', size: 10 }] as unknown[];
  for (const name of names) {
    const bytes = await readFile(join(PARQUET, name));
    entries.push({
      type: 'file',
      path: `data/${name}`,
      size: bytes.length,
      lfs: { oid: hashOf(bytes), size: bytes.length },
    });
    routes.set(`/datasets/${dataset}/resolve/${COMMIT}/data/${name}`, serveFile(bytes, `"${name}"`));
  }
  const json =
    (value: unknown, headers: Record<string, string> = {}): Answer =>
    (_, response) => {
      response.writeHead(200, headers).end(JSON.stringify(value));
    };
  routes.set(`/api/datasets/${dataset}/revision/main`, json({ sha: COMMIT }));
  // Two pages.
  const tree = `/api/datasets/${dataset}/tree/${COMMIT}`;
  routes.set(tree, (request, response, client) => {
    const second = request.url!.includes('cursor=2');
    const next = { link: `<${server.origin}${tree}?cursor=2>; rel="next"` };
    json(second ? entries.slice(2) : entries.slice(0, 2), second ? {} : next)(request, response, client);
  });
}

describe('pulling from the hub', () => {
  test('fetches the files at one commit, with the token, and checks the hashes it states', async () => {
    await serveRepoBench();
    const before = server.requests.length;
    const { plan, notes } = await pull('repobench-python');
    assert.equal(plan.files.length, 3);
    assert.ok(plan.files.every(({ sha256 }) => sha256 !== null));
    assert.ok(
      some(server.requests.slice(before)).every(({ authorization }) => authorization === 'Bearer hf_secret'),
    );
    assert.ok(
      some(notes).every((note) => /its hash is the one that the source states/.test(note)),
      notes.join('\n'),
    );
    const dataset = await openDataset('repobench-python:all', { cacheDir });
    assert.deepEqual([dataset.tasks.length, dataset.format], [9, 'repobench']);
    const one = await openDataset('repobench-python', { cacheDir });
    assert.deepEqual(new Set(one.tasks.map(({ category }) => category)), new Set(['cross_file_first']));
  });

  test('refuses a file that is not the one whose hash is stated', async () => {
    await serveRepoBench();
    const [path] = [...routes.keys()].filter((key) => key.endsWith('.parquet'));
    const bytes = await readFile(join(PARQUET, path!.split('/').at(-1)!));
    bytes[100]! ^= 1;
    routes.set(path!, serveFile(bytes));
    const error = await failure(pull('repobench-python'));
    assert.ok(error instanceof DownloadError && error.problem === 'wrong-content');
  });

  test('says what is there when no file has the expected name', async () => {
    await serveRepoBench();
    const error = await failure(
      planPull(
        { ...setOf('repobench-python'), sources: [{ ...hubSource(), pattern: /\.csv$/ }] },
        optionsOf(),
      ),
    );
    assert.match(error.render(), /no file matches .*csv[\s\S]*README\.md/);
  });

  test('a refusal names the address and what to do', async () => {
    for (const [status, advice] of [
      [401, /HF_TOKEN/],
      [404, /has moved/],
      [503, /HF_ENDPOINT/],
    ] as const) {
      routes.set('/api/datasets/tianyang/repobench_python_v1.1/revision/main', serveStatus(status));
      const error = await failure(pull('repobench-python'));
      assert.ok(error instanceof DownloadError);
      assert.match(error.message, new RegExp(`answered ${status}`));
      assert.match(error.render(), advice);
      assert.doesNotMatch(error.render(), /hf_secret/);
    }
  });

  test('an answer in another language than the hub’s is refused', async () => {
    routes.set(
      '/api/datasets/tianyang/repobench_python_v1.1/revision/main',
      serveFile(Buffer.from('<html>')),
    );
    assert.match((await failure(pull('repobench-python'))).message, /is not what the hub sends/);
  });

  const hubSource = () => {
    const [source] = setOf('repobench-python').sources;
    assert.ok(source?.kind === 'hub');
    return source;
  };
});

describe('the catalog', () => {
  test('has unique ids, a licence, a page and a default part for every set', () => {
    assert.equal(new Set(PUBLISHED_SETS.map(({ id }) => id)).size, PUBLISHED_SETS.length);
    for (const { licence, page, parts, sources } of some(PUBLISHED_SETS)) {
      assert.notEqual(licence, '');
      assert.match(page, /^https:\/\//);
      assert.ok(Object.keys(parts).length > 0 && sources.length > 0);
    }
  });

  test('picks the files that the publishers name', () => {
    const part = (reference: string): RegExp => {
      const { set, part: name } = findPublished(reference)!;
      return set.parts[name!]!;
    };
    assert.match('crosscodeeval_data/python/line_completion_rg1_bm25.jsonl', part('cceval-python'));
    assert.match('crosscodeeval_data/java/line_completion.jsonl', part('cceval-java:plain'));
    assert.doesNotMatch('crosscodeeval_data/python/line_completion_rg1_bm25.jsonl', part('cceval-java'));
    assert.match('api_level_completion_2k_context_codegen.test.jsonl', part('repoeval-api'));
    assert.doesNotMatch('api_level_completion_2k_context_codex.test.jsonl', part('repoeval-api'));
    assert.match('data/in_file-00001-of-00002.parquet', part('repobench-java:in_file'));
    const [source] = findPublished('lca-small')!.set.sources;
    assert.ok(source?.kind === 'hub' && source.pattern.test('small_context/test-00000-of-00001.parquet'));
  });

  test('a set that was not pulled says how to, and an unknown part lists the parts', async () => {
    const missing = await failure(openDataset('cceval-java', { cacheDir }));
    assert.match(missing.render(), /has not been fetched yet[\s\S]*llava-eval datasets pull cceval-java/);
    const unknown = await failure(openDataset('cceval-java:rg9', { cacheDir }));
    assert.ok(unknown instanceof UsageError);
    assert.match(unknown.render(), /its parts: rg1_bm25, .*plain/);
  });
});
