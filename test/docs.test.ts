/**
 * @file The documents against the repository: every path they name and every link they make leads somewhere, and the
 * map in ARCHITECTURE.md shows every folder of `src`.
 */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EVIDENCE_PAGE, README, withReadmeTable, withTables } from '../scripts/evidence-page.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Folders that hold no files of the project: what is installed, built or made by runs. */
const NOT_OURS = new Set(['.git', '.cache', 'node_modules', 'dist']);

/** Runs and gates write here, so what a document names below it need not be there. */
const MADE_BY_RUNS = /^results\/(?!README\.md$)./;

/** Paths inside other projects: a source of CrossCodeEval, and the files that its harness reads of a repository. */
const ELSEWHERE = new Set(['scripts/eval_metric.py', 'src/**/*.ts', 'src/**/*.tsx']);

const slashes = (path: string): string => path.split(sep).join('/');

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    const name = slashes(relative(ROOT, path));
    if (NOT_OURS.has(entry.name) || MADE_BY_RUNS.test(name)) return [];
    return entry.isDirectory() ? walk(path) : [name];
  });
}

const files = walk(ROOT).sort();
const folders = new Set(
  files.flatMap((file) =>
    file
      .split('/')
      .slice(0, -1)
      .map((_, index, parts) => parts.slice(0, index + 1).join('/')),
  ),
);
const documents = files.filter((file) => file.endsWith('.md'));
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

/** A document without its blocks of code, whose contents are no prose. */
const prose = (markdown: string): string => markdown.replace(/^( *)```[\s\S]*?^\1```$/gm, '');

