/**
 * @file Predictions per second of `llava-eval score`, the whole program from its start to its result.
 *
 *     npm run build && npm run bench:score
 *
 * The references are lines of this repository's own source as holes, in the records that
 * `datasets build` writes: the whole file around the hole is in each. The predictions are what a decoder
 * leaves: the line or another one with some edits, and the lines that follow it. Files are written to a
 * temporary folder first; what is timed reads, joins and scores them.
 *
 * Processor time is that of all threads of the program: on a busy machine it is the figure to quote, on
 * an idle one the clock agrees with it or is ahead.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { METRIC_PROFILES } from '../src/metrics/registry.js';
import { quantile } from '../src/statistics/statistics.js';
import { createRng } from '../src/tensor/rng.js';
import { samplePredictions } from './sample-predictions.js';

const PREDICTIONS = 40_000;
const REPEATS = 5;

const BIN = fileURLToPath(new URL('../bin/llava-eval.js', import.meta.url));

const samples = samplePredictions(PREDICTIONS, 1);
const id = (n: number): string => `${samples[n]!.file}/${n}`;
const references = samples.map(({ file, lines, hole }, n) => {
  const line = lines[hole]!;
  const indentation = line.slice(0, line.length - line.trimStart().length);
  return JSON.stringify({
    prompt: [...lines.slice(0, hole), indentation].join('\n'),
    groundtruth: line.trim(),
    right_context: ['', ...lines.slice(hole + 1)].join('\n'),
    metadata: { task_id: id(n), repository: 'llava-eval', file, groundtruth_start_lineno: hole },
  });
});
const predictions = samples.map(({ completion }, n) => JSON.stringify({ task_id: id(n), pred: completion }));

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-bench-'));
try {
  const write = (name: string, lines: readonly string[]): string => {
    const path = join(folder, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  const [p, r] = [
    write('predictions.jsonl', predictions),
    write('references.jsonl', createRng(1).shuffle(references)),
  ];
  const megabytes = (lines: readonly string[]): string =>
    (lines.reduce((sum, line) => sum + line.length, 0) / 1e6).toFixed(0);
  process.stdout.write(
    `${PREDICTIONS} predictions (${megabytes(predictions)} MB), references of ${megabytes(references)} MB, ` +
      `medians of ${REPEATS}; ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}\n` +
      'profile                by the clock s    a second   processor s    a second\n',
  );
  for (const profile of METRIC_PROFILES) {
    const runs = Array.from({ length: REPEATS }, () =>
      timed(['--predictions', p, '--references', r], profile),
    );
    const cells = [runs.map((run) => run.clock), runs.map((run) => run.processor)].flatMap((seconds) => {
      const median = quantile(seconds, 0.5)!;
      return [median.toFixed(2).padStart(14), (PREDICTIONS / median).toFixed(0).padStart(12)];
    });
    process.stdout.write(`${profile.padEnd(22)}${cells.join('')}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Seconds of one run of the program, by the clock and of processor time. */
function timed(files: readonly string[], profile: string): { clock: number; processor: number } {
  const report = 'process.on("exit", () => process.stderr.write(JSON.stringify(process.cpuUsage())))';
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(report)}`];
  const start = performance.now();
  const run = spawnSync(
    process.execPath,
    [...preload, BIN, 'score', ...files, '--profile', profile, '--json'],
    { encoding: 'utf8' },
  );
  const clock = (performance.now() - start) / 1000;
  if (run.status !== 0) throw new Error(run.stderr);
  const usage = JSON.parse(run.stderr) as NodeJS.CpuUsage;
  return { clock, processor: (usage.user + usage.system) / 1e6 };
}
