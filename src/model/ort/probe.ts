/**
 * @file Which devices are usable on this machine, and what the others lack.
 *
 * `doctor`, `--device auto`, and the message about a device that cannot be used read it. A device counts as usable if
 * it computed a matrix product correctly, in a process of its own.
 */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { listSupportedBackends } from './runtime.js';
import { z } from 'zod';

import { messageOf, ModelError } from '../../domain/errors.js';
import { DEVICES, type Device, type DeviceRequest } from '../../inference/device.js';

export interface DeviceReport {
  readonly device: Device;
  readonly isUsable: boolean;
  /** Time of a 1024 x 1024 x 1024 product in fp32, host to host; null if not usable. */
  readonly matMulMs: number | null;
  /** Why it is not usable, in one line; null if it is. */
  readonly reason: string | null;
  /** What to install or check, a sentence a line; empty if usable. */
  readonly hints: readonly string[];
}

/** A driver that hangs must not hang the program. */
const PROBE_TIMEOUT_MS = 60_000;

/**
 * `auto` leaves the CPU only for a device that is at least this much faster: a software renderer
 * counts as a GPU for WebGPU and is slower than the CPU itself.
 */
const AUTO_MIN_SPEEDUP = 1.5;

/** Tries all devices, one after the other, so that none disturbs another's timing. */
export async function probeDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const device of DEVICES) reports.push(await probeDevice(device));
  return reports;
}

/** Tries one device. */
export async function probeDevice(device: Device): Promise<DeviceReport> {
  const unusable = (reason: string): DeviceReport => ({
    device,
    isUsable: false,
    matMulMs: null,
    reason,
    hints: hintsFor(device),
  });
  if (!listSupportedBackends().some(({ name }) => name === device)) {
    return unusable(`onnxruntime-node has no ${device} provider for ${process.platform}/${process.arch}`);
  }
  try {
    const result = probeResult.parse(JSON.parse(await runProbe(device)));
    if ('error' in result) return unusable(firstLine(result.error));
    return { device, isUsable: true, matMulMs: result.matMulMs, reason: null, hints: [] };
  } catch (error) {
    return unusable(`the test run crashed (${firstLine(messageOf(error))})`);
  }
}

const probeResult = z.union([z.object({ matMulMs: z.number() }), z.object({ error: z.string() })]);

function runProbe(device: Device): Promise<string> {
  const here = fileURLToPath(import.meta.url);
  const script = here.replace(/probe(\.\w+)$/, 'probe-child$1');
  // Sources need their loader. The child gets no other argument of this process: `node -e` would run its text again,
  // and that text would probe again.
  const args = [...(here.endsWith('.ts') ? ['--import', 'tsx'] : []), script, device];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: PROBE_TIMEOUT_MS }, (error, stdout) => {
      // A line printed before a crash at exit still counts.
      const line = stdout.trim().split('\n').at(-1);
      if (line !== undefined && line.startsWith('{')) resolve(line);
      else reject(error ?? new Error('no result'));
    });
  });
}

/**
 * Of the flags of this process, those that let a child load the same sources. All others are left out: with `-e` and
 * its script, every child would start this process over, without end.
 *
 * @example loaderArguments(['-e', 'x()', '--import', 'tsx', '--test']) // => ['--import', 'tsx']
 */
export function loaderArguments(execArgv: readonly string[]): string[] {
  return execArgv.flatMap((argument, i) => {
    const value = execArgv[i + 1];
    if (argument === '--import' && value !== undefined) return [argument, value];
    return argument.startsWith('--import=') ? [argument] : [];
  });
}

/** Native messages begin with source positions. The last sentence of the first line says what is wrong. */
function firstLine(message: string): string {
  const line = message.trim().split('\n')[0] ?? '';
  return line.replace(/^.*was false\. /, '').trim();
}

function hintsFor(device: Device): string[] {
  switch (device) {
    case 'cpu':
      return ['onnxruntime-node itself does not run; reinstall it for this platform'];
    case 'webgpu':
      return [
        'WebGPU needs a graphics driver: Vulkan on Linux, Direct3D 12 on Windows, Metal on macOS',
        'on Linux install the Vulkan loader (libvulkan1) and the vendor driver, and check with vulkaninfo',
      ];
    case 'cuda':
      return [
        'CUDA is opt-in: it needs Linux x64, CUDA 12, cuDNN 9 and provider libraries of several hundred MB',
        'this project installs without them (.npmrc); in its folder, this fetches them:',
        'ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install',
      ];
    case 'dml':
      return ['DirectML exists on Windows only'];
    case 'coreml':
      return ['Core ML exists on macOS only'];
  }
}

/**
 * Why a device cannot be used, as the error to throw; undefined if it can.
 *
 * Tries the other devices too, to name those that work.
 */
export async function deviceProblem(device: Device): Promise<ModelError | undefined> {
  const report = await probeDevice(device);
  if (report.isUsable) return undefined;
  const others = DEVICES.filter((other) => other !== device);
  const usable: string[] = [];
  for (const other of others) if ((await probeDevice(other)).isUsable) usable.push(other);
  return new ModelError(`device ${device} cannot be used here: ${report.reason ?? 'unknown'}`, [
    ...report.hints,
    usable.length > 0 ? `usable here: ${usable.join(', ')}` : 'no other device is usable here',
  ]);
}

/**
 * Makes sure that a device works, before something large is made for it. The CPU always does.
 *
 * @throws {ModelError} As {@link deviceProblem} says it.
 */
export async function requireUsable(device: Device): Promise<void> {
  const problem = device === 'cpu' ? undefined : await deviceProblem(device);
  if (problem !== undefined) throw problem;
}

/**
 * The device to run on: the one asked for, or for `auto` the fastest usable one.
 *
 * A named device is not tried here. Opening a model shows whether it works.
 *
 */
export async function resolveDevice(request: DeviceRequest): Promise<Device> {
  if (request !== 'auto') return request;
  const others: DeviceReport[] = [];
  for (const device of DEVICES) if (device !== 'cpu') others.push(await probeDevice(device));
  // If there is nothing to compare it with, the CPU need not be timed. Opening a model shows that it works.
  if (!others.some((report) => report.isUsable)) return 'cpu';
  return chooseDevice([await probeDevice('cpu'), ...others]);
}

/**
 * The choice of `auto`: the CPU, unless another device is clearly faster; then the fastest device.
 *
 * @throws {ModelError} If none is usable.
 */
export function chooseDevice(reports: readonly DeviceReport[]): Device {
  const usable = reports.filter((report) => report.isUsable);
  const time = (report: DeviceReport): number => report.matMulMs ?? Infinity;
  const fastest = usable.toSorted((a, b) => time(a) - time(b))[0];
  if (fastest === undefined) {
    throw new ModelError('no device is usable here', [
      ...reports.map((report) => `${report.device}: ${report.reason ?? 'unknown'}`),
      ...hintsFor('cpu'),
    ]);
  }
  const cpu = usable.find((report) => report.device === 'cpu');
  return cpu !== undefined && time(cpu) < time(fastest) * AUTO_MIN_SPEEDUP ? 'cpu' : fastest.device;
}
