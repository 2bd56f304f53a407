/**
 * @file What a training step through a frozen decoder costs, beside the matrix products that it cannot do without.
 *
 *     npm run bench:training -- --decoder qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
 *     npm run bench:training -- --decoder DIR --prefixes int8-dynamic --sequences 8 --positions 30 --prefix 256 --whole 500 --rounds 3
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
import { quantile } from '../src/statistics/statistics.js';
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
    prefixes: { type: 'string', default: 'fp32' },
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
const prefixFormat = values.prefixes === 'int8-dynamic' ? 'int8-dynamic' : 'fp32';
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

interface Measured {
  readonly seconds: number;
  /** Operations a second of products with weights, as a share of those of the products alone beside it. */
  readonly share: number;
}

/**
 * Medians over rounds. The products alone run before and after each measurement, so that other work of the machine
 * slows both.
 *
 * @param flops Operations of the products in `run`.
 */
async function measured(
  run: () => Promise<unknown>,
  flops: number,
  products: () => Promise<number>,
): Promise<Measured> {
  const times: Measured[] = [];
  for (let i = 0; i < rounds; i++) {
    const before = await products();
    const start = performance.now();
    await run();
    const seconds = (performance.now() - start) / 1e3;
    const alone = (before + (await products())) / 2;
    times.push({ seconds, share: flops / seconds / alone });
  }
  const median = (of: (time: Measured) => number): number => quantile(times.map(of), 0.5)!;
  return { seconds: median((time) => time.seconds), share: median((time) => time.share) };
}

/** Operations of one forward pass in products with weights: R rows through all layers, N of them through the head. */
function forwardFlops(architecture: DecoderArchitecture, R: number, N: number): number {
  const { width, vocabularySize, layers } = architecture;
  // `layerProducts` leaves most of the last layer out, since inference needs one of its positions.
  const inAll = productFlops(layerProducts({ ...architecture, layers: layers + 1 }), R);
  const first = productFlops(layerProducts({ ...architecture, layers: 1 }), R);
  return inAll - first + 2 * N * width * vocabularySize;
}

/** Products of one layer at R rows, with constant weights as inference has them: their operations a second. */
async function productsAlone(
  architecture: DecoderArchitecture,
  R: number,
): Promise<{ readonly run: () => Promise<number>; readonly dispose: () => Promise<void> }> {
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
  const run = async (): Promise<number> => {
    await session.run(feeds);
    const start = performance.now();
    for (let i = 0; i < 3; i++) await session.run(feeds);
    return (3 * once) / ((performance.now() - start) / 1e3);
  };
  return { run, dispose: () => session.release() };
}

const opened = await decoderFiles(values.decoder).openWeights();
const { architecture } = opened;
opened.close();
const start = performance.now();
const decoder = await openDifferentiableDecoder(values.decoder, { threads, prefixes: prefixFormat });
process.stdout.write(`opened in ${((performance.now() - start) / 1e3).toFixed(1)} s on ${threads} threads\n`);
const products = await productsAlone(architecture, B * T);

const rows = [['what', 's', 'share of the products alone']];
async function report(what: string, run: () => Promise<unknown>, flops: number): Promise<void> {
  const { seconds, share } = await measured(run, flops, products.run);
  const line = [what, seconds.toFixed(2), `${(100 * share).toFixed(0)} %`];
  rows.push(line);
  process.stdout.write(`${line.join(' | ')}\n`);
}

const prefixInputs = inputsOf(decoder, S);
const prefix = await decoder.prefixOf(prefixInputs);
const behind = Array.from({ length: B }, () => sequenceOf(decoder, prefix, T));
const whole = [sequenceOf(decoder, null, W)];
const gradients = (all: readonly TrainingSequence[]) =>
  decoder.gradients(
    all,
    all.map(() => ({ crossEntropy: 1, teacher: null })),
  );
// Warms up.
await gradients([sequenceOf(decoder, null, targets)]);
const short = forwardFlops(architecture, B * T, B * targets);
const long = forwardFlops(architecture, W, targets);
const named = `${B} sequences of ${T} positions`;
await report(
  `prefix of ${S}, ${prefixFormat}`,
  () => decoder.prefixOf(prefixInputs),
  forwardFlops(architecture, S, 0),
);
await report(`${named} behind it, forward`, () => decoder.losses(behind), short);
await report(`${named} behind it, forward and backward`, () => gradients(behind), 2 * short);
await report(`1 sequence of ${W} positions, forward and backward`, () => gradients(whole), 2 * long);
await products.dispose();
await decoder.dispose();
// In KiB on every platform.
const { maxRSS } = process.resourceUsage();
process.stdout.write(`${markdownTable(rows)}\nmost memory: ${(maxRSS / 2 ** 20).toFixed(2)} GiB\n`);
