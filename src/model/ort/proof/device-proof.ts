/**
 * @file Proves where a decoder runs: the runtime's own profile of one prefill and one decode step.
 *
 * A provider that lacks a kernel leaves the node to the CPU and says nothing, so asking for a device proves nothing.
 * The profiled session runs in a process of its own that ends before anything is timed, since profiling slows a
 * session, and a session that was profiled may keep buffers.
 *
 * On the CPU there is only one provider and nothing to prove. The proof then says so, without a second session.
 */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { messageOf, ModelError } from '../../../domain/errors.js';
import type { Device } from '../../../inference/device.js';
import {
  DEVICE_STAGES,
  deviceProofSchema,
  fallbackNote,
  type DeviceProof,
} from '../../../inference/device-proof.js';
import type { SyntheticShape } from '../../architecture/synthetic.js';
import { openDecoder, openSyntheticDecoder } from '../open.js';
import type { OrtDecoder } from '../ort-decoder.js';
import { loaderArguments } from '../probe.js';
import type { ProfiledRun } from './profile.js';
import type { ModelOptions } from '../session.js';

/** What a decoder is opened from. */
export type DecoderSource =
  | { readonly kind: 'files'; readonly path: string }
  | { readonly kind: 'synthetic'; readonly shape: SyntheticShape };

/** Opens a decoder from wherever it comes. @throws {ModelError} As `openDecoder`. */
export function openSource(source: DecoderSource, options: ModelOptions): Promise<OrtDecoder> {
  switch (source.kind) {
    case 'files':
      return openDecoder(source.path, options);
    case 'synthetic':
      return openSyntheticDecoder(source.shape, options);
  }
}

/** The provider that belongs to a device, as the runtime names it in a profile. */
const PROVIDERS: Readonly<Record<Device, string>> = {
  cpu: 'CPUExecutionProvider',
  webgpu: 'WebGpuExecutionProvider',
  cuda: 'CUDAExecutionProvider',
  dml: 'DmlExecutionProvider',
  coreml: 'CoreMLExecutionProvider',
};

/** Loading the weights of a large decoder and compiling its kernels takes minutes on a slow device. */
const TIMEOUT_MS = 15 * 60_000;

const childResult = z.union([
  z.object({ stages: deviceProofSchema.shape.stages, notes: z.array(z.string()) }),
  z.object({ error: z.string() }),
]);

/**
 * Runs a prefill and a decode step under the runtime's profiler.
 *
 * @throws {ModelError} If that process fails; the device itself may work all the same.
 */
export async function proveDevice(source: DecoderSource, options: ModelOptions): Promise<DeviceProof> {
  const { device } = options;
  if (device === 'cpu') return { device, source: 'only-provider', graphics: [], stages: [] };
  let problem: string;
  let cause: unknown;
  try {
    const result = childResult.parse(JSON.parse(await runChild(source, options)));
    if ('stages' in result) {
      for (const note of result.notes) options.onNote?.(note);
      return { device, source: 'profile', graphics: graphicsHardware(), stages: result.stages };
    }
    problem = result.error;
  } catch (error) {
    problem = messageOf(error);
    cause = error;
  }
  throw new ModelError(
    `the decoder cannot be profiled on ${device}: ${problem.trim().split('\n')[0] ?? ''}`,
    ['without a profile there is no proof that it runs there'],
    { cause },
  );
}

/** @throws {ModelError} If a node ran elsewhere: what was asked for with `--require-device`. */
export function requireProof(proof: DeviceProof): void {
  const note = fallbackNote(proof);
  if (note === null) return;
  throw new ModelError(note, [
    `--require-device asks for a run that is on ${proof.device} alone; nothing was measured`,
    'run without it to measure all the same (the report says what ran where), or choose another dtype or device',
  ]);
}

/** What the profiled runs say about the device. The last two runs are the prefill and the decode step. */
export function stagesOf(device: Device, runs: readonly ProfiledRun[]): DeviceProof['stages'] {
  const last = runs.slice(-DEVICE_STAGES.length);
  if (last.length < DEVICE_STAGES.length || last.some(({ nodes }) => nodes.length === 0)) {
    throw new Error(`the profile shows ${last.length} runs with nodes, not a prefill and a decode step`);
  }
  return DEVICE_STAGES.map((stage, i) => {
    const { nodes, providers } = last[i]!;
    const elsewhere = new Map<string, DeviceProof['stages'][number]['elsewhere'][number]>();
    for (const { operator, provider } of nodes) {
      if (provider === PROVIDERS[device]) continue;
      const key = `${operator}\0${provider}`;
      elsewhere.set(key, { operator, provider, nodes: (elsewhere.get(key)?.nodes ?? 0) + 1 });
    }
    return { stage, providers: [...providers], elsewhere: [...elsewhere.values()] };
  });
}

function runChild(source: DecoderSource, options: ModelOptions): Promise<string> {
  const here = fileURLToPath(import.meta.url);
  const script = here.replace(/device-proof(\.\w+)$/, 'device-proof-child$1');
  const { device, dtype, threads, cacheDir } = options;
  const request = JSON.stringify({ source, options: { device, dtype, threads, cacheDir } });
  const args = [...loaderArguments(process.execArgv), script, request];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: TIMEOUT_MS }, (error, stdout) => {
      // A line printed before a crash at exit still counts.
      const line = stdout.trim().split('\n').at(-1);
      if (line?.startsWith('{') === true) resolve(line);
      else reject(error ?? new Error('no result'));
    });
  });
}

/** Graphics cards and a driver that was chosen by hand, where Linux names them. */
export function graphicsHardware(
  nvidiaDir = '/proc/driver/nvidia/gpus',
  environment: NodeJS.ProcessEnv = process.env,
): string[] {
  const cards: string[] = [];
  try {
    for (const card of readdirSync(nvidiaDir)) {
      const model = /^Model:\s*(.+)$/m.exec(readFileSync(`${nvidiaDir}/${card}/information`, 'utf8'))?.[1];
      if (model !== undefined) cards.push(model.trim());
    }
  } catch {
    // There is no such driver, so there is nothing to name.
  }
  const driver = environment['VK_DRIVER_FILES'] ?? environment['VK_ICD_FILENAMES'];
  return driver === undefined ? cards : [...cards, `Vulkan driver ${basename(driver)}`];
}
