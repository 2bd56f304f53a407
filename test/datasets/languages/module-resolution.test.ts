import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createResolver } from '../../../src/datasets/languages/ecmascript/module-resolution.js';

describe('an import specifier', () => {
  const resolve = createResolver(
    [
      'index.ts',
      'src/a.ts',
      'src/b/index.ts',
      'src/c.tsx',
      'src/d.mts',
      'src/e.js',
      'src/b.ts',
      'src/f/index.tsx',
    ],
    { '@/*': ['src/*'], '@/special': ['src/c'], '~/*': ['missing/*', 'src/b/../*'], self: ['index.ts'] },
  );

  const cases: readonly (readonly [string, string, string | null, string])[] = [
    ['src/b/index.ts', '../a', 'src/a.ts', 'may leave the extension out'],
    ['src/b/index.ts', '../a.js', 'src/a.ts', 'may say .js for .ts'],
    ['src/a.ts', './c.js', 'src/c.tsx', 'may say .js for .tsx'],
    ['src/a.ts', './c.jsx', 'src/c.tsx', 'may say .jsx for .tsx'],
    ['src/a.ts', './d.mjs', 'src/d.mts', 'may say .mjs for .mts'],
    ['src/a.ts', './a.ts', 'src/a.ts', 'may say the whole name'],
    ['src/a.ts', './e.js', 'src/e.js', 'may name a JavaScript file'],
    ['src/a.ts', './f', 'src/f/index.tsx', 'may name a folder with an index file'],
    ['src/a.ts', './b', 'src/b.ts', 'names the file before the folder of the same name'],
    ['src/a.ts', './b/', 'src/b/index.ts', 'names a folder with a slash at the end'],
    ['src/b/index.ts', '.', 'src/b/index.ts', 'may be a dot'],
    ['src/b/index.ts', '../..', 'index.ts', 'may be two dots'],
    ['src/a.ts', '@/e', 'src/e.js', 'may use an alias'],
    ['src/a.ts', '@/special', 'src/c.tsx', 'uses the exact alias before the pattern'],
    ['src/a.ts', '~/a', 'src/a.ts', 'tries the targets of an alias in turn'],
    ['src/a.ts', 'self', 'index.ts', 'may be the name of the package itself'],
    ['src/a.ts', 'lodash', null, 'of a package is no file'],
    ['src/a.ts', './lost', null, 'of a missing file is no file'],
    ['src/a.ts', '../../outside', null, 'outside of the repository is no file'],
    ['src/a.ts', '@/lost', null, 'of an alias without a file is no file'],
  ];
  for (const [from, specifier, expected, claim] of cases) {
    test(`${claim} (${specifier})`, () => {
      assert.equal(resolve(from, specifier), expected);
    });
  }
});
