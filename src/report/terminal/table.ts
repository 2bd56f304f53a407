/**
 * @file The comparison as the terminal shows it, in 80 columns; the one home of cli-table3.
 */

import Table from 'cli-table3';
import { fallbackNote, type DeviceProof } from '../../inference/device-proof.js';
import type { Difference } from '../../statistics/paired.js';
import type { Recovery } from '../../statistics/recovery.js';
import { SAMPLES_FOR } from '../../statistics/statistics.js';
import { pipelineInRole, usesSoftTokens } from '../../pipelines/kinds.js';
import { configurationLabel, type Configuration } from '../../run/record.js';
import { enumerate, fixed, interval, signed, wrapped } from '../format.js';
import { unscored, type Summary, type SummaryRow } from '../numbers/summary.js';

const FULL_TEXT = pipelineInRole('full-text');
const NO_RETRIEVAL = pipelineInRole('no-retrieval');

const HEAD = ['n', 'EM %', 'ES %', 'TTFT p50', 'p90', 'cold', 'tokens'];

const FRAME = {
  ...{ top: '─', 'top-mid': '─', 'top-left': '', 'top-right': '' },
  ...{ bottom: '─', 'bottom-mid': '─', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: ' ' },
};

/** A table's lines: a frame of two rules, numbers to the right. */
export function framedTable(
  columns: readonly { readonly title: string; readonly isNumber: boolean }[],
  rows: readonly (readonly string[])[],
): string[] {
  const table = new Table({
    head: columns.map(({ title }) => title),
    chars: FRAME,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
    colAligns: columns.map(({ isNumber }) => (isNumber ? 'right' : 'left')),
  });
  for (const row of rows) table.push([...row]);
  return table.toString().split('\n');
}

/**
 * The table and what to make of it, without colour, ending in a newline.
 *
 * @param proof Where the decoder ran; null if that was not recorded.
 */
