/**
 * @file `llava-eval doctor`: what this machine can run, and what is missing for the rest.
 */

import { spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { defaultCacheDir } from '../../files/cache-dir.js';
import { npmCommand } from '../../datasets/npm/npm-pack.js';
import { EXIT, messageOf, UserError } from '../../domain/errors.js';
import { resolveModel } from '../../hub/resolve.js';
import { readBundle } from '../../model/folder/bundle.js';
import { probeDevices, type DeviceReport } from '../../model/ort/probe.js';
import { measureRoofline, type RooflinePoint } from '../../model/ort/proof/roofline.js';
import { defaultThreads } from '../../model/ort/threads.js';
import { describeHardware, ONNXRUNTIME_VERSION, PACKAGE } from '../../run/environment.js';
import { assertWritable } from '../../run/run-folder.js';
import type { Shell } from '../terminal/shell.js';

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
    .option(
      '--bench',
      'measure how much of the matrix product the embedded decoder gets, on the CPU: half a minute',
    )
    .option('--json', 'print one JSON object')
    .action(async (flags: { readonly bench?: true; readonly json?: true }) => {
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
      const roofline = flags.bench === true ? await embeddedRoofline(threads, shell) : null;
      if (flags.json === true) {
        const versions = { version: PACKAGE.version, onnxruntime: ONNXRUNTIME_VERSION };
        shell.stdout.write(`${JSON.stringify({ ...versions, hardware, threads, findings, roofline })}\n`);
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
            ...(roofline === null ? [] : rooflineLines(roofline, threads)),
          ].join('\n'),
        );
      }
      const canRun = findings.every(({ name, isUsable }) => isUsable || !REQUIRED.has(name));
      shell.exit(canRun ? EXIT.done : EXIT.unusable);
    });
}

/** Prompt lengths and rounds of `--bench`. */
const BENCH_TOKENS = [512, 1024, 2048] as const;
const BENCH_ROUNDS = 15;

async function embeddedRoofline(threads: number, shell: Shell): Promise<RooflinePoint[]> {
  const bundle = readBundle((await resolveModel('nano', 'bundle')).path);
  const options = { device: 'cpu', dtype: 'fp32', threads } as const;
  return measureRoofline(bundle.decoder.path, options, BENCH_TOKENS, BENCH_ROUNDS, shell.clock);
}

function rooflineLines(points: readonly RooflinePoint[], threads: number): string[] {
  const cells = (values: readonly string[]): string =>
    values.map((value, i) => value.padStart([6, 12, 16, 17, 8][i]!)).join('');
  return [
    `Roofline: nano in fp32 on the CPU, ${threads} threads, beside plain MatMuls of its own shapes`,
    cells(['tokens', 'prefill ms', 'MatMul GFLOP/s', 'prefill GFLOP/s', 'share']),
    ...points.map(({ tokens, prefillMs, matMulGflops, prefillGflops, share }) =>
      cells([
        String(tokens),
        prefillMs.toFixed(1),
        matMulGflops.toFixed(0),
        prefillGflops.toFixed(0),
        `${(100 * share).toFixed(0)} %`,
      ]),
    ),
    'share: operations a second, attention included, against those of the MatMuls alone;',
    'docs/performance.md has an idle machine of two cores to compare with.',
    '',
  ];
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
