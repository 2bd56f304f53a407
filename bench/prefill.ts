/**
 * @file Prefill as a whole against prefill in blocks of positions, beside the matrix products alone.
 *
 *     npm run bench:prefill
 *     npm run bench:prefill -- --shapes nano --tokens 512,2048 --blocks 256,512 --rounds 9 --write
 *
 * Sides that take turns:
 *
 * - `whole`: one run over all positions, as the program prefills;
 * - `blocks of N`: runs over N positions each, every one behind the cache that the one before it returned;
 * - `blocks of N, one buffer`: the same with a cache as long as the prompt, which is fed and handed out as the same memory, so
 *   that no run copies it;
 * - the model's products alone, the roof of `bench:roofline`.
 *
 * Each side runs once before it is timed, since the threads of the other session first have to go to sleep. The larger shapes
 * have fewer layers than the model and random weights, which changes the time of attention against that of the products:
 * the last layer has attention but no products behind it. The table gives the numbers of layers.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { decoderFiles } from '../src/model/decoder-files.js';
import {
  syntheticArchitecture,
  syntheticShape,
  SyntheticWeights,
} from '../src/model/architecture/synthetic.js';
import { builtDecoderIo } from '../src/model/ort/decoder-io.js';
import { productSession } from '../src/model/ort/proof/roofline.js';
import { Tensor, type InferenceSession } from '../src/model/ort/runtime.js';
import { createSession } from '../src/model/ort/session.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { attentionFlops, layerProducts, productFlops } from '../src/onnx/decoder-flops.js';
import { buildDecoderGraph, type DecoderArchitecture } from '../src/onnx/decoder-graph.js';
import type { WeightSource } from '../src/onnx/weights.js';
import { createRng } from '../src/tensor/rng.js';
import { markdownTable, writeBlock } from './page.js';
import { interleaved, median, orderOf, ratio, type Estimate } from './paired.js';

const NANO = fileURLToPath(new URL('../models/llavacode-nano/decoder', import.meta.url));
/** Layers of the larger shapes: as many as keep a round below half a minute. */
const LAYERS: Readonly<Record<string, number>> = { 'qwen2.5-coder-0.5b': 8, 'qwen2.5-coder-1.5b': 4 };

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'nano,qwen2.5-coder-0.5b,qwen2.5-coder-1.5b' },
    tokens: { type: 'string', default: '512,1024,2048' },
    blocks: { type: 'string', default: '256,512,1024' },
    rounds: { type: 'string', default: '7' },
    write: { type: 'boolean', default: false },
  },
});
const numbersOf = (list: string): number[] => list.split(',').map(Number);
const rounds = Number(values.rounds);
const temporary = mkdtempSync(join(tmpdir(), 'llava-eval-prefill-'));
const options = {
  device: 'cpu',
  dtype: 'fp32',
  threads: defaultThreads(),
  cacheDir: join(temporary, 'graphs'),
} as const;

type Feeds = Readonly<Record<string, Tensor>>;

interface Side {
  readonly name: string;
  /** Operations of one run. */
  readonly flops: number;
  readonly run: () => Promise<void>;
}

async function open(
  shape: string,
): Promise<{ readonly architecture: DecoderArchitecture; readonly session: InferenceSession }> {
  const session = (architecture: DecoderArchitecture, weights: WeightSource): Promise<InferenceSession> =>
    createSession(buildDecoderGraph(architecture, weights, 'float32'), `bench ${shape}`, options);
  if (shape !== 'nano') {
    const architecture = syntheticArchitecture(syntheticShape(`synthetic:${shape}`), LAYERS[shape]);
    return { architecture, session: await session(architecture, new SyntheticWeights()) };
  }
  const opened = await decoderFiles(NANO).openWeights();
  try {
    return { architecture: opened.architecture, session: await session(opened.architecture, opened.weights) };
  } finally {
    opened.close();
  }
}