export function renderTable(summary: Summary, proof: DeviceProof | null): string {
  const isSweep = summary.spec.topK.length > 1;
  const hasRatios = summary.spec.compressionRatio !== undefined;
  const numbers = [...(isSweep ? ['k'] : []), ...(hasRatios ? ['ratio'] : []), ...HEAD];
  const columns = [
    ...['pipeline', 'retriever'].map((title) => ({ title, isNumber: false })),
    ...numbers.map((title) => ({ title, isNumber: true })),
  ];
  const rows = summary.rows.map((row) => [
    row.pipeline,
    row.retriever ?? '',
    ...(isSweep ? [row.topK === null ? '' : String(row.topK)] : []),
    ...(hasRatios ? [row.compressionRatio === undefined ? '' : String(row.compressionRatio)] : []),
    String(row.tasks.scored),
    fixed(row.exactMatch.mean, 2),
    fixed(row.editSimilarity.mean, 2),
    fixed(row.ttftMs.p50, 1),
    fixed(row.ttftMs.p90, 1),
    fixed(row.ttftColdMs.p50, 1),
    fixed(row.promptTokens.mean, 0),
  ]);
  const lines = [...framedTable(columns, rows), ...notes(summary), ...deviceLines(proof)];
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** Only what a reader must know: nodes that ran elsewhere than on the device. */
function deviceLines(proof: DeviceProof | null): string[] {
  const note = proof === null ? null : fallbackNote(proof);
  return note === null ? [] : ['', ...wrapped(`NOT SHOWN TO BE ON THE DEVICE: ${note}.`)];
}

function notes(summary: Summary): string[] {
  const lines = [
    'Times in ms. TTFT: soft tokens precomputed; cold: p50 with retrieval,',
    'tokenizing, encoding and projecting included. tokens: mean prompt length.',
  ];
  if (summary.rows.some((row) => row.ttftMs.p50 !== null && row.ttftMs.p90 === null)) {
    lines.push(`p90 needs ${SAMPLES_FOR.p90} tasks.`);
  }
  const { softTokensPerChunk = 1 } = summary.spec;
  if (softTokensPerChunk > 1 && summary.rows.some(({ pipeline }) => usesSoftTokens(pipeline))) {
    lines.push(`The projector gives ${softTokensPerChunk} soft tokens a chunk.`);
  }
  if (summary.decoder.promptFamily === 'prefix-only') {
    lines.push('prefix-only prompts: the code behind the hole is not shown to the decoder.');
  }
  if (summary.retrieverEncoder !== null) {
    lines.push(`unixcoder retrieval uses the weights of ${summary.retrieverEncoder.name}.`);
  }
  if (summary.noiseFloor !== null) {
    const { p50, ci95 } = summary.noiseFloor.ratio;
    const percent = fixed(Math.abs(p50 - 1) * 100, 1);
    const ratio = `${fixed(p50, 3)}x ${interval(ci95, 3)}`.trimEnd();
    lines.push(
      '',
      `A/A: the same prompt timed twice differs by ${percent} %`,
      `  (median ratio of pairs, 95 % interval: ${ratio})`,
    );
  }
  lines.push(...comparisonLines(summary));
  const incomplete = unscored(summary.rows, summary.spec.topK);
  if (incomplete.length > 0) lines.push('', 'Not scored:', ...incomplete.map((line) => `  ${line}`));
  return lines;
}

/** The comparisons, one block a base, with the word for what each shows. */
function comparisonLines({ rows, comparisons, spec, inference }: Summary): string[] {
  if (comparisons.length === 0) return [];
  const label = (row: Configuration): string => configurationLabel(row, spec.topK);
  const width = Math.max(...comparisons.map(({ of }) => label(of).length));
  const cell = ({ delta, ci95, verdict }: Difference): string =>
    `${signed(delta, 2)} ${interval(ci95, 1)} ${verdict}`;
  const cells = comparisons.map((one) => cell(one.exactMatch));
  const emWidth = Math.max(...cells.map((text) => text.length), 2);
  const bases = [...new Set(comparisons.map(({ base }) => base.pipeline))];
  const lines = bases.flatMap((base) => [
    '',
    `Against ${base}:`,
    `  ${''.padEnd(width)}  ${'EM points'.padEnd(emWidth)}  ES points`,
    ...comparisons.flatMap((one, i) =>
      one.base.pipeline === base
        ? [`  ${label(one.of).padEnd(width)}  ${cells[i]!.padEnd(emWidth)}  ${cell(one.editSimilarity)}`]
        : [],
    ),
  ]);
  const reductions = comparisons.filter(({ base }) => base.pipeline === FULL_TEXT);
  if (reductions.length > 0) {
    const pipelines = enumerate([...new Set(reductions.map(({ of }) => of.pipeline))]);
    lines.push('', `TTFT reduction, ${pipelines} against ${FULL_TEXT} (median of pairs):`);
    for (const { of, ttftRatio } of reductions) {
      const { p50, ci95, verdict } = ttftRatio;
      const percent = ci95 === null ? null : ([(1 - ci95[1]) * 100, (1 - ci95[0]) * 100] as const);
      lines.push(
        `  ${label(of).padEnd(width)}  ${fixed((1 - p50) * 100, 1)} % ${interval(percent, 1)} ${verdict}`,
      );
    }
  }
  lines.push(...recoveryLines(rows, label, width));
  const over =
    inference.basis === 'repositories'
      ? `over ${inference.repositories} repositories`
      : `over tasks: ${inference.repositories === 1 ? 'one repository speaks' : `${inference.repositories} repositories speak`} for no other`;
  lines.push(
    '',
    `Intervals: 95 %, ${over}.`,
    `Verdicts hold for a whole column of ${comparisons.length} (Holm, 5 %); tied: none is shown.`,
  );
  return lines;
}

/** What is won back of the gain of full text, where it gains; nothing where no gain is shown. */
function recoveryLines(
  rows: readonly SummaryRow[],
  label: (row: Configuration) => string,
  width: number,
): string[] {
  const shown = rows.flatMap((row) => {
    const { exactMatch: em, editSimilarity: es } = row.recovery ?? { exactMatch: null, editSimilarity: null };
    return em === null && es === null ? [] : [{ name: label(row), em: share(em), es: share(es) }];
  });
  if (shown.length === 0) return [];
  const emWidth = Math.max(...shown.map(({ em }) => em.length), 2);
  return [
    '',
    `Share of the gain of ${FULL_TEXT} over ${NO_RETRIEVAL} that is won back:`,
    `  ${''.padEnd(width)}  ${'EM'.padEnd(emWidth)}  ES`,
    ...shown.map(({ name, em, es }) => `  ${name.padEnd(width)}  ${em.padEnd(emWidth)}  ${es}`),
  ];
}

/** @example '52 % [31, 74]' */
function share(of: Recovery | null): string {
  return of === null ? fixed(null, 0) : `${fixed(of.percent, 0)} % ${interval(of.ci95, 0)}`;
}
