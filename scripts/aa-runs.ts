/**
 * @file Does the gate cry wolf? Real A/A runs of the embedded model: the same command again and again, each run gated
 * against a baseline made from one more.
 *
 *     npm run check:aa                                   20 runs of 80 tasks, about an hour on two idle cores
 *     npm run check:aa -- --runs 2 --limit 16            a try-out
 *
 * Every run is the same program on the same data, so every failed gate is a false alarm. Quality must not differ at
 * all: decoding is greedy. Run it on a machine that does nothing else. Options: --runs N, --limit N, --pipelines a,b,
 * --retrievers a,b, --out DIR. Not part of the test suite.
 */

import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const BIN = fileURLToPath(new URL('../bin/llava-eval.js', import.meta.url));

const resultSchema = z.looseObject({
  verdict: z.enum(['passed', 'failed', 'inconclusive']),
  exitCode: z.int(),
  checks: z.array(
    z.looseObject({
      kind: z.string(),
      subject: z.string(),
      outcome: z.enum(['passed', 'failed', 'inconclusive']),
      change: z.number().nullable(),
    }),
  ),
});

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    limit: { type: 'string', default: '80' },
    pipelines: { type: 'string' },
    retrievers: { type: 'string' },
    out: { type: 'string' },
  },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1)
  throw new Error(`--runs: expected a whole number, got ${values.runs}`);

const folder = values.out ?? (await mkdtemp(join(tmpdir(), 'llava-eval-aa-')));
await mkdir(folder, { recursive: true });

function llavaEval(...args: string[]): { code: number | null; stdout: string } {
  const { status, stdout } = spawnSync(process.execPath, [BIN, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
  return { code: status, stdout };
}

function run(name: string): string {
  const path = join(folder, name);
  const { code } = llavaEval(
    ...['run', '--limit', values.limit, '--out', path, '--quiet'],
    ...(values.pipelines === undefined ? [] : ['--pipelines', values.pipelines]),
    ...(values.retrievers === undefined ? [] : ['--retrievers', values.retrievers]),
  );
  if (code !== 0) throw new Error(`the run in ${path} ended with exit code ${code}`);
  return path;
}

const baseline = join(folder, 'baseline.json');
const { code } = llavaEval(
  'gate',
  run('baseline'),
  '--baseline',
  baseline,
  '--update',
  '--reason',
  'A/A check',
);
if (code !== 0) throw new Error(`gate --update ended with exit code ${code}`);

const KINDS = { quality: /^(exact|edit)/, latency: /^ttft/, tasks: /^tasks/ } as const;
const alarms = { quality: 0, latency: 0, tasks: 0 };
let disagreements = 0;
process.stdout.write('run   verdict        alarms          largest TTFT ratio change\n');
for (let i = 1; i <= runs; i++) {
  const name = String(i).padStart(2, '0');
  const { code: exitCode, stdout } = llavaEval('gate', run(name), '--baseline', baseline, '--json');
  const result = resultSchema.parse(JSON.parse(stdout));
  const expected = result.verdict === 'failed' ? 1 : 0;
  if (exitCode !== expected || result.exitCode !== expected) disagreements++;
  const failed = result.checks.filter(({ outcome }) => outcome === 'failed');
  const kinds: string[] = [];
  for (const [kind, pattern] of Object.entries(KINDS) as [keyof typeof KINDS, RegExp][]) {
    if (!failed.some((check) => pattern.test(check.kind))) continue;
    alarms[kind]++;
    kinds.push(kind);
  }
  const changes = result.checks.filter(({ kind }) => kind === 'ttft-ratio').map(({ change }) => change ?? 0);
  const largest = changes.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  process.stdout.write(
    `${name}    ${result.verdict.padEnd(14)} ${(kinds.join(', ') || 'none').padEnd(15)} ${(largest * 100).toFixed(1)} %\n`,
  );
}
process.stdout.write(
  `false alarms in ${runs} runs: quality ${alarms.quality}, latency ${alarms.latency}, tasks ${alarms.tasks}; ` +
    `verdict and exit code disagree: ${disagreements}\neverything is in ${folder}\n`,
);
