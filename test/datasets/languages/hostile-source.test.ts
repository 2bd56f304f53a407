/**
 * @file Source and settings of strangers that the compiler's recursion or an expression of ours would not survive.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findLines } from '../../../src/datasets/languages/ecmascript/find-lines.js';
import { createProjectResolver } from '../../../src/datasets/languages/ecmascript/project-resolver.js';

const CODE =
  'export function total(price: number, count: number): number {\n  return price * count + shipping(price);\n}\n';

describe('a source file', () => {
  test('whose tree is 8,000 levels deep costs itself and no other file', () => {
    const files = [
      { path: 'a.ts', text: CODE },
      { path: 'deep.ts', text: `const x = tag${'``'.repeat(8000)};\n` },
    ];
    const alone = findLines(files.slice(0, 1), () => null);
    const { candidates, unparsed } = findLines(files, () => null);
    assert.deepEqual(unparsed, ['deep.ts']);
    assert.deepEqual(candidates, alone.candidates);
    assert.ok(candidates.length > 0);
  });
});

describe('settings of a repository', () => {
  const resolveWith = (settings: Readonly<Record<string, string>>): string | null =>
    createProjectResolver({
      root: '/r',
      files: [
        { path: 'src/a.ts', text: '' },
        { path: 'libs/p/src/index.ts', text: '' },
      ],
      read: (path) =>
        new Map([
          ['/r/libs/p/package.json', '{"name":"p","main":"src/index.ts"}'],
          ...Object.entries(settings),
        ]).get(path) ?? null,
    })('src/a.ts', 'p');

  test('name the packages of a workspace by globs', () => {
    assert.equal(
      resolveWith({ '/r/package.json': '{"name":"r","workspaces":["libs/*"]}' }),
      'libs/p/src/index.ts',
    );
    assert.equal(
      resolveWith({ '/r/package.json': '{"name":"r","workspaces":["{apps,libs}/**"]}' }),
      'libs/p/src/index.ts',
    );
  });

  test('stand for no package where a glob is broken or has more stars than a person writes', () => {
    for (const glob of ['libs/{p', 'libs/p}', `libs/${'*a'.repeat(30)}`, `${'**/'.repeat(3)}*/*/*/*/p`]) {
      assert.equal(
        resolveWith({ '/r/package.json': JSON.stringify({ name: 'r', workspaces: [glob] }) }),
        null,
        glob,
      );
    }
  });

  test('are none where they nest deeper than the compiler goes', () => {
    assert.doesNotThrow(() => resolveWith({ '/r/tsconfig.json': '['.repeat(50_000) }));
  });
});
