/**
 * @file Source and settings of strangers that the compiler's recursion or an expression of ours would not survive.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { languageKind } from '../../../src/datasets/languages/all.js';
import { findLines } from '../../../src/datasets/languages/ecmascript/find-lines.js';
import { createProjectResolver } from '../../../src/datasets/languages/ecmascript/project-resolver.js';
import type { Language } from '../../../src/domain/languages.js';
import type { SourceFile } from '../../../src/domain/task.js';

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

const DEEP: Readonly<
  Record<string, { readonly file: string; readonly text: string; readonly deep: string }>
> = {
  python: {
    file: 'a.py',
    text: 'def total(price, count):\n    return price * count + shipping(price)\n',
    deep: `x = ${'('.repeat(3000)}1${')'.repeat(3000)}\n`,
  },
  java: {
    file: 'A.java',
    text: 'class A {\n  int total(int price, int count) { return price * count + shipping(price); }\n}\n',
    deep: `class B { int x = ${'('.repeat(3000)}1${')'.repeat(3000)}; }\n`,
  },
  csharp: {
    file: 'A.cs',
    text: 'class A {\n  int Total(int price, int count) { return price * count + Shipping(price); }\n}\n',
    deep: `class B { int x = ${'('.repeat(3000)}1${')'.repeat(3000)}; }\n`,
  },
  go: {
    file: 'a.go',
    text: 'package a\n\nfunc total(price, count int) int {\n\treturn price*count + shipping(price)\n}\n',
    deep: `package a\n\nvar x = ${'('.repeat(3000)}1${')'.repeat(3000)}\n`,
  },
  rust: {
    file: 'a.rs',
    text: 'fn total(price: u32, count: u32) -> u32 {\n    price * count + shipping(price)\n}\n',
    deep: `static X: u32 = ${'('.repeat(3000)}1${')'.repeat(3000)};\n`,
  },
  cpp: {
    file: 'a.cpp',
    text: 'int total(int price, int count) {\n  return price * count + shipping(price);\n}\n',
    deep: `int x = ${'('.repeat(3000)}1${')'.repeat(3000)};\n`,
  },
  php: {
    file: 'a.php',
    text: '<?php\nfunction total($price, $count) {\n  return $price * $count + shipping($price);\n}\n',
    deep: `<?php\n$x = ${'('.repeat(3000)}1${')'.repeat(3000)};\n`,
  },
  ruby: {
    file: 'a.rb',
    text: 'def total(price, count)\n  price * count + shipping(price)\nend\n',
    deep: `x = ${'('.repeat(3000)}1${')'.repeat(3000)}\n`,
  },
};

describe('a source file whose brackets nest 3,000 times costs itself and no other file in', () => {
  for (const [language, { file, text, deep }] of Object.entries(DEEP)) {
    test(language, async () => {
      const finder = await languageKind(language as Language).load();
      const find = (files: readonly SourceFile[]) => finder.find({ root: '/r', files, read: () => null });
      const files = [
        { path: file, text },
        { path: `deep/${file}`, text: deep },
      ];
      const alone = find(files.slice(0, 1));
      const { candidates, unparsed } = find(files);
      assert.deepEqual(unparsed, [`deep/${file}`]);
      assert.deepEqual(candidates, alone.candidates);
      assert.ok(candidates.length > 0);
    });
  }
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

  // A pattern that looks at the rest of the text from each of a million line ends takes hours.
  for (const [language, file, setting] of [
    ['go', 'go.mod', `${'\n'.repeat(1_000_000)}modul`],
    ['rust', 'Cargo.toml', `[package]${'\n'.repeat(1_000_000)}nam`],
    ['csharp', 'Directory.Build.props', `<Using${' '.repeat(1_000_000)}Includ`],
  ] as const) {
    test(`of a million line ends or blanks are read in time: ${file}`, async () => {
      const { file: source, text } = DEEP[language]!;
      const finder = await languageKind(language).load();
      const before = process.cpuUsage();
      finder.find({
        root: '/r',
        files: [{ path: source, text }],
        read: (path) => (path === `/r/${file}` ? setting : null),
      });
      assert.ok(process.cpuUsage(before).user < 3e6, 'more than three seconds');
    });
  }
});
