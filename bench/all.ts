/**
 * @file All benchmarks whose tables stand in `docs/performance.md`, one after the other.
 *
 *     npm run bench
 *     npm run bench -- overhead roofline
 *     npm run bench -- --export FOLDER      with the rows of optimum's export of nano (bench/peers/make-export.py)
 *
 * Each is an npm script `bench:<name>` that takes `--write`. The machine should do nothing else meanwhile.
 */

import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

import { npmCommand } from '../src/datasets/packages/npm.js';

/** Blocks of the page, in its order. */
const BENCHMARKS: readonly string[] = [
  ...['overhead', 'roofline', 'prefill', 'peers', 'whole-run', 'scale', 'devices'],
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { export: { type: 'string' } },
});
const chosen = positionals.length > 0 ? positionals : BENCHMARKS;
/** Further flags of single benchmarks. */
const flags: Readonly<Record<string, readonly string[]>> = {
  peers: values.export === undefined ? [] : ['--export', values.export],
};
const { file, args, shell } = npmCommand();
for (const name of chosen) {
  process.stdout.write(`\n== ${name}\n`);
  const { status } = spawnSync(
    file,
    [...args, 'run', '--silent', `bench:${name}`, '--', '--write', ...(flags[name] ?? [])],
    {
      stdio: 'inherit',
      shell,
    },
  );
  if (status !== 0) {
    process.stderr.write(`bench:${name} failed with exit code ${status ?? 'none'}\n`);
    process.exitCode = 1;
  }
}
