/**
 * @file What `doctor` found, as text for the terminal.
 */

import type { MachineReport } from '../../comparison/doctor.js';

type RooflinePoint = NonNullable<MachineReport['roofline']>[number];

/** A line a finding, what to do below those that are missing, and the roofline if it was measured. */
export function renderMachine({ version, onnxruntime, hardware, threads, ...found }: MachineReport): string {
  const { cpu, cores, memoryGiB, platform, node } = hardware;
  return [
    `llava-eval ${version}, onnxruntime ${onnxruntime}, Node ${node}, ${platform}`,
    `${cpu}, ${cores} logical cores, ${memoryGiB} GiB; runs use ${threads} threads by default`,
    '',
    ...found.findings.flatMap(({ name, isUsable, detail, hints }) => [
      `${isUsable ? 'ok     ' : 'missing'}  ${name.padEnd(8)} ${detail}`,
      ...hints.map((hint) => `                  ${hint}`),
    ]),
    '',
    ...(found.roofline === null ? [] : rooflineLines(found.roofline, threads)),
  ].join('\n');
}

const WIDTHS = [6, 12, 16, 17, 8] as const;

function rooflineLines(points: readonly RooflinePoint[], threads: number): string[] {
  const cells = (values: readonly string[]): string =>
    values.map((value, i) => value.padStart(WIDTHS[i]!)).join('');
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
