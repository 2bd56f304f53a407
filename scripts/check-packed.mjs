// The packed product, as somebody installs it: `npm pack`, then an empty folder with nothing else of the project. There
// example (a) runs as a plug-in to a report with its row, its chart marks and its task view. Needs the npm registry, and
// fetches nothing else: no script of a package runs, so that no CUDA library is fetched.
//
//   npm run build && node scripts/check-packed.mjs

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const EXAMPLE = 'one-line-summaries';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-packed-'));
const say = (line) => process.stdout.write(`${line}\n`);
const run = (command, args, cwd) =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 26,
  });

try {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]),
  );
  say(`packed ${packed.filename}: ${packed.files.length} files, ${(packed.size / 1e6).toFixed(1)} MB`);

  const project = join(folder, 'project');
  const tarball = join(folder, packed.filename);
  cpSync(new URL(`../examples/${EXAMPLE}.js`, import.meta.url), join(project, `${EXAMPLE}.js`));
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], project);
  const providers = join(project, 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64');
  assert.ok(!existsSync(join(providers, 'libonnxruntime_providers_cuda.so')), 'CUDA was fetched');

  const pipelines = `no-context,full-rag,${EXAMPLE}`;
  const method = ['--plugin', `./${EXAMPLE}.js`, '--pipelines', pipelines, '--retrievers', 'bm25'];
  const settings = ['--dataset', 'tiny', '--limit', '4', '--device', 'cpu', '--out', 'run', '--quiet'];
  const table = run('npx', ['llava-eval', 'run', ...settings, ...method], project);
  say(table.trimEnd());
  assert.match(table, new RegExp(`^${EXAMPLE} +bm25 +4 `, 'm'));
  for (const file of ['report.md', 'report.html', 'charts/pareto.svg']) {
    assert.ok(readFileSync(join(project, 'run', file), 'utf8').includes(EXAMPLE), file);
  }
  const page = readFileSync(join(project, 'run/report.html'), 'utf8');
  assert.match(page, new RegExp(`"kinds":\\[\\{"name":"${EXAMPLE}"`));

  writeFileSync(
    join(project, 'read.js'),
    "import { openRun } from 'llava-eval';\n" +
      "process.stdout.write(JSON.stringify((await openRun('run')).summary.rows.map(({ pipeline }) => pipeline)));\n",
  );
  assert.deepEqual(JSON.parse(run('node', ['read.js'], project)), pipelines.split(','));
  say('the packed product installs into an empty folder, and a plug-in runs there to its report');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
