/**
 * @file What a prefill gets of the machine's matrix product, and what it spends its time on.
 *
 *     npm run bench:roofline
 *     npm run bench:roofline -- --rounds 31 --tokens 512,2048 --write
 *
 * `llava-eval doctor --bench` is the same measurement with fewer rounds; this adds the runtime's own profile.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { openDecoder } from '../src/model/ort/open.js';
import { operatorShares } from '../src/model/ort/proof/profile.js';
import { measureRoofline } from '../src/model/ort/proof/roofline.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { matrixOf } from '../src/tensor/matrix.js';
import { createRng } from '../src/tensor/rng.js';
import { markdownTable, writeBlock } from './page.js';

const NANO = fileURLToPath(new URL('../models/llavacode-nano/decoder', import.meta.url));
/** Profiled prefills of each length, behind one that is not. */
const PROFILED = 5;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '31' },
    tokens: { type: 'string', default: '512,1024,2048' },
    write: { type: 'boolean', default: false },
  },
});
const lengths = values.tokens.split(',').map(Number);
const options = { device: 'cpu', dtype: 'fp32', threads: defaultThreads() } as const;

/** Largest shares of the kernels' time in prefills of one length. */
async function profile(tokens: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'llava-eval-profile-'));
  try {
    const decoder = await openDecoder(NANO, { ...options, profilePrefix: join(folder, 'run') });
    const rng = createRng(tokens);
    const numbers = Float32Array.from({ length: tokens * decoder.width }, () => 0.04 * (rng.next() - 0.5));
    for (let i = 0; i < PROFILED; i++) {
      (await decoder.prefill(matrixOf(tokens, decoder.width, numbers))).cache.dispose();
    }
    decoder.endProfiling();
    await decoder.dispose();
    const [file] = readdirSync(folder);
    if (file === undefined) throw new Error('the runtime wrote no profile');
    const shares = operatorShares(readFileSync(join(folder, file), 'utf8')).slice(0, 5);
    return shares.map(({ operator, share }) => `${operator} ${(100 * share).toFixed(0)} %`).join(', ');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rows = [
  ['prompt tokens', 'prefill ms', 'MatMul GFLOP/s', 'prefill GFLOP/s', 'prefill / MatMul', 'time in'],
];
const points = await measureRoofline(NANO, options, lengths, Number(values.rounds), () => performance.now());
for (const { tokens, prefillMs, matMulGflops, prefillGflops, share } of points) {
  rows.push([
    String(tokens),
    prefillMs.toFixed(1),
    matMulGflops.toFixed(0),
    prefillGflops.toFixed(0),
    `${(100 * share).toFixed(0)} %`,
    await profile(tokens),
  ]);
}
const markdown = markdownTable(rows);
process.stdout.write(`${markdown}\n`);
if (values.write) writeBlock('roofline', markdown);
