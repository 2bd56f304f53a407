/**
 * @file What a training step through a frozen decoder costs, beside the matrix products that it cannot do without.
 *
 *     npm run bench:training -- --decoder qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
 *     npm run bench:training -- --decoder DIR --sequences 8 --positions 30 --prefix 256 --whole 500 --rounds 3
 *
 * The inputs are random vectors as large as rows of the embedding table; what they say does not change the time.
 */

import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { tokenId } from '../src/domain/units.js';
import type { DifferentiableDecoder, TrainingSequence } from '../src/inference/differentiable.js';
import { decoderFiles } from '../src/model/decoder-files.js';
import { openDifferentiableDecoder } from '../src/model/ort/training/open.js';
import { Tensor } from '../src/model/ort/runtime.js';
import { createSession } from '../src/model/ort/session.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import type { DecoderArchitecture } from '../src/onnx/decoder-graph.js';
import { layerProducts, productFlops } from '../src/onnx/decoder-flops.js';
import { Graph } from '../src/onnx/graph.js';
import { matMul, reduceSum } from '../src/onnx/operators.js';
import { matrixOf, row, type Matrix } from '../src/tensor/matrix.js';
import { createRng } from '../src/tensor/rng.js';
import { markdownTable } from './page.js';

const { values } = parseArgs({
  options: {
    decoder: { type: 'string' },
    sequences: { type: 'string', default: '8' },
    positions: { type: 'string', default: '30' },
    targets: { type: 'string', default: '13' },
    prefix: { type: 'string', default: '256' },
    whole: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(defaultThreads()) },
  },
});
if (values.decoder === undefined) throw new Error('--decoder names a safetensors folder or a GGUF file');
const [B, T, targets, S, W, rounds, threads] = [
  values.sequences,
  values.positions,
  values.targets,
  values.prefix,
  values.whole,
  values.rounds,
  values.threads,
].map(Number) as [number, number, number, number, number, number, number];
const rng = createRng(1);

/** Rows of the embedding table, taken by chance. */
function inputsOf(decoder: DifferentiableDecoder, rows: number): Matrix {
  const data = new Float32Array(rows * decoder.width);
  for (let r = 0; r < rows; r++) {
    const id = Math.floor(rng.next() * decoder.vocabularySize);
    data.set(row(decoder.embeddings, id), r * decoder.width);
  }
  return matrixOf(rows, decoder.width, data);
}

/** A sequence whose last positions have targets. */
function sequenceOf(
  decoder: DifferentiableDecoder,
  prefix: TrainingSequence['prefix'],
  rows: number,
): TrainingSequence {
  const inputs = inputsOf(decoder, rows);
  return {
    prefix,
    inputs,
    targets: Array.from({ length: rows }, (_, t) => (t < rows - targets ? null : tokenId(t))),
  };
}

/** Median seconds, behind one run that warms up. */
async function seconds(run: () => Promise<unknown>): Promise<number> {
  await run();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await run();
    times.push((performance.now() - start) / 1e3);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)]!;
}

/** Operations of one forward pass in products with weights: R rows through all layers, N of them through the head. */
function forwardFlops(architecture: DecoderArchitecture, R: number, N: number): number {
  const { width, vocabularySize, layers } = architecture;
  // `layerProducts` leaves most of the last layer out, since inference needs one of its positions.
  const inAll = productFlops(layerProducts({ ...architecture, layers: layers + 1 }), R);
  const first = productFlops(layerProducts({ ...architecture, layers: 1 }), R);
  return inAll - first + 2 * N * width * vocabularySize;
}

/** Operations a second of one layer's products at R rows, with constant weights as inference has them, in 10^9. */
async function roof(architecture: DecoderArchitecture, R: number): Promise<number> {
  const g = new Graph('products');
  const products = layerProducts({ ...architecture, layers: 2 });
  for (const [i, { inputs, outputs }] of products.entries()) {
    const x = g.input(`x${i}`, 'float32', ['R', inputs]);
    const numbers = Float32Array.from({ length: inputs * outputs }, () => 0.04 * (rng.next() - 0.5));
    const y = matMul(
      g,
      x,
      g.weight(`w${i}`, 'float32', [inputs, outputs], () => numbers),
    );
    g.output(`y${i}`, reduceSum(g, y, 1));
  }
  const session = await createSession(g, 'products', { device: 'cpu', dtype: 'fp32', threads });
  const feeds = Object.fromEntries(
    products.map(({ inputs }, i) => {
      const numbers = Float32Array.from({ length: R * inputs }, () => rng.next() - 0.5);
      return [`x${i}`, new Tensor('float32', numbers, [R, inputs])];
    }),
  );
  const once = products.reduce((sum, { inputs, outputs }) => sum + 2 * R * inputs * outputs, 0);
  const time = await seconds(() => session.run(feeds));
  await session.release();
  return once / time / 1e9;
}

const opened = await decoderFiles(values.decoder).openWeights();
const { architecture } = opened;
opened.close();
const gflops = await roof(architecture, B * T);
process.stdout.write(`products alone at ${B * T} rows: ${gflops.toFixed(0)} GFLOP/s on ${threads} threads\n`);

const start = performance.now();
const decoder = await openDifferentiableDecoder(values.decoder, { threads });
process.stdout.write(`opened in ${((performance.now() - start) / 1e3).toFixed(1)} s\n`);

const rows = [['what', 's', 'GFLOP/s of products', 'share of the products alone']];
function report(what: string, time: number, flops: number): void {
  const reached = flops / time / 1e9;
  const line = [what, time.toFixed(2), reached.toFixed(0), `${((100 * reached) / gflops).toFixed(0)} %`];
  rows.push(line);
  process.stdout.write(`${line.join(' | ')}\n`);
}

const prefixInputs = inputsOf(decoder, S);
const prefix = await decoder.prefixOf(prefixInputs);
const behind = Array.from({ length: B }, () => sequenceOf(decoder, prefix, T));
const whole = [sequenceOf(decoder, null, W)];
const plain = (all: readonly TrainingSequence[]) => all.map(() => ({ crossEntropy: 1, teacher: null }));
const short = forwardFlops(architecture, B * T, B * targets);
const long = forwardFlops(architecture, W, targets);
report(
  `prefix of ${S}`,
  await seconds(() => decoder.prefixOf(prefixInputs)),
  forwardFlops(architecture, S, 0),
);
report(`${B} x ${T} behind it, forward`, await seconds(() => decoder.losses(behind)), short);
report(
  `${B} x ${T} behind it, forward and backward`,
  await seconds(() => decoder.gradients(behind, plain(behind))),
  2 * short,
);
report(
  `1 x ${W} whole, forward and backward`,
  await seconds(() => decoder.gradients(whole, plain(whole))),
  2 * long,
);
await decoder.dispose();
const { maxRSS } = process.resourceUsage();
process.stdout.write(`${markdownTable(rows)}\nmost memory: ${(maxRSS / 2 ** 20).toFixed(2)} GiB\n`);
