/**
 * @file `llava-eval doctor`: what this machine can run, and what is missing for the rest.
 */

import { spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { defaultCacheDir } from '../../datasets/cache-dir.js';
import { npmCommand } from '../../datasets/npm-pack.js';
import { EXIT, messageOf, UserError } from '../../domain/errors.js';
import { resolveModel } from '../../hub/resolve.js';
import { readBundle } from '../../model/bundle.js';
import { probeDevices, type DeviceReport } from '../../model/ort/probe.js';
import { defaultThreads } from '../../model/ort/threads.js';
import { describeHardware, ONNXRUNTIME_VERSION, PACKAGE } from '../../run/environment.js';
import { assertWritable } from '../../run/run-folder.js';
import type { Shell } from '../shell.js';

/** One finding: usable or not, and if not, what to do. */
interface Finding {
  readonly name: string;
  readonly isUsable: boolean;
  readonly detail: string;
  readonly hints: readonly string[];
}

/** Registers the command. */
export function registerDoctor(program: Command, shell: Shell): void {
  program
    .command('doctor')
    .summary('what this machine can run, and what is missing for the rest')
    .option('--json', 'print one JSON object')
    .action(async (flags: { readonly json?: true }) => {
      const hardware = describeHardware();
      const devices = await probeDevices();
      const findings = [
        ...devices.map(deviceFinding),
        await bundleFinding(),
        npmFinding(),
        await folderFinding('cache', defaultCacheDir()),
        await folderFinding('results', 'results'),
      ];
      const threads = defaultThreads();
      if (flags.json === true) {
        const versions = { version: PACKAGE.version, onnxruntime: ONNXRUNTIME_VERSION };
        shell.stdout.write(`${JSON.stringify({ ...versions, hardware, threads, findings })}\n`);
      } else {
        const { cpu, cores, memoryGiB, platform, node } = hardware;
        shell.stdout.write(
          [
            `llava-eval ${PACKAGE.version}, onnxruntime ${ONNXRUNTIME_VERSION}, Node ${node}, ${platform}`,
            `${cpu}, ${cores} logical cores, ${memoryGiB} GiB; runs use ${threads} threads by default`,
            '',
            ...findings.flatMap(({ name, isUsable, detail, hints }) => [
              `${isUsable ? 'ok     ' : 'missing'}  ${name.padEnd(8)} ${detail}`,
              ...hints.map((hint) => `                  ${hint}`),
            ]),
            '',
          ].join('\n'),
        );
      }
      const canRun = findings.every(({ name, isUsable }) => isUsable || !REQUIRED.has(name));
      shell.exit(canRun ? EXIT.done : EXIT.unusable);
    });
}

/** Without these `llava-eval run` cannot work at all. */
const REQUIRED: ReadonlySet<string> = new Set(['cpu', 'nano', 'cache', 'results']);

function deviceFinding({ device, isUsable, matMulMs, reason, hints }: DeviceReport): Finding {
  const speed =
    matMulMs === null ? '' : `${((2 * 1024 ** 3) / matMulMs / 1e6).toFixed(0)} GFLOP/s on a 1024³ product`;
  return { name: device, isUsable, detail: isUsable ? speed : (reason ?? 'unknown reason'), hints };
}

async function bundleFinding(): Promise<Finding> {
  try {
    const bundle = readBundle((await resolveModel('nano', 'bundle')).path);
    return { name: 'nano', isUsable: true, detail: `${bundle.name} ${bundle.version}, complete`, hints: [] };
  } catch (error) {
    const hints = error instanceof UserError ? error.hints : [];
    return { name: 'nano', isUsable: false, detail: messageOf(error), hints };
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

async function folderFinding(name: string, path: string): Promise<Finding> {
  try {
    await assertWritable(path);
    return { name, isUsable: true, detail: `${path} is writable`, hints: [] };
  } catch (error) {
    return { name, isUsable: false, detail: messageOf(error), hints: [] };
  }
}
