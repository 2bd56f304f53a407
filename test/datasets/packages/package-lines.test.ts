import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Dataset } from '../../../src/datasets/dataset.js';
import { isOfPackages, readDescription } from '../../../src/datasets/description.js';
import type { PackageLinesDescription } from '../../../src/datasets/description.js';
import { npm } from '../../../src/datasets/packages/npm.js';
import { cachedFolder, readPackage } from '../../../src/datasets/packages/package-cache.js';
import type { PackagePin } from '../../../src/datasets/packages/package-cache.js';
import { hashLine, hashSources, openPackageLines } from '../../../src/datasets/packages/package-lines.js';
import { pypi } from '../../../src/datasets/packages/pypi.js';
import type { PackageFetcher } from '../../../src/datasets/packages/registry.js';
import { sha256 } from '../../../src/domain/hash.js';
import type { Repository } from '../../../src/domain/task.js';
import { DataError } from '../../../src/domain/errors.js';
import { integrityOf, makePackage } from '../package-archive.js';
import type { ArchiveEntry } from '../package-archive.js';
import { makeZip } from '../../support/archives.js';
import { some } from '../../support/some.js';

let folder: string;
let cacheDir: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-npm-'));
});
beforeEach(async () => {
  cacheDir = await mkdtemp(join(folder, 'cache-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

const SOURCE = 'export function area(width: number, height: number) {\r\n  return width * height;\r\n}\r\n';
const TEXT = SOURCE.replaceAll('\r\n', '\n');

const ENTRIES: readonly ArchiveEntry[] = [
  { name: 'package/package.json', text: '{"name":"demo"}' },
  { name: 'package/src/area.ts', text: SOURCE },
  { name: 'package/src/area.spec.ts', text: 'test();\n' },
  { name: 'package/src/area.d.ts', text: 'export {};\n' },
  { name: 'package/src/notes.md', text: 'words\n' },
  { name: 'package/dist/area.ts', text: 'built();\n' },
];

function pinOf(file: Buffer, repository = 'demo'): PackagePin {
  return {
    repository,
    package: repository,
    version: '1.2.3',
    integrity: integrityOf(file),
    sourceRoot: 'src',
  };
}

/** A fetcher that hands out one file and counts how often it was asked. */
function fetcherOf(file: Buffer): PackageFetcher & { calls: number } {
  const fetcher = async (name: string, version: string, into: string): Promise<string> => {
    fetcher.calls++;
    const path = join(into, `${name}-${version}.tgz`);
    await writeFile(path, file);
    return path;
  };
  fetcher.calls = 0;
  return fetcher;
}

function read(
  pin: PackagePin,
  fetch: PackageFetcher,
  onProgress?: (note: string) => void,
): Promise<Repository> {
  return readPackage(pin, { registry: { ...npm, fetch }, cacheDir, onProgress });
}

async function rejection(promise: Promise<unknown>): Promise<DataError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof DataError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
}

/** Everything in the cache, fetch folders included. */
async function cached(): Promise<string[]> {
  try {
    return await readdir(join(cacheDir, 'packages'));
  } catch {
    return [];
  }
}

describe('a pinned package', () => {
  test('gives the source files below its source root, with normalized line ends', async () => {
    const file = makePackage(ENTRIES);
    const repository = await read(pinOf(file), fetcherOf(file));
    assert.deepEqual(repository, { name: 'demo', files: [{ path: 'src/area.ts', text: TEXT }] });
  });

  test('is fetched once and then read from the cache', async () => {
    const file = makePackage(ENTRIES);
    const fetcher = fetcherOf(file);
    const notes: string[] = [];
    const first = await read(pinOf(file), fetcher, (note) => notes.push(note));
    const second = await read(pinOf(file), fetcher, (note) => notes.push(note));
    assert.deepEqual(second, first);
    assert.equal(fetcher.calls, 1);
    assert.deepEqual(notes, ['fetching demo@1.2.3 with npm']);
    assert.equal((await cached()).length, 1);
  });

  test('leaves nothing behind but its sources', async () => {
    const file = makePackage(ENTRIES);
    await read(pinOf(file), fetcherOf(file));
    const kept = await readdir(cachedFolder(cacheDir, pinOf(file), npm.hash), { recursive: true });
    assert.deepEqual(kept.sort(), ['src', join('src', 'area.ts')]);
  });

  test('with another hash is refused with both hashes before anything is unpacked or kept', async () => {
    const file = makePackage(ENTRIES);
    const other = makePackage([...ENTRIES, { name: 'package/src/more.ts', text: 'more();\n' }]);
    const error = await rejection(read(pinOf(file), fetcherOf(other)));
    assert.equal(error.message, 'demo@1.2.3: the fetched package is not the pinned one');
    assert.ok(error.hints.includes(`expected ${integrityOf(file)}`));
    assert.ok(error.hints.includes(`got      ${integrityOf(other)}`));
    assert.deepEqual(await cached(), []);
  });

  test('two fetches at once leave one copy and no scraps', async () => {
    const file = makePackage(ENTRIES);
    const once = (): Promise<unknown> => read(pinOf(file), fetcherOf(file));
    const [a, b] = await Promise.all([once(), once()]);
    assert.deepEqual(a, b);
    assert.equal((await cached()).length, 1);
  });

  test('an interrupted fetch leaves nothing, and the next one succeeds', async () => {
    const file = makePackage(ENTRIES);
    const broken: PackageFetcher = () => Promise.reject(new DataError('the network went away'));
    await rejection(read(pinOf(file), broken));
    assert.deepEqual(await cached(), []);
    await read(pinOf(file), fetcherOf(file));
    assert.equal((await cached()).length, 1);
  });
});

describe('a hostile package is refused and nothing of it is kept', () => {
  const cases: readonly (readonly [string, ArchiveEntry, RegExp])[] = [
    ['a name that climbs out', { name: 'package/src/../../evil.ts', text: 'x' }, /leads out of the archive/],
    ['an absolute name', { name: '/tmp/evil.ts', text: 'x' }, /is absolute/],
    ['a backslash name', { name: 'package/src\\..\\evil.ts', text: 'x' }, /holds a backslash/],
    ['a symbolic link', { name: 'package/src/link.ts', type: '2', link: '/etc/passwd' }, /is a link/],
    ['a hard link', { name: 'package/src/link.ts', type: '1', link: 'package/src/area.ts' }, /is a link/],
    ['a huge file', { name: 'package/src/huge.ts', text: 'x'.repeat(8 * 2 ** 20 + 1) }, /too large/],
  ];
  for (const [what, entry, message] of cases) {
    test(what, async () => {
      const file = makePackage([...ENTRIES, entry]);
      const error = await rejection(read(pinOf(file), fetcherOf(file)));
      assert.match(error.message, message);
      assert.deepEqual(await cached(), []);
    });
  }

  test('a damaged archive', async () => {
    const file = makePackage(ENTRIES).subarray(0, 150);
    const error = await rejection(read(pinOf(file), fetcherOf(file)));
    assert.match(error.message, /demo@1\.2\.3: cannot be read as an archive/);
    assert.deepEqual(await cached(), []);
  });
});

describe('a benchmark of npm lines', () => {
  const file = makePackage(ENTRIES);
  const sources = { name: 'demo', files: [{ path: 'src/area.ts', text: TEXT }] };
  const coordinate = {
    id: 'demo/src/area.ts:2',
    repository: 'demo',
    file: 'src/area.ts',
    line: 2,
    lineHash: sha256('  return width * height;'),
    fileHash: sha256(TEXT),
    crossFile: false,
  };

  function descriptionOf(
    sourceHash = hashSources(sources),
  ): Extract<PackageLinesDescription, { kind: 'npm-lines' }> {
    return {
      schema: 'llava-eval/dataset@1',
      kind: 'npm-lines',
      description: 'for a test',
      selection: { builder: 1, seed: 1, perRepository: 1 },
      packages: [
        { ...pinOf(file), licence: 'MIT', aliases: {}, files: 1, sourceHash, tasks: 1, crossFile: 0 },
      ],
    };
  }

  async function open(
    lines: readonly unknown[],
    description = descriptionOf(),
    fetcher: PackageFetcher = fetcherOf(file),
    mostRows = Infinity,
  ): Promise<Dataset> {
    const at = await mkdtemp(join(folder, 'set-'));
    await writeFile(join(at, 'tasks.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return openPackageLines(
      at,
      'demo-lines',
      description,
      { cacheDir, mostRows },
      { ...npm, fetch: fetcher },
    );
  }

  test('has tasks whose parts join to the fetched file', async () => {
    const dataset = await open([coordinate]);
    assert.deepEqual(dataset.tasks, [
      {
        id: 'demo/src/area.ts:2',
        repository: 'demo',
        path: 'src/area.ts',
        language: 'typescript',
        prefix: 'export function area(width: number, height: number) {\n  ',
        reference: 'return width * height;',
        suffix: '\n}\n',
        crossFile: false,
      },
    ]);
    assert.deepEqual(dataset.sources, [
      {
        repository: 'demo',
        origin: 'npm demo@1.2.3, src/',
        licence: 'MIT',
        isMissing: false,
        size: { files: 1, characters: TEXT.length },
        leftOut: [],
      },
    ]);
    assert.deepEqual(await dataset.repository('demo'), sources);
  });

  test('has the first rows only if no more are asked for', async () => {
    const other = { ...coordinate, id: 'demo/src/area.ts:1', line: 1, lineHash: hashLine(TEXT, 1) };
    const lines = [coordinate, other];
    assert.equal((await open(lines)).tasks.length, 2);
    const first = await open(lines, descriptionOf(), fetcherOf(file), 1);
    assert.deepEqual(
      first.tasks.map(({ id }) => id),
      ['demo/src/area.ts:2'],
    );
  });

  test('refuses a line, a file or a coordinate that is not the pinned one', async () => {
    const wrong = 'f'.repeat(64);
    assert.match(
      (await rejection(open([{ ...coordinate, lineHash: wrong }]))).message,
      /tasks\.jsonl:1: the line of/,
    );
    assert.match(
      (await rejection(open([{ ...coordinate, fileHash: wrong }]))).message,
      /tasks\.jsonl:1: the file of/,
    );
    assert.match((await rejection(open([{ ...coordinate, line: 99 }]))).message, /the line of/);
    assert.match(
      (await rejection(open([{ ...coordinate, file: 'src/lost.ts' }]))).message,
      /has no file src\/lost\.ts/,
    );
    assert.match((await rejection(open([coordinate, coordinate]))).message, /:2: task id .* is used twice/);
    assert.match((await rejection(open([{ ...coordinate, line: 0 }]))).message, /field "line" is wrong/);
  });

  test('fetches a package again whose cached copy was changed', async () => {
    const fetcher = fetcherOf(file);
    await open([coordinate], descriptionOf(), fetcher);
    const source = join(cachedFolder(cacheDir, pinOf(file), npm.hash), 'src', 'area.ts');
    await writeFile(source, 'export {};\n');
    const dataset = await open([coordinate], descriptionOf(), fetcher);
    assert.equal(dataset.tasks.length, 1);
    assert.equal(fetcher.calls, 2);
    assert.equal(await readFile(source, 'utf8'), SOURCE);
  });

  test('refuses sources that are not those of the benchmark even when fetched afresh', async () => {
    const error = await rejection(open([coordinate], descriptionOf('0'.repeat(64))));
    assert.match(error.message, /its sources are not those of the benchmark/);
  });

  test('names all packages that are missing in one message', async () => {
    const description = descriptionOf();
    const second = { ...description.packages[0]!, repository: 'other', package: 'other' };
    const offline: PackageFetcher = (name) => Promise.reject(new DataError(`${name} cannot be fetched`));
    const error = await rejection(
      open([coordinate], { ...description, packages: [...description.packages, second] }, offline),
    );
    assert.equal(error.message, '2 of 2 packages are missing; demo cannot be fetched');
    assert.ok(error.hints.includes('also: other cannot be fetched'));
  });

  test('works offline once it has been fetched', async () => {
    await open([coordinate]);
    const offline: PackageFetcher = () => Promise.reject(new DataError('offline'));
    assert.equal((await open([coordinate], descriptionOf(), offline)).tasks.length, 1);
  });
});

describe('a benchmark of lines of wheels', () => {
  const module = 'def area(width, height):\n    return width * height\n';
  const wheel = makeZip([
    { name: 'demo/__init__.py', content: Buffer.from('') },
    { name: 'demo/area.py', content: Buffer.from(module) },
    { name: 'demo/tests/test_area.py', content: Buffer.from('check()\n') },
    { name: 'demo/area.js', content: Buffer.from('built()\n') },
    { name: 'other/area.py', content: Buffer.from('other()\n') },
    { name: 'demo-1.2.3.dist-info/METADATA', content: Buffer.from('Name: demo\n') },
  ]);
  const sources = {
    name: 'demo',
    files: [
      { path: 'demo/__init__.py', text: '' },
      { path: 'demo/area.py', text: module },
    ],
  };
  const pin = {
    ...{ repository: 'demo', package: 'demo', version: '1.2.3', licence: 'MIT', sourceRoot: 'demo' },
    ...{ integrity: `sha256:${createHash('sha256').update(wheel).digest('hex')}` },
    ...{ files: 2, sourceHash: hashSources(sources), tasks: 1, crossFile: 0 },
  };

  test('has the Python sources of the package and nothing else, and cuts its tasks out of them', async () => {
    const coordinate = {
      ...{ id: 'demo/demo/area.py:2', repository: 'demo', file: 'demo/area.py', line: 2, crossFile: false },
      ...{ lineHash: sha256('    return width * height'), fileHash: sha256(module) },
    };
    const at = await mkdtemp(join(folder, 'set-'));
    await writeFile(join(at, 'tasks.jsonl'), `${JSON.stringify(coordinate)}\n`);
    const description: PackageLinesDescription = {
      ...{ schema: 'llava-eval/dataset@1', kind: 'pypi-lines', description: 'for a test' },
      ...{ selection: { builder: 1, seed: 1, perRepository: 1 }, packages: [pin] },
    };
    const dataset = await openPackageLines(
      at,
      'demo-lines',
      description,
      { cacheDir },
      { ...pypi, fetch: fetcherOf(wheel) },
    );
    const [task] = dataset.tasks;
    assert.equal(task?.language, 'python');
    assert.equal(task.prefix, 'def area(width, height):\n    ');
    assert.equal(task.reference, 'return width * height');
    assert.equal(dataset.sources[0]?.origin, 'PyPI demo==1.2.3, demo/');
    assert.deepEqual(await dataset.repository('demo'), sources);
  });

  test('refuses a wheel with another hash, and shows how to see the source of pip', async () => {
    const reading = { registry: { ...pypi, fetch: fetcherOf(wheel) }, cacheDir };
    const error = await rejection(readPackage({ ...pin, integrity: `sha256:${'0'.repeat(64)}` }, reading));
    assert.equal(error.message, 'demo==1.2.3: the fetched package is not the pinned one');
    assert.ok(error.hints.includes(`got      ${pin.integrity}`));
    assert.ok(error.hints.includes('look at the index or mirror that pip is set to: pip config list'));
    assert.deepEqual(await cached(), []);
  });
});

for (const id of ['npm-ts-lines', 'pypi-py-lines']) {
  describe(`the committed benchmark ${id}`, () => {
    test('has 200 holes of each of eight packages, round the packages, half of them cross-file', async () => {
      const lines = (await readFile(`datasets/${id}/tasks.jsonl`, 'utf8')).trimEnd().split('\n');
      const tasks = lines.map(
        (line) => JSON.parse(line) as { id: string; repository: string; crossFile: boolean },
      );
      assert.equal(tasks.length, 1600);
      assert.equal(new Set(tasks.map((task) => task.id)).size, 1600);
      const names = tasks.slice(0, 8).map(({ repository }) => repository);
      assert.equal(new Set(names).size, 8);
      for (const [i, task] of some(tasks.entries())) assert.equal(task.repository, names[i % 8]);
      assert.equal(tasks.filter(({ crossFile }) => crossFile).length, 800);
    });

    test('holds coordinates and hashes, and no text of the packages', async () => {
      const keys = ['id', 'repository', 'file', 'line', 'lineHash', 'fileHash', 'crossFile'];
      for (const line of (await readFile(`datasets/${id}/tasks.jsonl`, 'utf8')).trimEnd().split('\n')) {
        assert.deepEqual(Object.keys(JSON.parse(line) as object), keys);
      }
    });

    test('pins packages with permissive licences', async () => {
      const description = await readDescription(`datasets/${id}`);
      assert.ok(isOfPackages(description));
      for (const { licence } of description.packages) {
        assert.match(licence, /^(MIT|Apache-2\.0|BSD-3-Clause|MIT OR Apache-2\.0)$/);
      }
    });
  });
}

test('a line is hashed with its indentation and without its newline', () => {
  assert.equal(hashLine('a\n  b\n', 2), sha256('  b'));
});
