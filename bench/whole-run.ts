/**
 * @file Where the time of a whole run goes, and what memory it takes: twice, without and with kept vectors.
 *
 *     npm run bench:whole-run                          the default run, first and second
 *     npm run bench:whole-run -- --limit all --once    all 1,600 tasks, first run only
 *     npm run bench:whole-run -- --write               into docs/performance.md
 *
 * The real program in processes of its own, over a cache folder of its own that has the packages of the benchmark
 * and no vectors. Other arguments go to `llava-eval run`. The figures are those of `run.json`.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { defaultCacheDir } from '../src/files/cache-dir.js';
import { formatBytes } from '../src/domain/units.js';
import { configurations } from '../src/run/configurations.js';
import { PHASES, type Resources } from '../src/run/phases.js';
import { readRunJson, type RunJson } from '../src/run/run-json.js';
import { markdownTable, measuredOn, writeBlock } from './page.js';

const PROGRAM = fileURLToPath(new URL('../bin/llava-eval.js', import.meta.url));

const own = new Set(['--write', '--once']);
const given = process.argv.slice(2);
const passed = given.filter((argument) => !own.has(argument));

const work = mkdtempSync(join(tmpdir(), 'whole-run-'));
const cache = join(work, 'cache');
const packages = join(defaultCacheDir(), 'packages');
if (existsSync(packages)) cpSync(packages, join(cache, 'packages'), { recursive: true });

async function run(name: string): Promise<RunJson> {
  const out = join(work, name);
  const { status } = spawnSync(process.execPath, [PROGRAM, 'run', '--out', out, ...passed], {
    env: { ...process.env, LLAVA_EVAL_CACHE: cache },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // 4: finished, but some tasks failed.
  if (status !== 0 && status !== 4) throw new Error(`the run ended with exit code ${status}`);
  return readRunJson(join(out, 'run.json'));
}

try {
  const runs = [await run('first')];
  if (!given.includes('--once')) runs.push(await run('second'));
  const all = runs.map(({ resources }): Resources => {
    if (resources === null) throw new Error('the run did not say what it took');
    return resources;
  });
  const { spec } = runs[0]!;
  const cells = (label: string, read: (one: Resources) => string): string[] => [label, ...all.map(read)];
  const table = markdownTable([
    ['', 'first run', ...(runs.length > 1 ? ['second run'] : [])],
    ...PHASES.filter((phase) => all.some(({ phases }) => phases[phase] !== undefined)).map((phase) =>
      cells(phase, ({ phases }) => `${(phases[phase] ?? 0).toFixed(1)} s`),
    ),
    cells('**together**', ({ wallSeconds }) => `**${wallSeconds.toFixed(1)} s**`),
    cells('chunks encoded a second', ({ vectors, phases }) => {
      const encoded = vectors.needed - vectors.kept;
      return encoded === 0 ? '' : (encoded / (phases.encoding ?? Infinity)).toFixed(0);
    }),
    cells('peak memory', ({ peakMemoryBytes }) => formatBytes(peakMemoryBytes)),
    cells('vectors kept before, of those needed', ({ vectors }) => `${vectors.kept} of ${vectors.needed}`),
  ]);
  const title =
    `${spec.dataset.taskCount} tasks of ${spec.dataset.id} under ${configurations(spec).length} configurations, ` +
    `decoder ${runs[0]!.models.decoder} in ${spec.dtype} on ${spec.device}`;
  process.stdout.write(`${measuredOn()}\n${title}\n\n${table}\n`);
  if (given.includes('--write')) writeBlock('whole-run', `${title}.\n\n${table}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
