/**
 * @file Work over foreign text, which must end in time whatever the text is: scores, words, chunks, prompts' parts.
 */

import { readFileSync } from 'node:fs';
import { findLines } from '../../../src/datasets/languages/ecmascript/find-lines.js';
import { createProjectResolver } from '../../../src/datasets/languages/ecmascript/project-resolver.js';
import type { CompletionTask } from '../../../src/domain/task.js';
import { scoreCompletion } from '../../../src/metrics/profile.js';
import { METRIC_PROFILES, metricProfile } from '../../../src/metrics/registry.js';
import { lexicalTokens } from '../../../src/retrieval/lexical-tokens.js';
import { isMachineWritten } from '../../../src/datasets/repository/source-path.js';
import { loadPythonParser } from '../../../src/parsing/python.js';
import { bendBytes } from '../mutate/bytes.js';
import { bendJson } from '../mutate/json.js';
import { pick, type FuzzTarget, type Mutator } from '../target.js';

const CODE = [
  "def area(w, h):\n    return w * h  # it's\n",
  'const total = items.reduce((sum, { price }) => sum + price, 0);\n',
  "x = '''\n'''\n/* c */ // d\n\"\\\"\" 'a' `b${c}`\n",
];

/** What code nests in, and what it nests by without any bracket: an opening, and what closes it. */
const NESTS = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
  ['<', '>'],
  ['f(', ')'],
  ['if (a) {', '}'],
  ['else if (a) {} ', ''],
  ['a + ', ''],
  ['a ? b : ', ''],
  ['!', ''],
  ['- ', ''],
  ['not ', ''],
  ['*', ''],
  ['', '.b'],
  ['', '()'],
  ['', '[0]'],
  ['#{', '}'],
  ["f'{", "}'"],
] as const;

/** Nests of one kind, or stretches of one character, or of two in turn: what slows parsers and patterns down. */
export const bendText: Mutator = (seed, other, rng) => {
  if (rng.int(3) === 0) return bendBytes(seed, other, rng).subarray(0, 8_000);
  if (rng.int(3) === 0) {
    const [opening, closing] = pick(NESTS, rng);
    const times = pick([10, 300, 2000], rng);
    const nest = Buffer.from(`${opening.repeat(times)}a${closing.repeat(times)}`);
    const place = rng.int(seed.length + 1);
    return Buffer.concat([seed.subarray(0, place), nest, seed.subarray(place)]);
  }
  const unit = pick(
    [
      'a',
      ' ',
      '\n',
      '\t',
      '_',
      '1',
      "'",
      '"',
      '\\',
      '(',
      '{',
      '/',
      '*',
      '/*',
      '//',
      '"\\',
      'a ',
      "n't ",
      '\r',
      '\u00e9',
      '#',
      '`',
      '${',
      '<',
      ',',
    ],
    rng,
  );
  const stretch = Buffer.from(unit.repeat(pick([10, 1000, 8000], rng)));
  const at = rng.int(seed.length + 1);
  return Buffer.concat([seed.subarray(0, at), stretch, seed.subarray(at)]);
};

type Language = CompletionTask['language'];

/** Loaded once a process: its memory is not given back. */
let parser: ReturnType<typeof loadPythonParser> | null = null;

export const TEXT_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'scores',
    file: 'completion.txt',
    seeds: () => CODE.map((text) => Buffer.from(text)),
    mutate: bendText,
    async read(file) {
      const text = readFileSync(file, 'utf8');
      parser ??= loadPythonParser();
      const python = await parser;
      for (const name of METRIC_PROFILES) {
        const profile = metricProfile(name, python);
        for (const language of ['python', 'typescript'] satisfies Language[]) {
          for (const [reference, raw] of [
            ['return w * h', text],
            [text, 'return w * h'],
          ] as const) {
            const task = { prefix: 'x = 1\n', reference, language };
            scoreCompletion(profile, raw, task);
          }
        }
      }
    },
  },
  {
    name: 'words',
    file: 'text.txt',
    seeds: () => CODE.map((text) => Buffer.from(text)),
    mutate: bendText,
    read(file) {
      const text = readFileSync(file, 'utf8');
      lexicalTokens(text);
      isMachineWritten(text);
    },
  },
  {
    name: 'source',
    file: 'source.ts',
    seeds: () => CODE.map((text) => Buffer.from(text)),
    mutate: bendText,
    read(file) {
      const text = readFileSync(file, 'utf8');
      findLines(
        [
          { path: 'source.ts', text },
          { path: 'b.ts', text: 'export const b = 1;\n' },
        ],
        () => 'b.ts',
      );
    },
  },
  projectTarget('tsconfig', 'tsconfig.json', [
    '{\n  // comments are fine\n  "compilerOptions": { "baseUrl": ".", "paths": { "@/*": ["src/*"] } }\n}\n',
  ]),
  projectTarget('package-manifest', 'package.json', [
    '{"name":"a","workspaces":["packages/*","{apps,libs}/**"],"exports":{".":"./src/a.ts","./*":["./src/*.ts"]},' +
      '"imports":{"#b":{"node":"./src/b.ts"}},"main":"src/a.js"}',
  ]),
  projectTarget('pnpm-workspace', 'pnpm-workspace.yaml', ['packages:\n  - \'packages/*\'\n  - "!**/test"\n']),
];

/** A file that says how the modules of a repository are found, and imports that are looked up by it. */
function projectTarget(name: string, file: string, seeds: readonly string[]): FuzzTarget {
  const isJson = file.endsWith('.json');
  return {
    name,
    file,
    seeds: () => seeds.map((text) => Buffer.from(text)),
    mutate: isJson ? bendJson : bendText,
    read(path) {
      const text = readFileSync(path, 'utf8');
      const sources = [
        '/r/src/a.ts',
        '/r/src/b.ts',
        '/r/packages/p/src/index.ts',
        `/r/libs/${'a'.repeat(200)}/x.ts`,
      ];
      const manifest = '{"name":"p","main":"src/index.ts"}';
      const files = new Map([
        [`/r/${file}`, text],
        ['/r/packages/p/package.json', manifest],
        [`/r/libs/${'a'.repeat(200)}/package.json`, manifest],
      ]);
      const resolve = createProjectResolver({
        root: '/r',
        files: sources.map((source) => ({ path: source.slice(3), text: '' })),
        read: (wanted) => files.get(wanted) ?? null,
      });
      for (const specifier of [
        './b',
        '@/b',
        '../x',
        'a',
        'a/b',
        'p',
        '#b',
        '__proto__',
        'constructor',
        '#',
      ]) {
        resolve('src/a.ts', specifier);
      }
    },
  };
}
