/**
 * @file What the harness adds to the runtime, for the first token and for each further one.
 *
 *     npm run bench:overhead
 *     npm run bench:overhead -- --rounds 101 --tokens 256,512 --write
 *
 * One session of the embedded decoder serves three sides that take turns:
 *
 * - `harness`: `firstToken` and `completeGreedily` as `run` calls them, from prompt ids to token ids, with
 *   the stop rule of the metric profile asked after every token;
 * - `bare`: `session.run` on inputs made before the clock starts, and nothing else: no embedding lookup, no
 *   choice of a token, no stop rule. The cache of one step is the next one's input as it comes, and disposed of then;
 * - `bare again`: the same once more. What it differs by from `bare` is noise (A/A).
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Tensor, type InferenceSession } from '../src/model/ort/runtime.js';

import { taskId, type CompletionTask } from '../src/domain/task.js';
import { LLAVACODE } from '../src/metrics/llavacode.js';
import { Checkpoint } from '../src/model/weights/checkpoint.js';
import { readDecoderConfig } from '../src/model/architecture/config.js';
import { completeGreedily, firstToken, type StopRules } from '../src/generation/generate.js';
import { builtDecoderIo } from '../src/model/ort/decoder-io.js';
import { OrtDecoder } from '../src/model/ort/ort-decoder.js';
import { createSession } from '../src/model/ort/session.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { CheckpointWeights } from '../src/model/weights/safetensors.js';
import { buildDecoderGraph, embeddingTensor } from '../src/onnx/decoder-graph.js';
import type { Prompt } from '../src/prompt/assemble.js';
import { matrixOf } from '../src/tensor/matrix.js';
import { loadTokenizer } from '../src/tokenizer/hf.js';
import { textStream } from '../src/generation/text-stream.js';
import { markdownTable, writeBlock } from './page.js';
import { interleaved, median, orderOf, ratio } from './paired.js';

const NANO = fileURLToPath(new URL('../models/llavacode-nano/decoder', import.meta.url));
/** Code to fill prompts with: a file of this project, as long as it takes. */
const TEXT = fileURLToPath(new URL('../src/onnx/operators.ts', import.meta.url));
/** Tokens behind the first one. */
const STEPS = 32;
/** Rounds before those that count: as many as it takes until the compiler has seen our code run. */
const WARM_UPS = 20;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '61' },
    tokens: { type: 'string', default: '256,512,1024,2048' },
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const lengths = values.tokens.split(',').map(Number);
const clock = (): number => performance.now();

type Feeds = Readonly<Record<string, Tensor>>;

/** The session of a decoder, and the decoder around it. */
async function open(): Promise<{
  session: InferenceSession;
  decoder: OrtDecoder;
  /** Inputs of a step from embeddings [T, C] behind S past positions, without the cache. */
  feeds: (embeddings: Float32Array, past: number) => Feeds;
  emptyPast: Feeds;
  caches: readonly { readonly past: string; readonly present: string }[];
}> {
  const architecture = readDecoderConfig(join(NANO, 'config.json'));
  const checkpoint = await Checkpoint.openFolder(NANO);
  const weights = new CheckpointWeights(checkpoint, (name) => name);
  const { vocabularySize, width, maxPositions } = architecture;
  const table = weights.tensor(embeddingTensor(architecture).name, [vocabularySize, width]);
  const graph = buildDecoderGraph(architecture, weights, 'float32');
  const options = { device: 'cpu', dtype: 'fp32', threads: defaultThreads() } as const;
  const session = await createSession(graph, 'bench', options);
  const embeddings = matrixOf(vocabularySize, width, table());
  checkpoint.close();
  const io = builtDecoderIo(architecture, 'float32');
  return {
    session,
    decoder: new OrtDecoder({
      session,
      io,
      maxPositions,
      embeddings,
      identity: 'bench',
      device: 'cpu',
      dtype: 'fp32',
    }),
    feeds: (data, past) => ({
      [io.embeddings]: new Tensor('float32', data, [1, data.length / width, width]),
      ...io.positions(past, data.length / width, 1),
    }),
    emptyPast: Object.fromEntries(
      io.caches.map(({ past }) => [past, new Tensor('float32', new Float32Array(0), io.emptyCache)]),
    ),
    caches: io.caches,
  };
}

