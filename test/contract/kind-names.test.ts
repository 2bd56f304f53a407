/**
 * @file A retriever, a metric profile or a record format is named in its own file and in its list, and nowhere else
 * in the program. Whoever needs to know something of one asks for the role: the default, needs an embedder, takes
 * shipped chunks. So a new one needs no other file.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import ts from 'typescript';
import { FORMAT_NAMES } from '../../src/datasets/formats/all.js';
import { METRIC_PROFILES } from '../../src/metrics/registry.js';
import { SINGLE_RETRIEVERS } from '../../src/retrieval/kinds.js';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** Where a name may stand: its own file, its list, and for the two retrievers without a file their homes. */
const HOMES: readonly (readonly [name: string, files: readonly string[]])[] = [
  ...SINGLE_RETRIEVERS.map((name) => [name, ['retrieval/all.ts', `retrieval/rankers/${name}.ts`]] as const),
  ['hybrid', ['retrieval/kinds.ts']],
  ['as-shipped', ['retrieval/shipped.ts']],
  ...METRIC_PROFILES.map((name) => [name, ['metrics/all.ts', `metrics/${familyOf(name)}.ts`]] as const),
  ...FORMAT_NAMES.map((name) => [name, ['datasets/formats/all.ts', `datasets/formats/${name}.ts`]] as const),
  // This program's own records have CrossCodeEval's shape.
  ['llava-eval', ['datasets/formats/cceval.ts']],
];

/** The variants of a profile are in its file. */
function familyOf(profile: string): string {
  return profile.replace(/-(difflib|first-line)$/, '');
}

interface Exception {
  readonly file: string;
  readonly names: readonly string[];
  readonly why: string;
}

/** Places where the same word means something else. */
const EXCEPTIONS: readonly Exception[] = [
  { file: 'cli/main.ts', names: ['llava-eval'], why: 'the name of the program' },
  { file: 'files/cache-dir.ts', names: ['llava-eval'], why: 'the name of the program' },
  { file: 'onnx/model-proto.ts', names: ['llava-eval'], why: 'the name of the program' },
  {
    file: 'retrieval/profile.ts',
    names: ['repoformer', 'cceval', 'repocoder'],
    why: 'retrieval profiles, which are called after the same harnesses; they are data in this one file',
  },
  {
    file: 'datasets/published/catalog.ts',
    names: ['repoeval', 'cceval'],
    why: 'folders of published data sets in the cache',
  },
  {
    file: 'report/documents/crossfile-fields.ts',
    names: ['repoformer', 'cceval'],
    why: 'forms in which `retrieve` writes chunks, not records that are read',
  },
  {
    file: 'prompt/encoder-input.ts',
    names: ['unixcoder'],
    why: 'a form of encoder input, called after the encoder it is for',
  },
  {
    file: 'model/folder/encoder-conventions.ts',
    names: ['unixcoder'],
    why: 'the same form of encoder input, recognised from a model folder',
  },
  {
    file: 'training/recipes/llavacode.ts',
    names: ['llavacode'],
    why: 'a recipe, called after the same paper as the metric profile',
  },
];

const NAMES: ReadonlySet<string> = new Set(HOMES.map(([name]) => name));
const FUSION = new RegExp(`(${SINGLE_RETRIEVERS.join('|')})\\+`);

/** The names that stand in a file as text or as keys of an object; comments do not count. */
function namesIn(file: string, text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      if (NAMES.has(node.text) || FUSION.test(node.text)) found.push(node.text);
    } else if (ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && NAMES.has(node.name.text)) {
      found.push(node.name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, false));
  return found;
}

const isHome = (file: string, name: string): boolean =>
  HOMES.some(([known, files]) => known === name && files.includes(file));
const excused = (file: string, name: string): boolean =>
  EXCEPTIONS.some((exception) => exception.file === file && exception.names.includes(name));

const uses = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts'))
  .flatMap((file) => namesIn(file, readFileSync(join(SRC, file), 'utf8')).map((name) => ({ file, name })));

describe('names of retrievers, metric profiles and record formats', () => {
  test('stand in their own files and lists alone', () => {
    const strays = uses.filter(({ file, name }) => !isHome(file, name) && !excused(file, name));
    assert.deepEqual(
      strays.map(({ file, name }) => `${file}: '${name}'`),
      [],
      'ask the kind for what it needs or is, or list the place in EXCEPTIONS with a reason',
    );
  });

  test('are each found in their list, so this test would see a stray one', () => {
    const missing = HOMES.flatMap(([name, [list]]) =>
      uses.some((use) => use.file === list && use.name === name) ? [] : [`${list}: '${name}'`],
    );
    assert.deepEqual(missing, []);
  });

  test('have no exception that is no longer needed', () => {
    const idle = EXCEPTIONS.flatMap(({ file, names }) =>
      names
        .filter((name) => !uses.some((use) => use.file === file && use.name === name))
        .map((name) => `${file}: '${name}'`),
    );
    assert.deepEqual(idle, []);
  });

  test('are seen in text, in templates and as keys, and not in comments', () => {
    const stray = "const a = 'bm25'; const b = `as in jaccard+bm25, ${a}`; const c = { lca: 1 }; // 'cceval'";
    assert.deepEqual(namesIn('stray.ts', stray), ['bm25', 'as in jaccard+bm25, ', 'lca']);
  });
});
