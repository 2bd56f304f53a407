/**
 * @file How much faster each dtype prefills and decodes than fp32, on this machine.
 *
 *     npm run bench:dtypes
 *     npm run bench:dtypes -- --rounds 9 --tokens 512,2048 --shapes nano --profile
 *     npm run bench:dtypes -- --decoder model.gguf --tokens 512      a real decoder instead of the shapes
 *
 * All dtypes run one after the other in every round, in an order that changes from round to round; a
 * figure is the median over rounds of the ratio to fp32 in the same round, so that what else the
 * machine does falls on both sides of it. `--profile` adds each operator's share of time. The larger
 * shapes have eight layers and random weights: neither the rest nor their values change a ratio.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { quantile } from '../src/statistics/statistics.js';
import { DTYPES, type Dtype } from '../src/inference/device.js';
import { openDecoder, openSyntheticDecoder } from '../src/model/ort/open.js';
import type { OrtDecoder } from '../src/model/ort/ort-decoder.js';
import { operatorShares } from '../src/model/ort/proof/profile.js';
import type { ModelOptions } from '../src/model/ort/session.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { syntheticShape } from '../src/model/architecture/synthetic.js';
import { matrixOf, type Matrix } from '../src/tensor/matrix.js';
import { createRng, type Rng } from '../src/tensor/rng.js';

const NANO = fileURLToPath(new URL('../models/llavacode-nano/decoder', import.meta.url));
const LAYERS = 8;
/** Decode steps timed behind each prefill. */
const STEPS = 16;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    tokens: { type: 'string', default: '512,1024,2048' },
    shapes: { type: 'string', default: 'nano,smollm2-135m,qwen2.5-coder-0.5b' },
    dtypes: { type: 'string', default: DTYPES.filter((dtype) => dtype !== 'fp16').join() },
    decoder: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const lengths = values.tokens.split(',').map(Number);
const dtypes = z.array(z.enum(DTYPES)).parse(values.dtypes.split(','));
const threads = defaultThreads();
const temporary = mkdtempSync(join(tmpdir(), 'llava-eval-bench-'));

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

interface Timing {
  readonly prefillMs: number;
  readonly stepMs: number;
}

async function time(decoder: OrtDecoder, prompt: Matrix): Promise<Timing> {
  const started = performance.now();
  let step = await decoder.prefill(prompt);
  const prefillMs = performance.now() - started;
  const decoding = performance.now();
  for (let i = 0; i < STEPS; i++) step = await decoder.decode(step.token, step.cache);
  step.cache.dispose();
  return { prefillMs, stepMs: (performance.now() - decoding) / STEPS };
}

function randomPrompt(rng: Rng, rows: number, cols: number): Matrix {
  return matrixOf(
    rows,
    cols,
    Float32Array.from({ length: rows * cols }, () => 0.04 * (rng.next() - 0.5)),
  );
}

/** Quantile of measurements, of which there are some. */
const quantileOf = (samples: readonly number[], q: number): number => quantile(samples, q) ?? NaN;

function open(shape: string, options: ModelOptions): Promise<OrtDecoder> {
  if (values.decoder !== undefined) return openDecoder(values.decoder, options);
  return shape === 'nano'
    ? openDecoder(NANO, options)
    : openSyntheticDecoder(syntheticShape(`synthetic:${shape}`), options, LAYERS);
}

/** Share of kernel time by operator of one prefill, largest first. */
async function profile(shape: string, dtype: Dtype, tokens: number): Promise<string> {
  const prefix = join(mkdtempSync(join(temporary, 'profile-')), 'run');
  const decoder = await open(shape, { device: 'cpu', dtype, threads, profilePrefix: prefix });
  (await decoder.prefill(randomPrompt(createRng(1), tokens, decoder.width))).cache.dispose();
  decoder.endProfiling();
  await decoder.dispose();
  const [file] = readdirSync(dirname(prefix));
  if (file === undefined) throw new Error('the runtime wrote no profile');
  const shares = operatorShares(readFileSync(join(dirname(prefix), file), 'utf8')).slice(0, 9);
  return shares.map(({ operator, share }) => `${operator} ${(100 * share).toFixed(0)} %`).join(', ');
}

try {
  const shapes = values.decoder === undefined ? values.shapes.split(',') : [basename(values.decoder)];
  for (const shape of shapes) {
    const options = { device: 'cpu', threads, cacheDir: join(temporary, 'graphs') } as const;
    const decoders = new Map<Dtype, OrtDecoder>();
    for (const dtype of dtypes) decoders.set(dtype, await open(shape, { ...options, dtype }));
    for (const tokens of lengths) {
      const rng = createRng(tokens);
      const times = new Map<Dtype, Timing[]>(dtypes.map((dtype) => [dtype, []]));
      for (let round = -1; round < rounds; round++) {
        for (const dtype of rng.shuffle(dtypes)) {
          const decoder = decoders.get(dtype)!;
          const length = Math.min(tokens, decoder.maxPositions - STEPS);
          const timing = await time(decoder, randomPrompt(rng, length, decoder.width));
          // The first round warms up.
          if (round >= 0) times.get(dtype)!.push(timing);
        }
      }
      const base = times.get('fp32')!;
      const median = (of: (timing: Timing) => number): string => quantileOf(base.map(of), 0.5).toFixed(1);
      print(
        `${shape}, ${tokens} tokens: fp32 prefills in ${median((t) => t.prefillMs)} ms, ` +
          `decodes in ${median((t) => t.stepMs)} ms a token (medians of ${rounds}, ${threads} threads)`,
      );
      for (const dtype of dtypes) {
        const own = times.get(dtype)!;
        const ratio = (of: (timing: Timing) => number): string => {
          const ratios = own.map((timing, i) => of(base[i]!) / of(timing));
          const [low, middle, high] = [0, 0.5, 1].map((q) => quantileOf(ratios, q).toFixed(2));
          return `${middle}x (${low} to ${high})`;
        };
        print(`  ${dtype.padEnd(12)} prefill ${ratio((t) => t.prefillMs)}, decode ${ratio((t) => t.stepMs)}`);
        if (values.profile) print(`    ${await profile(shape, dtype, Math.min(tokens, 2032))}`);
      }
    }
    for (const decoder of decoders.values()) await decoder.dispose();
  }
} finally {
  rmSync(temporary, { recursive: true });
}
