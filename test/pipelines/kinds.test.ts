import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import ts from 'typescript';
import {
  basesOf,
  DEFAULT_PIPELINES,
  isControl,
  kindOf,
  learnPipelineKind,
  PIPELINE_KINDS,
  PIPELINE_ROLES,
  PIPELINES,
  pipelineInRole,
  pipelineNames,
  positionsOf,
  readingOf,
  subjectOf,
  usesRetrieval,
  usesSoftLength,
  usesSoftTokens,
} from '../../src/pipelines/kinds.js';

describe('the rows of pipelines', () => {
  test('have names of their own, titles that fit a sentence, and at least one default', () => {
    assert.equal(new Set(PIPELINES).size, PIPELINES.length);
    for (const { name, title } of PIPELINE_KINDS) {
      assert.match(name, /^[a-z][a-z0-9-]*$/);
      assert.ok(!/^[.\s]|[.\s]$|\n/.test(title) && title.length > 3, name);
    }
    assert.deepEqual(DEFAULT_PIPELINES, ['no-context', 'full-rag', 'compressed']);
  });

  test('give each role to one pipeline', () => {
    for (const role of PIPELINE_ROLES) {
      assert.equal(PIPELINE_KINDS.filter((kind) => kind.role === role).length, 1, role);
    }
    assert.deepEqual(
      PIPELINE_ROLES.map((role) => pipelineInRole(role)),
      ['no-context', 'full-rag', 'compressed'],
    );
  });

  test('state each relation once, never to itself, and in one direction', () => {
    const pairs = PIPELINE_KINDS.flatMap(({ name, against, isBaseOf }) => [
      ...against.map(({ pipeline }) => [name, pipeline] as const),
      ...isBaseOf.map(({ pipeline }) => [pipeline, name] as const),
    ]);
    const keys = pairs.map((pair) => pair.join(' '));
    assert.equal(new Set(keys).size, keys.length);
    for (const [of, base] of pairs) {
      assert.notEqual(of, base);
      assert.ok(!keys.includes(`${base} ${of}`), `${of} and ${base}`);
    }
  });

  test('show what they need', () => {
    for (const { name, needs, shows } of PIPELINE_KINDS) {
      assert.equal(shows.includes('soft-tokens'), needs.softTokens === 'vectors', name);
      if (!needs.retrieval) assert.ok(!shows.some((form) => form !== 'soft-tokens'), name);
    }
  });
});

