import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findLines } from '../../../src/datasets/languages/ecmascript/find-lines.js';
import { createResolver } from '../../../src/datasets/languages/ecmascript/module-resolution.js';
import type { CandidateLine } from '../../../src/datasets/languages/lines/language.js';

function candidates(files: Readonly<Record<string, string>>, aliases = {}): readonly CandidateLine[] {
  const sources = Object.entries(files).map(([path, text]) => ({ path, text }));
  return findLines(sources, createResolver(Object.keys(files), aliases)).candidates;
}

function lines(text: string, path = 'a.ts'): string[] {
  return candidates({ [path]: text }).map((candidate) => candidate.text);
}

describe('a line is a candidate', () => {
  test('with its number and without its indentation', () => {
    assert.deepEqual(candidates({ 'a.ts': 'function f(a: number) {\n\treturn a * a + 1;\n}\n' }), [
      { path: 'a.ts', line: 1, text: 'function f(a: number) {', crossFile: false },
      { path: 'a.ts', line: 2, text: 'return a * a + 1;', crossFile: false },
    ]);
  });

  test('as the last line of a file without a newline', () => {
    assert.deepEqual(lines('const total = first + second;'), ['const total = first + second;']);
  });

  test('with a template literal that ends on the line, and inside JSX elements', () => {
    assert.deepEqual(lines('const label = `${count} of ${total}`;\n'), [
      'const label = `${count} of ${total}`;',
    ]);
    assert.deepEqual(lines('const view = (\n  <List items={all} />\n);\n', 'a.tsx'), [
      '<List items={all} />',
    ]);
  });

  test('with a comment mark inside a string or a regular expression', () => {
    assert.deepEqual(lines("const url = join('http://a', path);\n"), ["const url = join('http://a', path);"]);
    assert.deepEqual(lines('const clean = text.replace(/\\/\\//g, slash);\n'), [
      'const clean = text.replace(/\\/\\//g, slash);',
    ]);
  });
});

describe('a line is no candidate', () => {
  const good = 'const kept = alpha + beta;';
  const cases: readonly (readonly [string, string])[] = [
    ['if it is blank', '\n   \n'],
    ['if it is a lone bracket or punctuation', '{\n}\n[\n];\n({\n});\n'],
    ['if it has fewer than 5 tokens', 'someFunctionName();\nthrow exceptionOfSomeKind;\n'],
    ['if it has fewer than 12 characters', 'a = b + c;\n'],
    ['if it has more than 160 characters', `const long = '${'x'.repeat(150)}';\n`],
    ['if it has no identifier', 'if (1 + 1 === 2) 3 + 4;\n'],
    ['if it ends in white space', 'const x = alpha + beta; \n'],
    ['if it is a line comment', '// const commented = alpha + beta;\n'],
    ['if a comment follows the code', 'const x = alpha + beta; // a sum\n'],
    ['if a comment stands inside the code', 'const x = alpha + /* plus */ beta;\n'],
    ['if it lies in a block comment', '/*\n const commented = alpha + beta;\n*/\n'],
    ['if it lies in a documentation comment', '/**\n * const commented = alpha + beta;\n */\n'],
    ['if a block comment ends on it', '/* one\n two */ const x = alpha + beta;\n'],
    ['if the last comment of the file touches it', 'const x = alpha + beta; /* end */'],
    ['if it is an import', "import { alpha, beta } from './other';\n"],
    ['if it is part of an import', "import {\n  alpha as first, beta as second,\n} from './other';\n"],
    ['if it is an import assignment', "import other = require('./other');\n"],
    [
      'if it exports from another file',
      "export { alpha, beta } from './other';\nexport * as o from './other';\n",
    ],
    ['if it is an export list', 'export {\n  alpha as first, beta as second,\n};\n'],
    ['if it lies in a template literal', 'const t = `\n  const quoted = alpha + beta;\n`;\n'],
    ['if a template literal with values goes over it', 'const t = `${a}\n  const q = ${alpha + beta};\n`;\n'],
    ['if it is code between the parts of such a literal', 'const t = `${f(\n  alpha + beta * gamma,\n)}`;\n'],
    ['if a template literal begins on it', 'const t = call(alpha, `\n`);\n'],
    [
      'if it lies in a string that goes over the line end',
      "const s = 'a \\\n const q = alpha + beta; \\\n';\n",
    ],
  ];
  for (const [claim, text] of cases) {
    test(claim, () => {
      assert.deepEqual(lines(`${good}\n${text}`), [good]);
    });
  }

  test('if it is text between JSX tags', () => {
    assert.deepEqual(lines('const v = (\n  <p>\n    one, two, three = four\n  </p>\n);\n', 'a.tsx'), []);
  });

  test('if its file has a syntax error', () => {
    assert.deepEqual(lines(`${good}\nconst = ;\n`), []);
  });
});

