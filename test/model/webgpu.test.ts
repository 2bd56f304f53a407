/**
 * @file The decoder on WebGPU against the CPU.
 *
 * The suite needs an adapter. Where the machine has none, it uses the software renderer of Debian's `chromium`
 * package (`apt-get install chromium`). Where there is neither, the suite is one skipped test, unless
 * LLAVA_EVAL_REQUIRE=webgpu demands it (`npm run test:all` does).
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { z } from 'zod';

import { tokenId } from '../../src/domain/units.js';
import { openDecoder } from '../../src/model/ort/open.js';
import { probeDevice } from '../../src/model/ort/probe.js';
import { profiledNodes } from '../../src/model/ort/proof/profile.js';
import { suiteNeeding } from '../support/suite-needing.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const CHILD = fileURLToPath(new URL('./webgpu-child.ts', import.meta.url));

/** Longest difference of a logit; both sides compute in fp32, in different orders. */
const MAX_LOGIT_DIFFERENCE = 1e-3;
const PROMPT = Array.from({ length: 24 }, (_, i) => tokenId((i * 37) % 250));
const TOKENS = 6;

/** The environment in which WebGPU works, or why there is none. */
async function webgpuEnvironment(): Promise<NodeJS.ProcessEnv | string> {
  if ((await probeDevice('webgpu')).isUsable) return process.env;
  if (!existsSync(SWIFTSHADER)) return 'no WebGPU adapter here, and no SwiftShader (Debian: chromium)';
  // Chromium brings a Vulkan loader too, for systems without one.
  const libraries = [process.env['LD_LIBRARY_PATH'], '/usr/lib/chromium'].filter(Boolean).join(':');
  return { ...process.env, VK_DRIVER_FILES: SWIFTSHADER, LD_LIBRARY_PATH: libraries };
}

const folder = mkdtempSync(join(tmpdir(), 'webgpu-'));
const dir = join(folder, 'decoder');
after(() => {
  rmSync(folder, { recursive: true });
});
const environment = await webgpuEnvironment();
const problem = typeof environment === 'string' ? environment : null;

const outputSchema = z.object({
  tokens: z.array(z.number()),
  logits: z.array(z.array(z.number())),
  scores: z.array(z.number()),
});

function runOnWebgpu(profile: string, dtype: 'fp32' | 'fp16'): z.infer<typeof outputSchema> {
  const args = [dir, join(folder, profile), JSON.stringify(PROMPT), String(TOKENS), dtype];
  const stdout = execFileSync(process.execPath, ['--import', 'tsx', CHILD, ...args], {
    env: typeof environment === 'string' ? process.env : environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return outputSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}

suiteNeeding('webgpu', problem, 'decoder on WebGPU', () => {
  let onCpu: {
    readonly tokens: number[];
    readonly logits: Float32Array[];
    readonly scores: Float64Array;
  };
  let onGpu: z.infer<typeof outputSchema>;

  before(async () => {
    writeTinyBundle(folder);
    const decoder = await openDecoder(dir, { device: 'cpu', dtype: 'fp32', threads: 1 });
    let step = await decoder.prefill(decoder.embed(PROMPT));
    const tokens: number[] = [step.token];
    const logits = [step.logits.slice()];
    const scores = await decoder.logProbabilities({ ids: [...PROMPT, ...PROMPT], end: null }, step);
    while (tokens.length < TOKENS) {
      step = await decoder.decode(step.token, step.cache);
      tokens.push(step.token);
      logits.push(step.logits.slice());
    }
    step.cache.dispose();
    await decoder.dispose();
    onCpu = { tokens, logits, scores };
    onGpu = runOnWebgpu('fp32', 'fp32');
  });

  test('prefill and decoding with the cache on the device give the tokens and logits of the CPU, whatever else ran', () => {
    assert.deepEqual(onGpu.tokens, onCpu.tokens);
    assert.equal(onGpu.logits.length, TOKENS);
    for (const [i, logits] of onGpu.logits.entries()) {
      const difference = Math.max(...logits.map((logit, v) => Math.abs(logit - onCpu.logits[i]![v]!)));
      assert.ok(difference <= MAX_LOGIT_DIFFERENCE, `step ${i} is off by ${difference}`);
    }
  });

  test('a text that is scored behind the prompt has the nats of the CPU, and leaves the prompt as it was', () => {
    assert.equal(onGpu.scores.length, 2 * PROMPT.length);
    const distances = onGpu.scores.map((score, i) => Math.abs(score - onCpu.scores[i]!));
    assert.ok(Math.max(...distances) <= MAX_LOGIT_DIFFERENCE, String(Math.max(...distances)));
  });

  test('the profile shows that every node ran on the GPU', (t) => {
    const file = readdirSync(folder).find((name) => name.startsWith('fp32') && name.endsWith('.json'));
    assert.ok(file !== undefined, 'the run wrote no profile');
    const nodes = profiledNodes(readFileSync(join(folder, file), 'utf8'));
    assert.ok(nodes.length > 10, `${nodes.length} nodes in the profile`);
    const elsewhere = nodes.filter(({ provider }) => provider !== 'WebGpuExecutionProvider');
    t.diagnostic(`${nodes.length - elsewhere.length} of ${nodes.length} nodes on WebGPU`);
    assert.deepEqual(elsewhere, []);
  });
});
