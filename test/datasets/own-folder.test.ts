import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildFromFolder } from '../../src/datasets/holes/own-folder.js';
import { openDataset } from '../../src/datasets/open/open-dataset.js';
import { isSourcePath } from '../../src/datasets/repository/source-path.js';
import { DataError, UsageError } from '../../src/domain/errors.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-own-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function makeRepository(
  name: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<string> {
  const root = join(folder, name);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

const CODE = 'export const value = Math.max(1, 2);\n';

describe('a folder given as a dataset', () => {
  test('yields tasks of its own files, the same every time', async () => {
    const root = await makeRepository('plain', {
      'package.json': '{ "license": "MIT" }',
      'src/a.ts': CODE,
      'src/b.ts': "import { value } from './a.js';\r\n\r\nexport const twice = value * 2 + 1;\r\n",
    });
    const dataset = await openDataset(root);
    assert.equal(dataset.id, 'plain');
    assert.deepEqual(
      dataset.tasks.map(({ id, crossFile }) => [id, crossFile]),
      [
        ['plain/src/b.ts:3', true],
        ['plain/src/a.ts:1', false],
      ],
    );
    assert.equal(dataset.tasks[0]!.prefix, "import { value } from './a.js';\n\n");
    assert.deepEqual(dataset.sources[0], {
      repository: 'plain',
      origin: root,
      licence: 'MIT',
      isMissing: false,
      size: { files: 2, characters: 106 },
      leftOut: [],
    });
    assert.equal((await openDataset(root)).contentHash, dataset.contentHash);
  });

  test('has its tsconfig aliases followed', async () => {
    const root = await makeRepository('aliased', {
      'tsconfig.json': '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }',
      'src/a.ts': CODE,
      'src/b.ts': "import { value } from '@/a';\nexport const twice = value * 2 + 1;\n",
    });
    const marks = (await openDataset(root)).tasks.map(({ path, crossFile }) => [path, crossFile]);
    assert.deepEqual(marks[0], ['src/b.ts', true]);
  });

  test('has its workspace, inherited aliases and "#" imports followed', async () => {
    const use = (specifier: string, name: string): string =>
      `import { ${name} } from '${specifier}';\n\n\n\n\n\nexport const x = ${name}(1, 2) + ${name}(1, 3);\n`;
    const root = await makeRepository('workspace', {
      'package.json': '{ "private": true, "workspaces": ["packages/*"] }',
      'tsconfig.json': '{ "extends": "./tsconfig.base.json" }',
      'tsconfig.base.json': '{ "compilerOptions": { "paths": { "@app/*": ["./packages/app/src/*"] } } }',
      'packages/core/package.json':
        '{ "name": "@demo/core", "exports": { ".": "./dist/index.js" }, "imports": { "#in/*": "./src/in/*.ts" } }',
      'packages/core/src/index.ts': "export { round } from './in/money';\n",
      'packages/core/src/in/money.ts': 'export function round(a: number, b: number) {\n  return a + b;\n}\n',
      'packages/core/src/hash.ts': use('#in/money', 'round').replace(' x = ', ' v = '),
      'packages/app/tsconfig.json':
        '{ "compilerOptions": { "baseUrl": ".", "paths": { "~/*": ["src/*"] } } }',
      'packages/app/src/name.ts': use('@demo/core', 'round'),
      'packages/app/src/own.ts': use('~/name', 'x').replace(' x = ', ' y = '),
      'packages/app/src/inherited.ts': use('@app/name', 'x').replace(' x = ', ' z = '),
      'packages/app/src/foreign.ts': use('@demo/lost', 'round').replace(' x = ', ' w = '),
    });
    const marks = (await openDataset(root)).tasks
      .filter(({ id }) => id.endsWith(':7'))
      .map(({ path, crossFile }) => [path.replace('packages/', ''), crossFile])
      .sort();
    assert.deepEqual(marks, [
      ['app/src/foreign.ts', false],
      ['app/src/inherited.ts', true],
      ['app/src/name.ts', true],
      ['app/src/own.ts', true],
      ['core/src/hash.ts', true],
    ]);
  });

  test('offers neither holes nor context of the build output that git ignores', async () => {
    const root = await makeRepository('built', {
      '.gitignore': 'lib/\n',
      'src/a.js': 'export function twice(n) {\n  return n * 2 + n - n;\n}\n',
      'lib/a.js': '"use strict";\nexports.twice = function twice(n) {\n  return n * 2 + n - n;\n};\n',
    });
    execFileSync('git', ['init'], { cwd: root, stdio: 'ignore' });
    const dataset = await openDataset(root);
    assert.deepEqual(new Set(dataset.tasks.map(({ path }) => path)), new Set(['src/a.js']));
    const { files } = await dataset.repository('built');
    assert.deepEqual(
      files.map(({ path }) => path),
      ['src/a.js'],
    );
  });

  test('may hold JavaScript only', async () => {
    const root = await makeRepository('script', { 'lib/a.mjs': CODE });
    assert.deepEqual(
      (await openDataset(root)).tasks.map(({ path, language }) => [path, language]),
      [['lib/a.mjs', 'javascript']],
    );
  });

  test('is not searched where installed, built, hidden, linked, generated or binary files lie', async () => {
    const root = await makeRepository('ignoring', {
      'a.ts': CODE,
      'node_modules/p/index.ts': CODE,
      'dist/a.ts': CODE,
      '.cache/a.ts': CODE,
      'generated/a.ts': CODE,
      'note.ts': `// Code generated by a tool. DO NOT EDIT.\n${CODE}`,
      'min.ts': `${'x'.repeat(1001)}\n${CODE}`,
      'binary.ts': Buffer.from([0x61, 0, 0x62]),
      'latin1.ts': Buffer.from([0x63, 0xe9, 0x63]),
      'big.ts': CODE.repeat(30_000),
      'elsewhere.txt': 'text',
    });
    await symlink(join(root, 'a.ts'), join(root, 'link.ts'));
    const repository = await (await openDataset(root)).repository('ignoring');
    assert.deepEqual(
      repository.files.map(({ path }) => path),
      ['a.ts'],
    );
  });

  test('gives each language tasks in proportion to its candidate lines, and retrievers the files of all', async () => {
    const lines = (name: string, count: number, end: string): string =>
      Array.from(
        { length: count },
        (_, i) => `${name}${i} = alpha${i} + beta${i} * 2${end}\n\n\n\n\n\n`,
      ).join('');
    const root = await makeRepository('mixed', {
      'a.py': lines('value', 30, ''),
      'main.go': `package main\n\nfunc f() {\n${lines('value', 10, '')}}\n`,
      'lone.rb': '# nothing\n',
    });
    const built = await buildFromFolder({ folder: root, lines: 8, seed: 1 });
    // 30 and 10 candidates share 8 tasks as 6 and 2. Places: Python 1/12, 3/12, ..., 11/12, Go 3/12 and 9/12.
    assert.deepEqual(
      built.tasks.map(({ task }) => task.language),
      ['python', 'python', 'go', 'python', 'python', 'python', 'go', 'python'],
    );
    assert.deepEqual(
      built.repository.files.map(({ path }) => path),
      ['a.py', 'main.go'],
    );
    const only = await openDataset(root, { language: 'go' });
    assert.deepEqual(new Set(only.tasks.map(({ language }) => language)), new Set(['go']));
    await assert.rejects(openDataset('tiny', { language: 'go' }), UsageError);
  });

  test('is TypeScript or JavaScript, whichever has more candidate lines', async () => {
    const line = (i: number): string => `export const value${i} = Math.max(${i}, alpha);\n`;
    const many = [0, 1, 2].map(line).join('');
    const languages = async (name: string, files: Readonly<Record<string, string>>): Promise<string[]> => {
      const { tasks } = await openDataset(await makeRepository(name, files));
      return [...new Set(tasks.map(({ language }) => language))];
    };
    assert.deepEqual(await languages('more-ts', { 'a.ts': many, 'config.js': line(9) }), ['typescript']);
    assert.deepEqual(await languages('more-js', { 'a.js': many, 'types.ts': line(9) }), ['javascript']);
  });

  test('says what it leaves out, and which files do not parse', async () => {
    const root = await makeRepository('noting', { 'a.ts': CODE, 'a.test.ts': CODE, 'b.ts': 'const = ;\n' });
    const notes: string[] = [];
    const dataset = await openDataset(root, { onProgress: (note) => notes.push(note) });
    assert.deepEqual(notes, [
      `cutting lines out of ${root}`,
      `${root}: left out: 1 test file (a.test.ts)`,
      `${root}: 1 of 2 TypeScript files have syntax errors, so they give no holes or fewer (b.ts)`,
    ]);
    assert.deepEqual(dataset.sources[0]!.leftOut, [{ reason: 'test', count: 1, example: 'a.test.ts' }]);
  });

  test('is refused without source files, or without a line that makes a fair task', async () => {
    const empty = await makeRepository('empty', { 'notes.md': 'text' });
    await assert.rejects(openDataset(empty), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /no source file found in TypeScript, JavaScript, Python, .* and Ruby$/);
      return true;
    });
    const thin = await makeRepository('thin', { 'a.ts': 'f();\n' });
    await assert.rejects(openDataset(thin), /no line of its 1 source files makes a fair task/);
  });
});

describe('a path is source text', () => {
  const yes = [
    'a.ts',
    'src/a.tsx',
    'src/a.mts',
    'src/contest/latest.ts',
    'src/testing/scheduler.ts',
    'src/d.ts',
  ];
  const no = [
    'a.js',
    'a.d.ts',
    'a.d.mts',
    'a.css.d.ts',
    'a.test.ts',
    'a.spec.tsx',
    'a.bench.ts',
    'test/a.ts',
    'src/tests/a.ts',
    'src/__tests__/a.ts',
    'src/generated/a.ts',
    'src/a.generated.ts',
    'src/a.min.ts',
    'ts',
  ];
  for (const path of yes)
    test(`${path} in TypeScript`, () => {
      assert.ok(isSourcePath(path, 'typescript'));
    });
  for (const path of no)
    test(`${path} not`, () => {
      assert.ok(!isSourcePath(path, 'typescript'));
    });

  test('a file of another language not', () => {
    assert.ok(!isSourcePath('a.ts', 'python'));
  });
});