/** Prefill of `data` [T, C] in runs of up to `block` positions, with a cache that grows or with one buffer for all runs. */
function prefillOf(
  session: InferenceSession,
  architecture: DecoderArchitecture,
  data: Float32Array,
  block: number,
  cache: 'grows' | 'one buffer',
): () => Promise<void> {
  const io = builtDecoderIo(architecture, 'float32');
  const { width: C, kvHeads, headWidth } = architecture;
  const T = data.length / C;
  const length = cache === 'grows' ? 0 : T;
  const size = kvHeads * length * headWidth;
  const empty: Feeds = Object.fromEntries(
    io.caches.map(({ past }) => [
      past,
      new Tensor('float32', new Float32Array(size), [1, kvHeads, length, headWidth]),
    ]),
  );
  const fetches = Object.fromEntries([
    [io.logits, null],
    ...io.caches.map(({ past, present }) => [present, cache === 'grows' ? null : empty[past]!] as const),
  ]);
  return async () => {
    let past = empty;
    for (let from = 0; from < T; from += block) {
      const count = Math.min(block, T - from);
      const embeddings = new Tensor('float32', data.subarray(from * C, (from + count) * C), [1, count, C]);
      const feeds = { [io.embeddings]: embeddings, ...io.positions(from, count, 1), ...past };
      const results = await session.run(feeds, fetches);
      past = Object.fromEntries(io.caches.map(({ past: name, present }) => [name, results[present]!]));
    }
  };
}

async function timed({ run }: Side): Promise<number> {
  await run();
  const started = performance.now();
  await run();
  return performance.now() - started;
}

const shown = ({ median: middle, low, high }: Estimate): string =>
  `${middle.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

const rows = [['shape', 'tokens', 'prefill', 'ms', 'time / whole', 'operations a second / products alone']];
try {
  for (const shape of values.shapes.split(',')) {
    const { architecture, session } = await open(shape);
    const products = layerProducts(architecture);
    const multiplier = await productSession(products, options);
    for (const T of numbersOf(values.tokens)) {
      const rng = createRng(T);
      const random = (width: number): Float32Array =>
        Float32Array.from({ length: T * width }, () => 0.04 * (rng.next() - 0.5));
      const linear = productFlops(products, T);
      const flops = linear + attentionFlops(architecture, T);
      const data = random(architecture.width);
      const widths = [...new Set(products.map(({ inputs }) => inputs))];
      const feeds = Object.fromEntries(
        widths.map((width) => [`x${width}`, new Tensor('float32', random(width), [1, T, width])]),
      );
      const prefill = (name: string, block: number, cache: 'grows' | 'one buffer'): Side => ({
        ...{ name, flops },
        run: prefillOf(session, architecture, data, block, cache),
      });
      const blocks = numbersOf(values.blocks).filter((block) => block < T);
      const multiply = async (): Promise<void> => {
        await multiplier.run(feeds);
      };
      const sides: Side[] = [
        prefill('whole', T, 'grows'),
        prefill('whole, again (A/A)', T, 'grows'),
        ...blocks.map((block) => prefill(`blocks of ${block}`, block, 'grows')),
        ...blocks.slice(-1).map((block) => prefill(`blocks of ${block}, one buffer`, block, 'one buffer')),
        { name: 'products alone', flops: linear, run: multiply },
      ];
      const times = await interleaved(sides, orderOf(T), { rounds, warmUp: 1 }, timed);
      const rates = sides.map(({ flops: own }, i) => times[i]!.map((ms) => own / ms));
      for (const [i, { name }] of sides.slice(0, -1).entries()) {
        rows.push([
          shape in LAYERS ? `${shape}, ${architecture.layers} layers` : shape,
          String(T),
          name,
          median(times[i]!).toFixed(1),
          shown(ratio(times[i]!, times[0]!)),
          shown(ratio(rates[i]!, rates.at(-1)!)),
        ]);
        process.stderr.write(`${rows.at(-1)!.join(' | ')}\n`);
      }
    }
    await session.release();
    await multiplier.release();
  }
} finally {
  rmSync(temporary, { recursive: true });
}
const markdown = markdownTable(rows);
process.stdout.write(`${markdown}\n`);
if (values.write) writeBlock('prefill', markdown, [`medians of ${rounds} rounds`]);
