/**
 * @file How close a decoder's prefill comes to the speed of the device's matrix products.
 *
 * Flow: decoder folder -> **its products alone, and its prefill, taking turns** -> operations a second of both.
 * The products are plain MatMul nodes with the model's own shapes and constant weights, as in the model; of each
 * result one row is handed out, so that no copy to the host is timed.
 */

import { join } from 'node:path';

import { Tensor, type InferenceSession } from '../runtime.js';

import { stopwatch, type Clock } from '../../../domain/clock.js';
import {
  attentionFlops,
  layerProducts,
  productFlops,
  type LayerProduct,
} from '../../../onnx/decoder-flops.js';
import { Graph, type Value } from '../../../onnx/graph.js';
import { matMul, positionsFrom } from '../../../onnx/operators.js';
import { quantile } from '../../../statistics/statistics.js';
import { matrixOf } from '../../../tensor/matrix.js';
import { createRng } from '../../../tensor/rng.js';
import { readDecoderConfig } from '../../architecture/config.js';
import { openDecoder } from '../open.js';
import { createSession, type ModelOptions } from '../session.js';

export interface RooflinePoint {
  readonly tokens: number;
  /** Median, from embeddings to the first token. */
  readonly prefillMs: number;
  /** Operations a second of the products alone, in 10^9. */
  readonly matMulGflops: number;
  /** Operations a second of the prefill, attention included, in 10^9. */
  readonly prefillGflops: number;
  /** Median over rounds of prefill / products, both in operations a second; above 1 is possible. */
  readonly share: number;
}

/**
 * Measures a decoder at several lengths.
 *
 * @param dir As for `openDecoder`, a folder with safetensors.
 * @param tokens Prompt lengths; those beyond the decoder's positions are left out.
 * @throws {ModelError} As `openDecoder`.
 */
export async function measureRoofline(
  dir: string,
  options: ModelOptions,
  tokens: readonly number[],
  rounds: number,
  clock: Clock,
): Promise<RooflinePoint[]> {
  const architecture = readDecoderConfig(join(dir, 'config.json'));
  const products = layerProducts(architecture);
  const decoder = await openDecoder(dir, options);
  let session: InferenceSession | undefined;
  const rng = createRng(1);
  try {
    const multiplier = (session = await productSession(products, options));
    const points: RooflinePoint[] = [];
    for (const T of tokens.filter((length) => length <= decoder.maxPositions)) {
      const numbers = (width: number): Float32Array =>
        Float32Array.from({ length: T * width }, () => 0.04 * (rng.next() - 0.5));
      const prompt = matrixOf(T, decoder.width, numbers(decoder.width));
      const widths = [...new Set(products.map(({ inputs }) => inputs))];
      const feeds = Object.fromEntries(
        widths.map((width) => [`x${width}`, new Tensor('float32', numbers(width), [1, T, width])]),
      );
      const prefill = async (): Promise<number> => {
        const elapsed = stopwatch(clock);
        const { cache } = await decoder.prefill(prompt);
        const time = elapsed();
        cache.dispose();
        return time;
      };
      const multiply = async (): Promise<number> => {
        const elapsed = stopwatch(clock);
        await multiplier.run(feeds);
        return elapsed();
      };
      const linear = productFlops(products, T);
      const all = linear + attentionFlops(architecture, T);
      const times: { readonly prefillMs: number; readonly matMulMs: number }[] = [];
      for (let round = -1; round < rounds; round++) {
        const first = rng.next() < 0.5 ? await settled(prefill) : null;
        const matMulMs = await settled(multiply);
        const prefillMs = first ?? (await settled(prefill));
        // The first round warms up.
        if (round >= 0) times.push({ prefillMs, matMulMs });
      }
      points.push({ tokens: T, ...pointOf(times, linear, all) });
    }
    return points;
  } finally {
    await session?.release();
    await decoder.dispose();
  }
}

/**
 * Medians of paired times.
 *
 * @param linear Operations of the products; `all` those of the prefill.
 * @example // 1e9 operations in 10 ms are 100 GFLOP/s; 2e9 in 25 ms are 80: a share of 0.8
 * pointOf([{ matMulMs: 10, prefillMs: 25 }], 1e9, 2e9);
 * // => { prefillMs: 25, matMulGflops: 100, prefillGflops: 80, share: 0.8 }
 */
export function pointOf(
  times: readonly { readonly prefillMs: number; readonly matMulMs: number }[],
  linear: number,
  all: number,
): Omit<RooflinePoint, 'tokens'> {
  if (times.length === 0) throw new RangeError('no round was timed');
  const median = (of: (time: (typeof times)[number]) => number): number => quantile(times.map(of), 0.5)!;
  const gflops = (flops: number, ms: number): number => flops / ms / 1e6;
  return {
    prefillMs: median(({ prefillMs }) => prefillMs),
    matMulGflops: median(({ matMulMs }) => gflops(linear, matMulMs)),
    prefillGflops: median(({ prefillMs }) => gflops(all, prefillMs)),
    share: median(({ prefillMs, matMulMs }) => gflops(all, prefillMs) / gflops(linear, matMulMs)),
  };
}

/**
 * Each session has threads of its own. They look for more work for a while before they sleep, and they wake slowly. So
 * a side runs a few times and only the last time counts, when its own threads are awake and the other side's are
 * asleep.
 */
const RUNS_BEFORE = 2;

async function settled(run: () => Promise<number>): Promise<number> {
  for (let i = 0; i < RUNS_BEFORE; i++) await run();
  return run();
}

/**
 * All products one after the other, each x [1, T, inputs] times constants [inputs, outputs] of its own; the last
 * row of each result is handed out. Its inputs are `x<width>`, float32 [1, T, width], one for each width of the products.
 */
export function productSession(
  products: readonly LayerProduct[],
  options: ModelOptions,
): Promise<InferenceSession> {
  const g = new Graph('products');
  const rng = createRng(1);
  const rows = new Map<number, Value>();
  for (const { inputs, outputs, count } of products) {
    let x = rows.get(inputs);
    if (x === undefined) rows.set(inputs, (x = g.input(`x${inputs}`, 'float32', [1, 'T', inputs])));
    for (let i = 0; i < count; i++) {
      const name = `${inputs}x${outputs}.${i}`;
      const weight = g.weight(`w${name}`, 'float32', [inputs, outputs], () =>
        Float32Array.from({ length: inputs * outputs }, () => 0.04 * (rng.next() - 0.5)),
      );
      g.output(name, positionsFrom(g, matMul(g, x, weight), g.constant('int64', [1], [-1])));
    }
  }
  return createSession(g, 'matrix products', { ...options, dtype: 'fp32' });
}
