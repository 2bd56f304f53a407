// Runs every test file under test/ with Node's own runner. The list is built here because
// `node --test` expands globs only from Node 21 on and this project supports Node 20.
//
//   node scripts/test.mjs            all tests
//   node scripts/test.mjs metrics    only files whose path contains "metrics"
//   node scripts/test.mjs --require browser,webgpu
//                                    suites that need a browser or WebGPU fail where there is none, instead of being
//                                    skipped; `npm run test:all` does this (Debian: apt-get install chromium)

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';

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

const run = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-concurrency=2', '--test-reporter=spec', ...files],
  {
    stdio: 'inherit',
    env: required === undefined ? process.env : { ...process.env, LLAVA_EVAL_REQUIRE: required },
  },
);
process.exit(run.status ?? 1);
