// Runs the test suite on other releases of Node than the one that is installed.
//
//   npm run test:node                     on the newest 20, 22 and 24
//   npm run test:node -- 22 24            on the newest 22 and the newest 24
//   npm run test:node -- 20.19.0          on one exact release
//   npm run test:node -- 22 24 metrics    only test files whose path contains "metrics"
//
// Each release comes from the npm package `node`, which carries the binary. It is installed into a folder for
// temporary files, so that neither package.json nor node_modules of this project changes, and is removed afterwards.
// The release stands first on PATH, so that programs which the tests start by the name `node` run on it as well.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const TESTED = ['20', '22', '24'];
const isWindows = process.platform === 'win32';

const words = process.argv.slice(2);
const named = words.filter((word) => /^\d+(\.\d+)*$/.test(word));
const filters = words.filter((word) => !named.includes(word));

/** Runs a program in the given folder and returns its exit code; its output goes to the terminal. */
function run(command, args, options) {
  const done = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (done.error !== undefined) throw done.error;
  return done.status ?? 1;
}

/** Runs the suite on one release; true if the installation and every test succeeded. */
function passesOn(release) {
  const folder = mkdtempSync(join(tmpdir(), `llava-eval-node-${release}-`));
  try {
    // The package fetches the binary in its install script, so that one script is allowed here.
    const manifest = { private: true, allowScripts: { node: true } };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    const install = [
      'install',
      '--no-save',
      '--no-package-lock',
      '--ignore-scripts=false',
      '--prefix',
      folder,
    ];
    if (run('npm', [...install, `node@${release}`], { cwd: folder, shell: isWindows }) !== 0) return false;
    const bin = join(folder, 'node_modules', 'node', 'bin');
    const node = join(bin, isWindows ? 'node.exe' : 'node');
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim();
    if (!version) {
      console.error(`node@${release} was installed, but its binary does not start`);
      return false;
    }
    console.log(`\nNode ${version}\n`);
    return run(node, ['scripts/test.mjs', ...filters], { env }) === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const results = (named.length === 0 ? TESTED : named).map((release) => [release, passesOn(release)]);
console.log('');
for (const [release, passed] of results) console.log(`Node ${release}: ${passed ? 'passed' : 'FAILED'}`);
process.exit(results.every(([, passed]) => passed) ? 0 : 1);
