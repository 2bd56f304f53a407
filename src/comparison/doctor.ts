/**
 * @file What this machine can run, and what is missing for the rest.
 */

import { spawnSync } from 'node:child_process';
import { npmCommand } from '../datasets/packages/npm.js';
import type { Clock } from '../domain/clock.js';
import { defaultCacheDir } from '../files/cache-dir.js';
import { requireWritableFolder } from '../files/folder.js';
import { resolveModel } from '../hub/resolve.js';
import { readBundle } from '../model/folder/bundle.js';
import { probeDevices, type DeviceReport } from '../model/ort/probe.js';
import { measureRoofline, type RooflinePoint } from '../model/ort/proof/roofline.js';
import { defaultThreads } from '../model/ort/threads.js';
import { describeHardware, ONNXRUNTIME_VERSION, PACKAGE } from '../run/environment.js';
import { unusable, type Finding } from './finding.js';
import { DEFAULT_MODEL } from './settings.js';

/** What {@link examineMachine} finds. */
export interface MachineReport {
  readonly version: string;
  readonly onnxruntime: string;
  readonly hardware: ReturnType<typeof describeHardware>;
  /** Of the runtime, where a run names none. */
  readonly threads: number;
  readonly findings: readonly Finding[];
  /** The embedded decoder beside plain matrix products; null where it was not measured. */
  readonly roofline: readonly RooflinePoint[] | null;
}

/** Without these no run works at all. */
const REQUIRED: ReadonlySet<string> = new Set(['cpu', 'nano', 'cache', 'results']);

/** Whether a run with default settings works on the machine. */
export function canRun({ findings }: MachineReport): boolean {
  return findings.every(({ name, isUsable }) => isUsable || !REQUIRED.has(name));
}

/**
 * Tries devices, the embedded model, npm and the folders that a run writes to.
 *
 * @param clock If given, the embedded decoder is measured with it on the CPU, for half a minute.
 * @example canRun(await examineMachine(null)) // => true
 */
export async function examineMachine(clock: Clock | null): Promise<MachineReport> {
  const threads = defaultThreads();
  const hardware = describeHardware();
  const findings = [
    ...(await probeDevices()).map(deviceFinding),
    await bundleFinding(),
    npmFinding(),
    await folderFinding('cache', defaultCacheDir(), 'LLAVA_EVAL_CACHE names another folder for it'),
    await folderFinding('results', 'results', 'run elsewhere, or name a folder with --out for each run'),
  ];
  return {
    version: PACKAGE.version,
    onnxruntime: ONNXRUNTIME_VERSION,
    ...{ hardware, threads, findings },
    roofline: clock === null ? null : await embeddedRoofline(threads, clock),
  };
}

/** Prompt lengths and rounds of the measurement. */
const ROOFLINE_TOKENS = [512, 1024, 2048] as const;
const ROOFLINE_ROUNDS = 15;

async function embeddedRoofline(threads: number, clock: Clock): Promise<RooflinePoint[]> {
  const bundle = readBundle((await resolveModel(DEFAULT_MODEL, 'bundle')).path);
  const options = { device: 'cpu', dtype: 'fp32', threads } as const;
  return measureRoofline(bundle.decoder.path, options, ROOFLINE_TOKENS, ROOFLINE_ROUNDS, clock);
}

function deviceFinding({ device, isUsable, matMulMs, reason, hints }: DeviceReport): Finding {
  const speed =
    matMulMs === null ? '' : `${((2 * 1024 ** 3) / matMulMs / 1e6).toFixed(0)} GFLOP/s on a 1024³ product`;
  return { name: device, isUsable, detail: isUsable ? speed : (reason ?? 'unknown reason'), hints };
}

async function bundleFinding(): Promise<Finding> {
  const name = DEFAULT_MODEL;
  try {
    const bundle = readBundle((await resolveModel(name, 'bundle')).path);
    return { name, isUsable: true, detail: `${bundle.name} ${bundle.version}, complete`, hints: [] };
  } catch (error) {
    return unusable(name, error);
  }
}

/** npm is what fetches the packages of the default benchmark at its first use. */
function npmFinding(): Finding {
  const { file, args, shell } = npmCommand();
  const result = spawnSync(file, [...args, '--version'], { encoding: 'utf8', shell });
  return result.status === 0
    ? { name: 'npm', isUsable: true, detail: result.stdout.trim(), hints: [] }
    : {
        name: 'npm',
        isUsable: false,
        detail: 'cannot be started',
        hints: ['npm-ts-lines fetches its packages with npm at first use; other datasets do not need it'],
      };
}

async function folderFinding(name: string, path: string, wayOut: string): Promise<Finding> {
  try {
    await requireWritableFolder(path, [wayOut]);
    return { name, isUsable: true, detail: `${path} is writable`, hints: [] };
  } catch (error) {
    return unusable(name, error);
  }
}
