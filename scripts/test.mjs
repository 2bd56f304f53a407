// Runs every test file under test/ with Node's own runner. The files are compiled into .cache first, because that
// halves the time of the whole suite.
//
//   node scripts/test.mjs            all tests
//   node scripts/test.mjs metrics    only files whose path contains "metrics"
//   node scripts/test.mjs --require browser,webgpu
//                                    suites that need a browser or WebGPU fail where there is none, instead of being
//                                    skipped; `npm run test:all` does this (Debian: apt-get install chromium)

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
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

const names = files.map((file) => `${turnOf(file)}/${file.replace(/\.ts$/, '')}`);
const children = CHILDREN.map((file) => [file.replace(/\.ts$/, ''), file]);
await compileTests(Object.fromEntries([...names.map((name, i) => [name, files[i]]), ...children]), FOLDER);

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
