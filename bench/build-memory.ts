/**
 * @file Peak memory of building the graph of a large decoder.
 *
 *     npm run bench:memory -- qwen2.5-coder-0.5b int8
 *
 * Writes a random checkpoint of that shape into a temporary folder, then builds its graph into a cache
 * in a process of its own, and prints the largest resident set of that process before the runtime gets
 * the graph. Both folders are removed.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { Checkpoint } from '../src/model/weights/checkpoint.js';
import { readDecoderConfig } from '../src/model/architecture/config.js';
import { DTYPES } from '../src/inference/device.js';
import { cachedModelFile } from '../src/model/ort/session.js';
import { precisionOf } from '../src/model/architecture/precision.js';
import { CheckpointWeights } from '../src/model/weights/safetensors.js';
import { buildDecoderGraph } from '../src/onnx/decoder-graph.js';
import { syntheticShape } from '../src/model/architecture/synthetic.js';
import { writeSyntheticCheckpoint } from './synthetic-checkpoint.js';

const MB = 1e6;
/** Largest resident set of this process so far, in bytes; the system reports KiB. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;

const [shape = 'qwen2.5-coder-0.5b', dtype = 'fp32', dir] = process.argv.slice(2);
const parsedDtype = z.enum(DTYPES).parse(dtype);

if (dir === undefined) {
  const temporary = mkdtempSync(join(tmpdir(), 'llava-eval-memory-'));
  try {
    const checkpoint = join(temporary, 'checkpoint');
    writeSyntheticCheckpoint(checkpoint, syntheticShape(`synthetic:${shape}`));
    const self = fileURLToPath(import.meta.url);
    process.stdout.write(
      execFileSync(process.execPath, ['--import', 'tsx', self, shape, dtype, checkpoint], {
        encoding: 'utf8',
      }),
    );
  } finally {
    rmSync(temporary, { recursive: true });
  }
} else {
  const architecture = readDecoderConfig(join(dir, 'config.json'));
  const { type, matrices } = precisionOf(parsedDtype);
  const before = peak();
  const checkpoint = Checkpoint.open(dir);
  const graph = buildDecoderGraph(architecture, new CheckpointWeights(checkpoint), type, matrices);
  const started = performance.now();
  const path = await cachedModelFile(graph, 'memory', {
    cacheDir: join(dir, '..', 'graphs'),
    device: 'cpu',
  });
  const seconds = (performance.now() - started) / 1000;
  checkpoint.close();
  const largest = Math.max(
    ...[...checkpoint.tensors.values()].map(
      (info) => 4 * info.shape.reduce((product, dim) => product * dim, 1),
    ),
  );
  const size = (file: string): string => (statSync(file).size / MB).toFixed(0);
  process.stdout.write(
    `${shape} ${dtype}: checkpoint ${size(join(dir, 'model.safetensors'))} MB, ` +
      `graph ${size(join(dirname(path), 'weights.bin'))} MB, built in ${seconds.toFixed(1)} s; ` +
      `peak ${(peak() / MB).toFixed(0)} MB, ${((peak() - before) / MB).toFixed(0)} MB above the start ` +
      `(largest tensor as fp32: ${(largest / MB).toFixed(0)} MB)\n`,
  );
}