describe('a line is cross-file', () => {
  /** The lines of a.ts that are marked, where b.ts and lib/index.ts exist beside it. */
  function marked(text: string, path = 'a.ts', aliases = {}): string[] {
    const others = {
      'b.ts': 'export const price = 1;\nexport interface Item { cost: number }\nexport default price;\n',
      'lib/index.ts': "export * from './money';\n",
      'lib/money.ts': 'export const money = 1;\n',
    };
    return candidates({ ...others, [path]: text }, aliases)
      .filter((candidate) => candidate.path === path && candidate.crossFile)
      .map((candidate) => candidate.text);
  }

  test('if it uses a value imported from a file of the repository', () => {
    assert.deepEqual(
      marked("import { price } from './b';\nconst total = price * 2 + 1;\nconst other = cost * 2 + 1;\n"),
      ['const total = price * 2 + 1;'],
    );
  });

  test('if the import is renamed, a default, a namespace, or says .js', () => {
    for (const [clause, use] of [
      ["{ price as p } from './b'", 'p'],
      ["p from './b'", 'p'],
      ["* as b from './b'", 'b.price'],
      ["{ price } from './b.js'", 'price'],
    ] as const) {
      assert.deepEqual(marked(`import ${clause};\nconst total = ${use} * 2 + 1;\n`), [
        `const total = ${use} * 2 + 1;`,
      ]);
    }
  });

  test('if it uses a type, imported as a type, inline or in place', () => {
    assert.deepEqual(
      marked(
        "import type { Item } from './b';\nimport { type Item as Thing } from './b';\n" +
          'function cost(item: Item) {\n}\nlet thing: Thing | null = null;\n' +
          "let other: import('./b').Item | null = null;\nlet local: Other | null = null;\n",
      ),
      [
        'function cost(item: Item) {',
        'let thing: Thing | null = null;',
        "let other: import('./b').Item | null = null;",
      ],
    );
  });

  test('if the name comes through an index file', () => {
    assert.deepEqual(marked("import { money } from './lib';\nconst total = money * 2 + 1;\n"), [
      'const total = money * 2 + 1;',
    ]);
  });

  test('if the name comes through a path alias', () => {
    assert.deepEqual(
      marked("import { money } from '@/lib';\nconst total = money * 2 + 1;\n", 'a.ts', { '@/*': ['*'] }),
      ['const total = money * 2 + 1;'],
    );
  });

  test('if the use is a shorthand property, a JSX tag or a decorator-like call', () => {
    assert.deepEqual(marked("import { price } from './b';\nconst item = { price, amount: 1 };\n"), [
      'const item = { price, amount: 1 };',
    ]);
    assert.deepEqual(marked("import View from './b';\nconst v = <View a={1} b={2} />;\n", 'a.tsx'), [
      'const v = <View a={1} b={2} />;',
    ]);
  });

  test('in JavaScript, if the name was required from a file of the repository', () => {
    assert.deepEqual(
      marked(
        "const { price: p } = require('./b');\nconst fs = require('fs');\n" +
          'module.exports = p * 2 + 1;\nconst x = fs.read(1, 2);\n',
        'a.js',
      ),
      ['module.exports = p * 2 + 1;'],
    );
  });

  test('not if the name comes from a package', () => {
    assert.deepEqual(marked("import { price } from 'prices';\nconst total = price * 2 + 1;\n"), []);
  });

  test('not if the imported file is not part of the repository', () => {
    assert.deepEqual(marked("import { price } from './lost';\nconst total = price * 2 + 1;\n"), []);
  });

  test('not if a parameter, a local variable or a type parameter shadows the import', () => {
    assert.deepEqual(
      marked(
        "import { price, Item } from './b';\n" +
          'function one(price: number) {\n  return price * 2 + 1;\n}\n' +
          'function two() {\n  const price = Math.random();\n  return price * 3 + 1;\n}\n' +
          'function three<Item>(item: Item): Item {\n  return item;\n}\n' +
          'function four() {\n  return price * 4 + 1;\n}\n',
      ),
      ['return price * 4 + 1;'],
    );
  });

  test('not if the name only occurs as a property, a key or a declared member', () => {
    assert.deepEqual(
      marked(
        "import { price } from './b';\n" +
          'const first = item.price * 2 + 1;\nconst second = { price: 1, other: 2 };\n' +
          'interface Row { price: number }\ntype Price = Row.price | null;\n',
      ),
      [],
    );
  });
});

