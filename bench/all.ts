/**
 * @file All benchmarks whose tables stand in `docs/performance.md`, one after the other.
 *
 *     npm run bench
 *     npm run bench -- overhead roofline
 *
 * Each is an npm script `bench:<name>` that takes `--write`. The machine should do nothing else meanwhile.
 */

import { spawnSync } from 'node:child_process';

import { npmCommand } from '../src/datasets/npm-pack.js';

/** Blocks of the page, in its order. */
const BENCHMARKS: readonly string[] = ['overhead', 'roofline', 'peers', 'whole-run', 'scale', 'devices'];

const chosen = process.argv.length > 2 ? process.argv.slice(2) : BENCHMARKS;
const { file, args, shell } = npmCommand();
for (const name of chosen) {
  process.stdout.write(`\n== ${name}\n`);
  const { status } = spawnSync(file, [...args, 'run', '--silent', `bench:${name}`, '--', '--write'], {
    stdio: 'inherit',
    shell,
  });
  if (status !== 0) {
    process.stderr.write(`bench:${name} failed with exit code ${status ?? 'none'}\n`);
    process.exitCode = 1;
  }
}
