import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pnpmMembers } from '../../../src/datasets/languages/ecmascript/packages.js';
import { createProjectResolver } from '../../../src/datasets/languages/ecmascript/project-resolver.js';
import type { ModuleResolver } from '../../../src/datasets/languages/ecmascript/module-resolution.js';

/** A resolver over files in memory: sources by ending, the rest are settings. */
function resolverOf(
  texts: Readonly<Record<string, string | object>>,
  sources: readonly string[],
): ModuleResolver {
  const root = '/home/me/repo';
  const settings = new Map(
    Object.entries(texts).map(([path, value]) => [
      path.startsWith('/') ? path : `${root}/${path}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
  return createProjectResolver({
    root,
    files: sources.map((path) => ({ path, text: '' })),
    read: (path) => settings.get(path) ?? null,
  });
}

describe('the nearest tsconfig decides', () => {
  const sources = ['src/a.ts', 'packages/app/src/b.ts', 'packages/app/src/c.ts', 'packages/core/src/d.ts'];

  test('so a package has aliases of its own, which others have not, and then those of the folders above', () => {
    const resolve = resolverOf(
      {
        'tsconfig.json': { compilerOptions: { paths: { '@/*': ['./src/*'] } } },
        'packages/app/tsconfig.json': { compilerOptions: { baseUrl: '.', paths: { '~/*': ['src/*'] } } },
      },
      sources,
    );
    assert.equal(resolve('packages/app/src/b.ts', '~/c'), 'packages/app/src/c.ts');
    assert.equal(resolve('packages/core/src/d.ts', '~/c'), null);
    assert.equal(resolve('packages/core/src/d.ts', '@/a'), 'src/a.ts');
    assert.equal(resolve('packages/app/src/b.ts', '@/a'), 'src/a.ts');
  });

  test('with what it inherits through a chain, a list and a package, relative to where it is stated', () => {
    const resolve = resolverOf(
      {
        'packages/app/tsconfig.json': { extends: ['../../tsconfig.strict.json', '../../tsconfig.base.json'] },
        'tsconfig.strict.json': { compilerOptions: { strict: true } },
        'tsconfig.base.json': { extends: '@acme/tsconfig/base.json' },
        'node_modules/@acme/tsconfig/package.json': { name: '@acme/tsconfig' },
        'node_modules/@acme/tsconfig/base.json': {
          compilerOptions: { paths: { '@app/*': ['../../../packages/app/src/*'] } },
        },
      },
      sources,
    );
    assert.equal(resolve('packages/app/src/b.ts', '@app/c'), 'packages/app/src/c.ts');
  });

  test('with what it inherits from outside of the repository', () => {
    const resolve = resolverOf(
      {
        'tsconfig.json': { extends: '../base.json' },
        '/home/me/base.json': { compilerOptions: { baseUrl: 'repo/src' } },
      },
      sources,
    );
    assert.equal(resolve('packages/core/src/d.ts', 'a'), 'src/a.ts');
  });

  test('with the aliases of the configurations beside it that it refers to', () => {
    const resolve = resolverOf(
      {
        'tsconfig.json': {
          files: [],
          references: [{ path: './tsconfig.node.json' }, { path: './tsconfig.app.json' }],
        },
        'tsconfig.node.json': { compilerOptions: { strict: true } },
        'tsconfig.app.json': { compilerOptions: { paths: { '@/*': ['./src/*'] } } },
      },
      sources,
    );
    assert.equal(resolve('packages/core/src/d.ts', '@/a'), 'src/a.ts');
  });

  test('and one that is damaged, or inherits from itself or from nowhere, costs aliases only', () => {
    for (const text of [
      '{ "compilerOptions": ',
      '[]',
      { extends: './tsconfig.json' },
      { extends: './lost.json' },
      { extends: 3, compilerOptions: { paths: { x: 'y', z: [1] } } },
    ]) {
      const resolve = resolverOf({ 'tsconfig.json': text }, sources);
      assert.equal(resolve('src/a.ts', '@/b'), null);
      assert.equal(resolve('src/a.ts', '../packages/core/src/d'), 'packages/core/src/d.ts');
    }
  });

  test('and comments, commas at the end and a jsconfig are read', () => {
    const text = '{ // ours\n "compilerOptions": { "baseUrl": "./src", "paths": { "@/*": ["*"] }, } }';
    const resolve = resolverOf({ 'jsconfig.json': text }, sources);
    assert.equal(resolve('src/a.ts', '@/a'), 'src/a.ts');
    assert.equal(resolve('src/a.ts', 'a'), 'src/a.ts');
  });
});

describe('a name of the workspace', () => {
  const sources = [
    'packages/app/src/main.ts',
    'packages/core/src/index.ts',
    'packages/core/src/money.ts',
    'packages/core/src/internal/clock.ts',
    'packages/bundled/src/index.tsx',
    'packages/bundled/src/theme.ts',
    'packages/plain/lib/index.js',
    'tools/fixture/index.ts',
  ];
  const packages = {
    'packages/app/package.json': { name: '@acme/app' },
    'packages/core/package.json': {
      name: '@acme/core',
      exports: {
        '.': { types: './dist/index.d.ts', default: './dist/index.js' },
        './money': './src/money.ts',
        './deep/*': ['./dist/internal/*.mjs'],
        './secret': null,
      },
      imports: { '#int/*': './src/internal/*.ts', '#app': 'bundled' },
    },
    'packages/bundled/package.json': { name: 'bundled', main: 'dist/bundled.cjs.prod.js' },
    'packages/plain/package.json': { name: 'plain', main: './lib' },
    'tools/fixture/package.json': { name: 'react', main: 'index.ts' },
  };
  const roots: readonly (readonly [string, Readonly<Record<string, string | object>>])[] = [
    ['npm and Yarn', { 'package.json': { workspaces: ['packages/*'] } }],
    [
      'Yarn, written as a table',
      { 'package.json': { workspaces: { packages: ['./packages/**', '!**/lost'] } } },
    ],
    ['pnpm', { 'pnpm-workspace.yaml': 'packages:\n  - "packages/{app,core,bundled,plain}"\n' }],
  ];
  for (const [manager, root] of roots) {
    test(`leads to the source of the package's output (${manager})`, () => {
      const resolve = resolverOf({ ...packages, ...root }, sources);
      const from = 'packages/app/src/main.ts';
      assert.equal(resolve(from, '@acme/core'), 'packages/core/src/index.ts');
      assert.equal(resolve(from, '@acme/core/money'), 'packages/core/src/money.ts');
      assert.equal(resolve(from, '@acme/core/deep/clock'), 'packages/core/src/internal/clock.ts');
      assert.equal(resolve(from, 'bundled'), 'packages/bundled/src/index.tsx');
      assert.equal(resolve(from, 'bundled/theme'), 'packages/bundled/src/theme.ts');
      assert.equal(resolve(from, 'bundled/dist/theme.js'), 'packages/bundled/src/theme.ts');
      assert.equal(resolve(from, 'plain'), 'packages/plain/lib/index.js');
    });

    test(`leads nowhere if the package hides it or is no member (${manager})`, () => {
      const resolve = resolverOf({ ...packages, ...root }, sources);
      const from = 'packages/app/src/main.ts';
      assert.equal(resolve(from, '@acme/core/internal/clock'), null);
      assert.equal(resolve(from, '@acme/core/secret'), null);
      assert.equal(resolve(from, 'react'), null);
      assert.equal(resolve(from, '@acme/lost'), null);
    });
  }

  test('of the own package counts without a workspace, and so do its "#" imports', () => {
    const resolve = resolverOf(packages, sources);
    const from = 'packages/core/src/money.ts';
    assert.equal(resolve(from, '@acme/core'), 'packages/core/src/index.ts');
    assert.equal(resolve(from, '#int/clock'), 'packages/core/src/internal/clock.ts');
    assert.equal(resolve(from, '#app'), null);
    assert.equal(resolve(from, 'bundled'), null);
    const inWorkspace = resolverOf({ ...packages, 'package.json': { workspaces: ['packages/*'] } }, sources);
    assert.equal(inWorkspace(from, '#app'), 'packages/bundled/src/index.tsx');
  });

  test("leads through the compiler's own folders, whatever they are called", () => {
    const resolve = resolverOf(
      {
        'package.json': { name: 'odd', exports: { './*': './.made/js/*.js' } },
        'tsconfig.json': { compilerOptions: { outDir: '.made/js', rootDir: 'code' } },
      },
      ['code/a.ts', 'code/b.ts'],
    );
    assert.equal(resolve('code/a.ts', 'odd/b'), 'code/b.ts');
  });

  test('survives manifests that are damaged', () => {
    for (const text of ['{', '[]', '{ "name": 3, "exports": 4, "workspaces": 5 }']) {
      const resolve = resolverOf({ 'package.json': text }, sources);
      assert.equal(resolve('packages/app/src/main.ts', '@acme/core'), null);
    }
  });
});

test('the list of a pnpm workspace is read in both forms, with comments and quotes', () => {
  const block =
    '# ours\npackages:\n  # all\n  - \'packages/*\'\n\n  - apps/web # one\n  - "!**/test"\ncatalog:\n  - no\n';
  assert.deepEqual(pnpmMembers(block), ['packages/*', 'apps/web', '!**/test']);
  assert.deepEqual(pnpmMembers('packages: ["a/*",\n  b]\nother: [c]\n'), ['a/*', 'b']);
  assert.deepEqual(pnpmMembers('catalog:\n  - x\n'), []);
});
