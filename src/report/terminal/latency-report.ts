/**
 * @file What a run with `--latency-only` found, for the terminal in 80 columns and as `report.md`.
 */

import { leastForMedian } from '../../statistics/median-interval.js';
import { fallbackNote, type DeviceProof } from '../../inference/device-proof.js';
import type { Measure } from '../../run/latency.js';
import type { LatencyRun } from '../../run/latency-json.js';
import { pipelineInRole } from '../../pipelines/kinds.js';
import type { Ratio } from '../../statistics/paired.js';
import { fixed, interval, wrapped } from '../format.js';
import { markdownTable } from '../markdown-table.js';
import { rowsByMeasure, type LatencyRow, type LatencySummary } from '../numbers/latency-summary.js';
import { framedTable, USUAL_COLUMNS } from './table.js';

/** Below this the sign test has no interval. */
const LEAST_ROUNDS = leastForMedian(0.025);

interface Sheet {
  readonly title: string;
  readonly columns: readonly { readonly title: string; readonly isNumber: boolean }[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * The tables and what to make of them, without colour, ending in a newline.
 *
 * @param width Columns of the terminal.
 */
export function renderLatencyTable(run: LatencyRun, summary: LatencySummary, width = USUAL_COLUMNS): string {
  const remarks = notes(run, summary);
  const lines = [
    ...facts(run, summary),
    ...sheets(run, summary).flatMap(({ title, columns, rows }) => [
      '',
      title,
      ...framedTable(columns, rows, width),
    ]),
    ...(width >= USUAL_COLUMNS
      ? remarks
      : paragraphs(remarks).flatMap((paragraph) => ['', ...wrapped(paragraph, width)])),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** The same as a document; a function of its arguments alone. */
export function renderLatencyReport(run: LatencyRun, summary: LatencySummary): string {
  const { hardware, git, startedAt, finishedAt, fingerprint } = run;
  return [
    `# Time to first token of ${run.decoder.name}`,
    '',
    ...facts(run, summary),
    '',
    ...sheets(run, summary).flatMap(({ title, columns, rows }) => [
      `## ${title}`,
      '',
      ...markdownTable(columns, rows),
      '',
    ]),
    '## How to read this',
    '',
    ...paragraphs(notes(run, summary)).map((text) => `- ${text}`),
    '',
    '## Environment',
    '',
    `- ${hardware.cpu}, ${hardware.cores} logical cores, ${hardware.memoryGiB} GiB, ${hardware.platform}`,
    `- Node ${hardware.node}, onnxruntime ${run.spec.program.onnxruntime}, llava-eval ${run.spec.program.version}`,
    ...(git === null ? [] : [`- commit ${git.commit}${git.isDirty ? ', with changes' : ''}`]),
    `- ${startedAt} to ${finishedAt ?? '(not finished)'}; fingerprint ${fingerprint.slice(0, 12)}`,
    '',
  ].join('\n');
}

function facts({ decoder, spec, deviceProof }: LatencyRun, { rounds }: LatencySummary): string[] {
  const { graphics } = deviceProof;
  const where = graphics.length === 0 ? spec.device : `${spec.device} (${graphics.join('; ')})`;
  const threads = spec.device === 'cpu' ? `, ${spec.threads} thread${spec.threads === 1 ? '' : 's'}` : '';
  const weights = decoder.hasRandomWeights ? 'random weights' : 'its own weights';
  const done =
    rounds === spec.rounds
      ? `${rounds} round${rounds === 1 ? '' : 's'}`
      : `${rounds} of ${spec.rounds} rounds`;
  return [`${decoder.name}, ${weights}`, `on ${where} in ${spec.dtype}${threads}; ${done}`];
}

const TITLES: Readonly<Record<Measure, (maxNewTokens: number) => string>> = {
  'first-token': () => 'First token only',
  line: (maxNewTokens) => `Line of ${maxNewTokens} tokens`,
};

function sheets({ spec }: LatencyRun, summary: LatencySummary): Sheet[] {
  const hasPaper = summary.rows.some(({ paperReduction }) => paperReduction !== null);
  return rowsByMeasure(summary).map(([measure, rows]) => {
    const title = TITLES[measure](spec.maxNewTokens);
    const number = (name: string) => ({ title: name, isNumber: true });
    const head = [number('tokens'), { title: 'pipeline', isNumber: false }, number('TTFT ms')];
    const paper = hasPaper ? [number('paper %')] : [];
    const paperCell = (row: LatencyRow): string[] => (hasPaper ? [percent(row.paperReduction)] : []);
    const common = (row: LatencyRow): string[] => [
      String(row.promptTokens),
      row.pipeline,
      fixed(row.ttftMs, 1),
    ];
    switch (measure) {
      case 'first-token':
        return {
          title,
          columns: [...head, { title: 'saved %', isNumber: false }, number('linear %'), ...paper],
          rows: rows.map((row) => [
            ...common(row),
            saved(row.ttftRatio),
            percent(row.linearReduction),
            ...paperCell(row),
          ]),
        };
      case 'line':
        return {
          title,
          columns: [
            ...head,
            { title: 'saved %', isNumber: false },
            ...paper,
            number('ms/token'),
            number('line ms'),
            { title: 'saved %', isNumber: false },
          ],
          rows: rows.map((row) => [
            ...common(row),
            savedShort(row.ttftRatio),
            ...paperCell(row),
            fixed(row.tokenMs, 2),
            fixed(row.lineMs, 1),
            savedShort(row.lineRatio),
          ]),
        };
    }
  });
}

/** @example '20.1 [19.8, 20.3] better'; '' for the base itself */
function saved(ratio: Ratio | null): string {
  if (ratio === null) return '';
  const { p50, ci95, verdict } = ratio;
  const ends = ci95 === null ? null : ([(1 - ci95[1]) * 100, (1 - ci95[0]) * 100] as const);
  return `${fixed((1 - p50) * 100, 1)} ${interval(ends, 1)} ${verdict}`.replace('  ', ' ');
}

/** Where two ratios share a row; intervals are in `latency.json`. @example '20.1', '0.3 tied' */
function savedShort(ratio: Ratio | null): string {
  if (ratio === null) return '';
  return `${fixed((1 - ratio.p50) * 100, 1)}${ratio.verdict === 'tied' ? ' tied' : ''}`;
}

function percent(fraction: number | null): string {
  return fraction === null ? '' : fixed(fraction * 100, 1);
}

/** Lines of at most 80 characters; an empty one between two subjects. */
function notes(run: LatencyRun, { rows, noiseFloor, rounds }: LatencySummary): string[] {
  const lines = [
    '',
    'TTFT: embedding lookup and prefill, until the id of the first token is on the',
    'host; medians over rounds. Soft tokens are ready, nothing is retrieved or',
    `tokenized. saved: against ${pipelineInRole('full-text')} of the same group, median of the ratios`,
    'within rounds, 95 % interval of the sign test over rounds of this machine;',
    'tied: not beyond what A/A and chance make.',
    'linear: what would be saved if time were proportional to length.',
  ];
  if (rows.some(({ measure }) => measure === 'line')) {
    lines.push('', 'The first table drops the KV cache; the second keeps it and decodes from it.');
  }
  if (rows.some(({ paperReduction }) => paperReduction !== null)) {
    lines.push('', 'paper: arXiv 2510.19644, transformers on an A100, dtype and spread not stated.');
  }
  if (rounds < LEAST_ROUNDS) {
    lines.push('', `Fewer than ${LEAST_ROUNDS} rounds have no 95 % interval: nothing is shown (tied).`);
  }
  const floors = Object.entries(noiseFloor).map(([measure, { p50, ci95 }]) =>
    `${measure} ${fixed(p50, 3)}x ${interval(ci95, 3)}`.trimEnd(),
  );
  lines.push('', 'A/A, the first prompt timed twice a round (ratio of the two):', `  ${floors.join('; ')}`);
  lines.push('', ...proofLines(run.deviceProof));
  return lines;
}

/** What proves where the decoder ran, wrapped for the terminal. */
export function proofLines(proof: DeviceProof): string[] {
  const fallback = fallbackNote(proof);
  if (fallback !== null) return wrapped(`NOT SHOWN TO BE ON THE DEVICE: ${fallback}.`);
  if (proof.source === 'server') {
    return wrapped('Device: a server runs the decoder. Request, network and answer are in the times.');
  }
  if (proof.source === 'only-provider') return [`Device: ${proof.device}, the only provider of the session.`];
  const counts = proof.stages.map(
    ({ stage, providers }) => `${providers.reduce((sum, { nodes }) => sum + nodes, 0)} of a ${stage}`,
  );
  return wrapped(
    `Device: every graph node ran on ${proof.device} (${counts.join(', ')}; profile of the runtime).`,
  );
}

/** Blocks of lines as one line each. */
function paragraphs(lines: readonly string[]): string[] {
  return lines
    .join('\n')
    .split(/\n{2,}/)
    .map((block) => block.trim().replace(/\s+/g, (gap) => (gap.includes('\n') ? ' ' : gap)))
    .filter((block) => block !== '');
}
