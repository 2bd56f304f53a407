/**
 * @file Records the profiles in `profiles/`: ONNX Runtime's own words on a prefill of 8 positions and a decode step.
 *
 *     VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json LD_LIBRARY_PATH=/usr/lib/chromium \
 *       node --import tsx test/golden/make-profiles.ts
 *
 * One layer of the shape of nano with random weights. `webgpu.json`: everything on WebGPU. `fallback.json`: the
 * runtime was told to leave one product to the CPU, which is how a kernel that a provider lacks looks. Fields that
 * nobody reads (thread statistics, shapes, memory, process ids) are left out, and so are GPU time stamps.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { InferenceSession, Tensor } from '../../src/model/ort/runtime.js';
import { z } from 'zod';

import { builtDecoderIo } from '../../src/model/ort/decoder-io.js';
import { syntheticArchitecture, SyntheticWeights } from '../../src/model/architecture/synthetic.js';
import { buildDecoderGraph } from '../../src/onnx/decoder-graph.js';
import { encodeModel } from '../../src/onnx/model-proto.js';

const architecture = syntheticArchitecture('nano', 1);
const graph = buildDecoderGraph(architecture, new SyntheticWeights(), 'float32');
const model = encodeModel(graph);
const io = builtDecoderIo(architecture, 'float32');

const eventsSchema = z.array(
  z.looseObject({
    cat: z.string(),
    name: z.string(),
    ts: z.number(),
    dur: z.number(),
    args: z.looseObject({ op_name: z.string().optional(), provider: z.string().optional() }).optional(),
  }),
);

async function record(name: string, onCpu: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'profiles-'));
  const session = await InferenceSession.create(model, {
    executionProviders: [{ name: 'webgpu', ...(onCpu.length === 0 ? {} : { forceCpuNodeNames: onCpu }) }],
    enableProfiling: true,
    profileFilePrefix: join(folder, 'profile'),
  });
  let past = io.caches.map(({ past: input }): [string, Tensor] => [
    input,
    new Tensor('float32', new Float32Array(0), io.emptyCache),
  ]);
  let length = 0;
  for (const fresh of [8, 1]) {
    const rows = new Float32Array(fresh * architecture.width).fill(0.01);
    const results = await session.run({
      [io.embeddings]: new Tensor('float32', rows, [1, fresh, architecture.width]),
      ...io.positions(length, fresh, 1),
      ...Object.fromEntries(past),
    });
    past = io.caches.map(({ past: input, present }) => [input, results[present] as Tensor]);
    length += fresh;
  }
  session.endProfiling();
  await session.release();
  const text = readFileSync(join(folder, readdirSync(folder)[0]!), 'utf8');
  rmSync(folder, { recursive: true });
  const lines = eventsSchema.parse(JSON.parse(text)).flatMap(({ cat, name: event, ts, dur, args }) => {
    if (cat !== 'Node' && cat !== 'Session') return [];
    const { op_name, provider } = args ?? {};
    return [JSON.stringify({ cat, name: event, ts, dur, args: { op_name, provider } })];
  });
  const path = fileURLToPath(new URL(`profiles/${name}.json`, import.meta.url));
  writeFileSync(path, `[\n${lines.join(',\n')}\n]\n`);
}

const product = graph.nodes.find(({ operator }) => operator === 'MatMul')!.name;
await record('webgpu', []);
await record('fallback', [product]);