describe('names that an imported file does not give', () => {
  const USE = [
    'export function use(items: string[], rate: number) {',
    '  const total = missing(items.length * 2, rate) + items.length;',
    '  return { total: total, count: items.length };',
    '}',
    '',
  ].join('\n');
  const SCRIPT_USE = USE.replace(/: (string\[\]|number)/g, '').replace('export ', '');

  /** Lines of use.ts or use.js and their marks. */
  function marks(files: Readonly<Record<string, string>>): (readonly [number, boolean])[] {
    return candidates(files)
      .filter(({ path }) => path.startsWith('use.'))
      .map(({ line, crossFile }) => [line, crossFile] as const);
  }

  const cases: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['since it is not exported', { 'm.ts': 'export const other = 1;\n' }],
    ['since a package exports it', { 'm.ts': "export * from 'lodash';\n" }],
    ['since a file of declarations has it', { 'm.ts': "export * from './native';\n" }],
    ['since a generated file has it', { 'm.ts': "export * from './client.gen';\nexport const other = 1;\n" }],
    [
      'since files export each other in a circle',
      { 'm.ts': "export * from './n';\n", 'n.ts': "export * from './m';\n" },
    ],
  ];
  for (const [claim, files] of cases) {
    test(`are marked by their import, ${claim}`, () => {
      // Line 2 is the import, line 4 the use; the import leads to m.ts, whatever m.ts holds.
      assert.deepEqual(marks({ ...files, 'use.ts': `\nimport { missing } from './m';\n${USE}` }), [
        [3, false],
        [4, true],
        [5, false],
      ]);
    });
  }

  test('are marked where only a type is missing', () => {
    const use = "import type { Missing } from './m';\nexport function use(a: string[], b: Missing) {\n}\n";
    assert.deepEqual(marks({ 'm.ts': 'export const other = 1;\n', 'use.ts': use }), [[2, true]]);
  });

  const scripts: readonly (readonly [string, string])[] = [
    ['a class', 'class M {\n  go(x, y) { return x + y * 2; }\n}\nmodule.exports = M;\n'],
    [
      'an object made at run time',
      "module.exports = Object.assign({}, require('./n'));\nmodule.exports.x = 1;\n",
    ],
    ['nothing', 'go();\n'],
  ];
  for (const [what, text] of scripts) {
    test(`are marked where a required file exports ${what}`, () => {
      assert.deepEqual(
        marks({
          'm.js': text,
          'n.js': 'exports.missing = (a, b) => a + b;\n',
          'use.js': `const { missing } = require('./m');\n${SCRIPT_USE}module.exports = { use };\n`,
        }),
        // Line 1 declares the name, and that is no use of it.
        [
          [1, false],
          [2, false],
          [3, true],
          [4, false],
          [6, false],
        ],
      );
    });
  }

  test('do not count where the file names a package, or a file that is not there', () => {
    const use = `import { missing } from 'lodash';\nimport { missing as other } from './lost';\n${USE}`;
    assert.deepEqual(
      marks({ 'use.ts': use }).map(([, crossFile]) => crossFile),
      [false, false, false],
    );
  });
});

test('a file that is nested too deeply for the compiler gives no line and costs no other file', () => {
  const deep = `const x = ${'['.repeat(20_000)}${']'.repeat(20_000)};\n`;
  const sources = [
    { path: 'deep.ts', text: deep },
    { path: 'sound.ts', text: 'const kept = alpha + beta;\n' },
  ];
  const { candidates: found, unparsed } = findLines(sources, () => null);
  assert.deepEqual(unparsed, ['deep.ts']);
  assert.deepEqual(
    found.map(({ path }) => path),
    ['sound.ts'],
  );
});