/** The words in backticks of a document. */
const spans = (markdown: string): string[] =>
  [...prose(markdown).matchAll(/`([^`\n]+)`/g)].map((found) => found[1]!);

const topLevel = new Set(files.map((file) => file.split('/')[0]!));

/**
 * The paths of this repository in a span of code: words that begin with a file or folder of the top level, each with
 * its braces written out. Words with a placeholder (`results/<name>`) are none.
 *
 * @example pathsIn('npx tsx scripts/a.{ts,py} --check') // => ['scripts/a.ts', 'scripts/a.py']
 */
function pathsIn(span: string): string[] {
  return span
    .split(/\s+/)
    .map((word) => word.replace(/[,;:]$/, ''))
    .filter((word) => word.includes('/') || /^[A-Z]+\.md$|^package(-lock)?\.json$/.test(word))
    .filter((word) => topLevel.has(word.split('/')[0]!) && !/[<>…@]|NNNN|\.\.|node_modules/.test(word))
    .flatMap((word) => {
      const braces = /^(.*)\{([^}]+)\}(.*)$/.exec(word);
      if (braces === null) return [word];
      return braces[2]!.split(',').map((part) => `${braces[1]!}${part}${braces[3]!}`);
    });
}

function exists(path: string): boolean {
  if (path.includes('*')) {
    const pattern = path
      .split(/(\*\*\/|\*)/)
      .map((part) => {
        if (part === '**/') return '(.*/)?';
        return part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
      })
      .join('');
    return files.some((file) => new RegExp(`^${pattern}$`).test(file));
  }
  const name = path.replace(/\/$/, '');
  return folders.has(name) || (!path.endsWith('/') && files.includes(name));
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading] of prose(markdown).matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** Targets of a document's links and pictures that are no addresses of the network. */
const linksOf = (markdown: string): string[] =>
  [...prose(markdown).matchAll(/\]\(([^()\s]+)(?: "[^"]*")?\)/g)]
    .map((found) => found[1]!)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));

/** Why a link of a document leads nowhere; null if it leads somewhere. */
function brokenLink(document: string, target: string): string | null {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? document : slashes(join(dirname(document), decodeURIComponent(path)));
  if (!existsSync(join(ROOT, file))) return `${document}: ${target}: there is no ${file}`;
  if (anchor === undefined || !file.endsWith('.md')) return null;
  return anchorsOf(read(file)).has(anchor) ? null : `${document}: ${target}: no heading has this anchor`;
}

/** The cells of the table under a heading, without the two head lines. */
function tableUnder(document: string, heading: string): string[][] {
  const section = read(document).split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

describe('the documents', () => {
  const withPaths = documents.filter(
    (name) =>
      name.startsWith('docs/') ||
      ['ARCHITECTURE.md', 'CONTRIBUTING.md'].includes(name) ||
      /README\.md$/.test(name),
  );

  test('name no file or folder of this repository that is not there', () => {
    const named = withPaths
      .filter((name) => !name.startsWith('models/'))
      .flatMap((document) =>
        spans(read(document))
          .flatMap(pathsIn)
          .map((path) => ({ document, path })),
      )
      .filter(({ path }) => !ELSEWHERE.has(path) && !MADE_BY_RUNS.test(path));
    assert.ok(named.length > 100, `${named.length} paths were found in the documents`);
    assert.deepEqual(
      named.filter(({ path }) => !exists(path)).map(({ document, path }) => `${document}: ${path}`),
      [],
    );
  });

  test('link to files and headings that are there', () => {
    const links = documents.flatMap((document) =>
      linksOf(read(document)).map((target) => ({ document, target })),
    );
    assert.ok(links.length > 50, `${links.length} links were found in the documents`);
    assert.deepEqual(
      links.flatMap(({ document, target }) => brokenLink(document, target) ?? []),
      [],
    );
  });

  test('would be caught with a wrong path, a wrong file and a wrong anchor', () => {
    assert.deepEqual(pathsIn('npx tsx scripts/test.{mjs,cjs} --check results/<name>'), [
      'scripts/test.mjs',
      'scripts/test.cjs',
    ]);
    assert.deepEqual(
      [
        'scripts/test.mjs',
        'scripts/test.cjs',
        'scripts/',
        'scripts/*.mjs',
        'scripts/*.cjs',
        'src/**/*.ts',
      ].map(exists),
      [true, false, true, true, false, true],
    );
    assert.equal(brokenLink('README.md', 'docs/gate.md#rules'), null);
    assert.match(brokenLink('README.md', 'docs/gates.md') ?? '', /there is no docs\/gates\.md/);
    assert.match(brokenLink('docs/gate.md', '#ruling') ?? '', /no heading has this anchor/);
    assert.deepEqual(
      [...anchorsOf('# `--device auto` leaves: one, two\n\n## Rules\n\n## Rules\n')],
      ['--device-auto-leaves-one-two', 'rules', 'rules-1'],
    );
  });
});

test('docs/evidence.md has the tables of what is published, and of nothing else', () => {
  const page = readFileSync(EVIDENCE_PAGE, 'utf8');
  assert.equal(withTables(page), page);
});

test('the first table of the README is that of what is published', () => {
  const page = readFileSync(README, 'utf8');
  assert.equal(withReadmeTable(page), page);
});

describe('ARCHITECTURE.md', () => {
  test('fits a page of 120 lines', () => {
    const lines = read('ARCHITECTURE.md').trimEnd().split('\n').length;
    assert.ok(lines <= 120, `${lines} lines`);
  });

  test('has every folder of src in its table of layers, each once, and no other', () => {
    const named = tableUnder('ARCHITECTURE.md', 'Layers').flatMap((row) => spans(row[1]!));
    const there = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    assert.deepEqual(named.sort(), there.sort());
  });
});

describe('docs/decisions', () => {
  const records = readdirSync(join(ROOT, 'docs/decisions'))
    .filter((name) => name !== 'README.md')
    .sort();
  const index = read('docs/decisions/README.md');

  test('lists in its index exactly the records that are there, each with its title', () => {
    const listed = [...prose(index).matchAll(/^- \[(\d{4})\]\(([^)]+)\) (.+)$/gm)];
    assert.deepEqual(listed.map((line) => line[2]!).sort(), records);
    for (const [, number, name, title] of listed) {
      assert.ok(name!.startsWith(`${number!}-`), name);
      assert.equal(read(`docs/decisions/${name!}`).split('\n')[0], `# ${Number(number)}. ${title!}`);
    }
  });

  test('numbers its records from 1 without a gap', () => {
    assert.deepEqual(
      records.map((name) => Number(name.slice(0, 4))),
      records.map((_, place) => place + 1),
    );
  });

  test('has the sections of its template in every record', () => {
    const sections = (markdown: string): string[] =>
      markdown.split('\n').filter((line) => line.startsWith('## '));
    const template = /```md\n([\s\S]*?)```/.exec(index)![1]!;
    for (const name of records) {
      const record = read(`docs/decisions/${name}`);
      assert.deepEqual(sections(record), sections(template), name);
      assert.match(record, /^Status: (accepted|replaced by \d{4}|rejected), \d{4}-\d{2}-\d{2}/m, name);
    }
  });
});