const { session, decoder, feeds, emptyPast, caches } = await open();
const tokenizer = await loadTokenizer(NANO);
const text = tokenizer.encode(readFileSync(TEXT, 'utf8'));
// More lines than are generated, so that no completion is settled and all have the same length.
const task: CompletionTask = {
  ...{ id: taskId('bench'), repository: 'bench', path: 'bench.ts', language: 'typescript' },
  ...{ prefix: '', suffix: '', crossFile: null, reference: 'line\n'.repeat(2 * STEPS) },
};
const isSettled = LLAVACODE.open(null).settling(task)!;
/** The rules of one completion, as `run` makes them. */
function stop(): StopRules {
  const text = textStream(tokenizer);
  return { tokens: new Set(), maxNewTokens: STEPS + 1, isSettled: (token) => isSettled(text(token)) };
}

/** Times of both phases: the first token, and one of those behind it. */
async function measure(
  length: number,
): Promise<{ readonly first: Record<Side, number[]>; readonly further: Record<Side, number[]> }> {
  const prompt: Prompt = { ids: text.slice(0, length), slots: [] };
  const inputs = feeds(decoder.embed(prompt.ids).data, 0);

  const first = await takeTurns({
    harness: async () => {
      const { step, ttftMs } = await firstToken(decoder, prompt, null, clock);
      step.cache.dispose();
      return ttftMs;
    },
    bare: () => barePrefill(inputs),
    'bare again': () => barePrefill(inputs),
  });

  // Room for the steps behind the longest prompt.
  const shorter: Prompt = { ids: prompt.ids.slice(0, decoder.maxPositions - STEPS), slots: [] };
  const { tokens } = await completeGreedily(
    decoder,
    (await firstToken(decoder, shorter, null, clock)).step,
    stop(),
    clock,
  );
  const from = feeds(decoder.embed(shorter.ids).data, 0);
  const steps = tokens
    .slice(0, STEPS)
    .map((token, i) => feeds(decoder.embed([token]).data, shorter.ids.length + i));
  const further = await takeTurns({
    harness: async () => {
      const { step } = await firstToken(decoder, shorter, null, clock);
      return (await completeGreedily(decoder, step, stop(), clock)).decodeMs / STEPS;
    },
    bare: () => bareSteps(from, steps),
    'bare again': () => bareSteps(from, steps),
  });
  return { first, further };
}

const SIDES = ['harness', 'bare', 'bare again'] as const;
type Side = (typeof SIDES)[number];

/** Times of every side, one a round. */
async function takeTurns(
  time: Readonly<Record<Side, () => Promise<number>>>,
): Promise<Record<Side, number[]>> {
  const order = { rounds, warmUp: WARM_UPS };
  const [harness, bare, again] = await interleaved(SIDES, orderOf(rounds), order, (side) => time[side]());
  return { harness: harness!, bare: bare!, 'bare again': again! };
}

function quotient(times: readonly number[], base: readonly number[]): string {
  const { median: middle, low, high } = ratio(times, base);
  return `${middle.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

async function barePrefill(inputs: Feeds): Promise<number> {
  const started = clock();
  const results = await session.run({ ...inputs, ...emptyPast });
  const elapsed = clock() - started;
  for (const { present } of caches) results[present]!.dispose();
  return elapsed;
}

/** Mean time of one step behind a prefill that is not timed. */
async function bareSteps(prefill: Feeds, steps: readonly Feeds[]): Promise<number> {
  let results = await session.run({ ...prefill, ...emptyPast });
  const started = clock();
  for (const step of steps) {
    const inputs: Record<string, Tensor> = { ...step };
    for (const { past, present } of caches) inputs[past] = results[present]!;
    results = await session.run(inputs);
    // As the decoder does: caches left to the garbage collector make every step slower.
    for (const { past } of caches) inputs[past]!.dispose();
  }
  const elapsed = clock() - started;
  for (const { present } of caches) results[present]!.dispose();
  return elapsed / steps.length;
}

const head = ['prompt tokens', 'bare ms', 'harness / bare', 'A/A', 'harness adds'];
const rows: Record<'first' | 'further', string[][]> = { first: [head], further: [head] };
for (const length of lengths) {
  const times = await measure(length);
  for (const phase of ['first', 'further'] as const) {
    const { harness, bare, 'bare again': again } = times[phase];
    const added = median(harness.map((time, round) => time - bare[round]!));
    rows[phase].push([
      String(length),
      median(bare).toFixed(2),
      quotient(harness, bare),
      quotient(again, bare),
      `${(1000 * added).toFixed(0)} µs`,
    ]);
  }
}
await decoder.dispose();

const markdown = [
  `Time to first token, medians over ${rounds} rounds:`,
  '',
  markdownTable(rows.first),
  '',
  `Time per further token, mean of ${STEPS}:`,
  '',
  markdownTable(rows.further),
].join('\n');
process.stdout.write(`${markdown}\n`);
if (values.write) writeBlock('overhead', markdown);