describe('questions to the rows', () => {
  test('answer what a run needs', () => {
    assert.deepEqual(
      PIPELINES.map((name) => [name, usesRetrieval(name), usesSoftTokens(name), usesSoftLength(name)]),
      [
        ['no-context', false, false, false],
        ['full-rag', true, false, false],
        ['budget-rag', true, false, true],
        ['compressed', true, true, false],
        ['compressed-random', true, true, false],
        ['full-rag-shuffled', true, false, false],
        ['compressed-shuffled', true, true, false],
        ['soft-prompt', false, false, false],
        ['signatures-rag', true, false, true],
        ['identifiers-rag', true, false, true],
        ['expanded', true, true, false],
        ['pruned-rag', true, false, true],
      ],
    );
  });

  test('name the bases of a pipeline in the order of the rows, wherever the relation stands', () => {
    assert.deepEqual(basesOf('compressed'), [
      { base: 'no-context', reading: 'baseline' },
      { base: 'full-rag', reading: 'full-text' },
      { base: 'budget-rag', reading: 'equal-length' },
      { base: 'compressed-random', reading: 'control' },
      { base: 'compressed-shuffled', reading: 'control' },
      { base: 'soft-prompt', reading: 'baseline' },
      { base: 'signatures-rag', reading: 'equal-length' },
      { base: 'identifiers-rag', reading: 'equal-length' },
      { base: 'pruned-rag', reading: 'equal-length' },
    ]);
    assert.deepEqual(basesOf('no-context'), []);
    assert.equal(readingOf('full-rag', 'compressed'), null);
    assert.deepEqual(
      PIPELINES.filter((name) => isControl(name)),
      ['compressed-random', 'full-rag-shuffled', 'compressed-shuffled'],
    );
  });

  test('make a report about compressed, else about full-rag, else about the first that can be a subject', () => {
    assert.equal(subjectOf(PIPELINES), 'compressed');
    assert.equal(subjectOf(['compressed-random', 'budget-rag', 'full-rag', 'no-context']), 'full-rag');
    assert.equal(subjectOf(['compressed-random', 'budget-rag', 'no-context']), 'budget-rag');
    assert.equal(subjectOf(['compressed-random', 'no-context']), 'compressed-random');
    assert.equal(subjectOf(['no-context', 'of-elsewhere']), null);
  });

  test('take a name of which nothing is known for text RAG in a form of its own', () => {
    assert.equal(usesRetrieval('of-elsewhere'), true);
    assert.deepEqual(kindOf('of-elsewhere').shows, ['own-text']);
    assert.deepEqual(basesOf('of-elsewhere'), [
      { base: 'no-context', reading: 'baseline' },
      { base: 'full-rag', reading: 'full-text' },
    ]);
  });

  test('know the row of a plug-in once it is learnt, the latest one, and never another row of their own', () => {
    const row = { ...kindOf('budget-rag'), name: 'learnt', title: 'the first' };
    learnPipelineKind(row);
    learnPipelineKind({ ...row, title: 'the second' });
    assert.equal(kindOf('learnt').title, 'the second');
    assert.ok(pipelineNames().includes('learnt') && !(PIPELINES as readonly string[]).includes('learnt'));
    learnPipelineKind({ ...row, name: 'compressed' });
    assert.equal(kindOf('compressed').needs.softTokens, 'vectors');
  });

  test('put pipelines without a row at the places of rows that the run lacks, the last first', () => {
    const n = PIPELINES.length;
    assert.deepEqual(
      [...positionsOf(['mine', 'compressed', 'yours', 'mine'])],
      [
        ['mine', n - 1],
        ['compressed', 3],
        ['yours', n - 2],
      ],
    );
    // Behind all rows where the run has every one.
    assert.equal(positionsOf([...PIPELINES, 'mine']).get('mine'), n);
  });
});

describe('the name of a pipeline', () => {
  const SRC = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.(?:ts|css)$/.test(name));
  /** A name with a hyphen is no English word: it may not stand within a longer text either. */
  const isNamed = (text: string): boolean =>
    PIPELINES.some(
      (name) =>
        text === name || (name.includes('-') && new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(text)),
    );

  /** What stands in quotes, and in style sheets everything but comments. */
  const texts = (file: string): string[] => {
    const source = readFileSync(join(SRC, file), 'utf8');
    if (file.endsWith('.css')) return [source.replace(/\/\*[^]*?\*\//g, '')];
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      // A control is made of the pipeline that it controls, so that it imports its file.
      if (ts.isImportDeclaration(node)) return;
      if (
        ts.isStringLiteralLike(node) ||
        ts.isTemplateHead(node) ||
        ts.isTemplateMiddleOrTemplateTail(node)
      ) {
        found.push(node.text);
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest));
    return found;
  };

  test('stands in its row, in its line of all.ts and in its own file, and nowhere else', () => {
    const home = new Set(['pipelines/kinds.ts', 'pipelines/all.ts']);
    const strays = files.flatMap((file) => {
      if (home.has(file)) return [];
      const own = file.startsWith('pipelines/') ? basename(file, '.ts') : null;
      return texts(file)
        .filter((text) => text !== own && isNamed(text))
        .map((text) => `${file}: ${text}`);
    });
    assert.deepEqual(strays, []);
    assert.ok(files.length > 200, String(files.length));
  });

  test('would be found in a text and not in a word', () => {
    assert.ok(isNamed('compressed') && isNamed('as fast as full-rag is'));
    assert.ok(!isNamed('a compressed body') && !isNamed('compressed-randomly'));
  });
});
