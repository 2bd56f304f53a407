// Runs every test file under test/ with Node's own runner. The files are compiled into .cache first, because that
// halves the time of the whole suite.
//
//   node scripts/test.mjs            all tests
//   node scripts/test.mjs metrics    only files whose path contains "metrics"
//   node scripts/test.mjs --require browser,webgpu
//                                    suites that need a browser or WebGPU fail where there is none, instead of being
//                                    skipped; `npm run test:all` does this (Debian: apt-get install chromium)

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { compileTests } from './compile-tests.mjs';

/**
 * Files that take longest, by a part of their path. They start first, so that at the end no processor waits for one of
 * them alone.
 */
const LONGEST = [
  '/e2e/',
  '/contract/added-',
  '/fuzz/',
  '/statistics/',
  '/report/browser',
  '/retrieval/published',
];

/** What a test file does that others of the same process would notice. */
const CHANGES_PROCESS = /process\.(env|chdir|exitCode|on)\b|loadPlugins|\bmock\b|^(before|after)Each\(/m;

/** Light files of a folder that share a process. A process costs half a second before its first test. */
const FILES_A_PROCESS = 6;

/** Node's runner sorts the files by path, so the folder of a compiled file says when the file starts. */
const turnOf = (file) => (LONGEST.some((part) => file.includes(part)) ? 'first' : 'then');

// A folder of its own, so that two runs can go on at the same time.
mkdirSync('.cache', { recursive: true });
const FOLDER = mkdtempSync('.cache/tests-');
process.on('exit', () => {
  rmSync(FOLDER, { recursive: true, force: true });
});
// Ctrl+C reaches the runner as well. It ends, and then this process removes the folder.
process.on('SIGINT', () => undefined);

/** Programs that tests start many times. The tests find the compiled ones through LLAVA_EVAL_COMPILED_TESTS. */
const CHILDREN = ['test/fuzz/child.ts'];

const words = process.argv.slice(2);
const at = words.indexOf('--require');
const required = at === -1 ? undefined : words.splice(at, 2)[1];
const wanted = words;
const files = readdirSync('test', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .map((entry) => join(entry.parentPath, entry.name).split(sep).join('/'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();

if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(', ')}`);
  process.exit(2);
}

/**
 * Files by the process that runs them: light ones of a folder together, every other one alone.
 *
 * @returns Pairs of a compiled file's name and its sources.
 */
function processes() {
  const isAlone = (file) => turnOf(file) === 'first' || CHANGES_PROCESS.test(readFileSync(file, 'utf8'));
  const groups = new Map();
  for (const file of files) {
    const folder = `${turnOf(file)}/${dirname(file)}`;
    const last = groups.get(folder)?.at(-1);
    if (isAlone(file)) groups.set(`${turnOf(file)}/${file}`, [[file]]);
    else if (last === undefined || last.length === FILES_A_PROCESS)
      groups.set(folder, [...(groups.get(folder) ?? []), [file]]);
    else last.push(file);
  }
  return [...groups].flatMap(([folder, parts]) =>
    parts.map((part, i) => [
      part.length === 1
        ? `${turnOf(part[0])}/${part[0].replace(/\.ts$/, '')}`
        : `${folder}/together-${i + 1}.test`,
      part,
    ]),
  );
}

const entries = processes();
const names = entries.map(([name]) => name);
const children = CHILDREN.map((file) => [file.replace(/\.ts$/, ''), [file]]);
await compileTests(Object.fromEntries([...entries, ...children]), FOLDER);

const flags = ['--enable-source-maps', '--test', '--test-concurrency=2', '--test-reporter=spec'];
const run = spawnSync(process.execPath, [...flags, ...names.map((name) => `${FOLDER}/${name}.js`)], {
  stdio: 'inherit',
  env: {
    ...process.env,
    LLAVA_EVAL_COMPILED_TESTS: resolve(FOLDER),
    ...(required === undefined ? {} : { LLAVA_EVAL_REQUIRE: required }),
  },
});
process.exit(run.status ?? 1);
