/**
 * @file The paper's prompt lengths on this machine: what a shorter prompt saves, beside linear time and the paper.
 *
 *     npm run bench:devices                        measure what is missing, print
 *     npm run bench:devices -- --only nano --again one of them, measured anew
 *     npm run bench:devices -- --write             measure anew what can be measured here, rewrite the page
 *
 * Each measurement is a `llava-eval run --latency-only` in a process of its own and leaves its run folder under
 * `results/devices/`. Every folder there is shown, so run folders that another machine made (`scripts/gpu/`) join the
 * table when they are copied there; only those made here are made anew.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { fallbackNote } from '../src/inference/device-proof.js';
import { rowsByMeasure, summarizeLatency, type LatencyRow } from '../src/report/numbers/latency-summary.js';
import { readLatency, type LatencyRun } from '../src/run/latency-json.js';
import { runFolder } from '../src/run/run-folder.js';
import { markdownTable, writeBlock } from './page.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'results', 'devices');

/**
 * What two cores can time in under two minutes each. Eight-bit integers for the larger shapes, and no lines: a round
 * in fp32 would take a minute and more.
 */
const MEASUREMENTS: Readonly<Record<string, readonly string[]>> = {
  nano: ['--decoder', 'synthetic:nano', '--ttft-repeats', '31'],
  ...Object.fromEntries(
    ['2500/2010', '2000/1510', '1500/1010'].map((lengths) => [
      `smollm2-135m-${lengths.slice(0, 4)}`,
      [
        ...['--decoder', 'synthetic:smollm2-135m', '--dtype', 'int8-dynamic', '--prompt-lengths', lengths],
        ...['--max-new-tokens', '1', '--ttft-repeats', '6'],
      ],
    ]),
  ),
  'qwen2.5-coder-0.5b-1500': [
    ...['--decoder', 'synthetic:qwen2.5-coder-0.5b', '--dtype', 'int8-dynamic'],
    ...['--prompt-lengths', '1500/1010', '--max-new-tokens', '1', '--ttft-repeats', '6'],
  ],
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    again: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
if (values.only !== undefined && !(values.only in MEASUREMENTS)) {
  throw new RangeError(`--only takes one of ${Object.keys(MEASUREMENTS).join(', ')}`);
}

for (const [name, args] of Object.entries(MEASUREMENTS)) {
  if (values.only !== undefined && values.only !== name) continue;
  const out = join(FOLDER, name);
  const isMeasured = existsSync(join(out, 'latency.json'));
  if (isMeasured && !values.again && !(values.write && values.only === undefined)) continue;
  rmSync(out, { recursive: true, force: true });
  const cli = join(ROOT, 'src', 'cli', 'bin.ts');
  const { status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', cli, 'run', '--latency-only', '--device', 'cpu', '--quiet', ...args, '--out', out],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) throw new Error(`${name} ended with exit code ${status ?? 'none'}`);
}

const HEAD = ['decoder', 'on', 'measure', 'tokens', 'TTFT ms', 'saved %', 'linear %', 'paper %', 'A/A %'];

function percent(fraction: number | null): string {
  return fraction === null ? '' : (100 * fraction).toFixed(1);
}

/** `20.1 [19.8, 20.3]`, both ends turned from ratios into savings. */
function saved({ ttftRatio }: LatencyRow): string {
  if (ttftRatio === null) return '';
  const { p50, ci95 } = ttftRatio;
  return ci95 === null
    ? percent(1 - p50)
    : `${percent(1 - p50)} [${percent(1 - ci95[1])}, ${percent(1 - ci95[0])}]`;
}

function place({ spec, deviceProof, hardware }: LatencyRun): string {
  const { graphics } = deviceProof;
  const where = spec.device === 'cpu' ? hardware.cpu : graphics.length > 0 ? graphics.join('; ') : '?';
  const caution = fallbackNote(deviceProof) === null ? '' : ' (not shown to be all there)';
  return `${spec.device} (${where}), ${spec.dtype}${caution}`;
}

const rows: string[][] = [HEAD];
const folders = existsSync(FOLDER) ? readdirSync(FOLDER).sort() : [];
const known = Object.keys(MEASUREMENTS);
const rank = (name: string): number => (known.includes(name) ? known.indexOf(name) : known.length);
for (const name of folders.toSorted((a, b) => rank(a) - rank(b))) {
  const folder = runFolder(join(FOLDER, name));
  if (!existsSync(folder.latency)) continue;
  const { run, samples } = await readLatency(folder);
  const summary = summarizeLatency(run, samples);
  for (const [measure, own] of rowsByMeasure(summary)) {
    const again = summary.noiseFloor[measure]?.p50 ?? null;
    for (const row of own) {
      if (row.pipeline !== 'compressed') continue;
      const full = own.find(({ lengths, pipeline }) => lengths === row.lengths && pipeline === 'full-rag')!;
      rows.push([
        run.decoder.name,
        place(run),
        measure === 'line' ? `line of ${run.spec.maxNewTokens}` : 'first token only',
        `${full.promptTokens} → ${row.promptTokens}`,
        `${full.ttftMs.toFixed(1)} → ${row.ttftMs.toFixed(1)}`,
        saved(row),
        percent(row.linearReduction),
        percent(row.paperReduction),
        again === null ? '' : percent(Math.abs(again - 1)),
      ]);
    }
  }
}
const table = markdownTable(rows);
process.stdout.write(`${table}\n`);
if (values.write) writeBlock('devices', table);
