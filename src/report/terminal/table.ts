/**
 * @file The comparison as the terminal shows it, in as many columns as there are; the one home of cli-table3.
 */

import Table from 'cli-table3';
import { fallbackNote, type DeviceProof } from '../../inference/device-proof.js';
import type { Difference } from '../../statistics/paired.js';
import type { Recovery } from '../../statistics/recovery.js';
import { leastForMedian } from '../../statistics/median-interval.js';
import { SAMPLES_FOR } from '../../statistics/statistics.js';
import { pipelineInRole, usesSoftTokens } from '../../pipelines/kinds.js';
import { hidesSuffix } from '../../prompt/fim.js';
import { configurationLabel, type Configuration } from '../../run/record.js';
import { isTimed } from '../../run/run-spec.js';
import { apart, enumerate, fixed, interval, signed, wrapped } from '../format.js';
import { labelledRows } from '../labelled-rows.js';
import { timedRows, unscored, type NoiseFloor, type Summary, type SummaryRow } from '../numbers/summary.js';
import type { Comparison } from '../numbers/verdicts.js';
import { headlineOf } from '../view/view.js';

const FULL_TEXT = pipelineInRole('full-text');
const NO_RETRIEVAL = pipelineInRole('no-retrieval');

/** Below this a median has no interval over tasks. */
const LEAST_FOR_MEDIAN = leastForMedian(0.025);

/** The numbers of a row, in order; a column that no row has anything for is left out. */
const COLUMNS: readonly {
  readonly title: string;
  readonly cell: (row: SummaryRow) => string;
  readonly isThere?: (row: SummaryRow) => boolean;
}[] = [
  {
    title: 'k',
    cell: ({ topK }) => (topK === null ? '' : String(topK)),
    isThere: ({ topK }) => topK !== null,
  },
  {
    title: 'ratio',
    cell: ({ compressionRatio }) => (compressionRatio === undefined ? '' : String(compressionRatio)),
    isThere: ({ compressionRatio }) => compressionRatio !== undefined,
  },
  { title: 'n', cell: ({ tasks }) => String(tasks.scored) },
  { title: 'EM %', cell: ({ exactMatch }) => fixed(exactMatch.mean, 2) },
  { title: 'ES %', cell: ({ editSimilarity }) => fixed(editSimilarity.mean, 2) },
  {
    title: 'nats',
    cell: ({ likelihood }) => fixed(likelihood?.perToken.mean ?? null, 3),
    isThere: ({ likelihood }) => likelihood !== null,
  },
  {
    title: 'TTFT',
    cell: ({ ttftMs }) => fixed(ttftMs?.p50 ?? null, 1),
    isThere: ({ ttftMs }) => ttftMs !== null,
  },
  {
    title: 'p90',
    cell: ({ ttftMs }) => fixed(ttftMs?.p90 ?? null, 1),
    isThere: ({ ttftMs }) => ttftMs !== null && ttftMs.p90 !== null,
  },
  {
    title: 'cold',
    cell: ({ ttftColdMs }) => fixed(ttftColdMs?.p50 ?? null, 1),
    isThere: ({ ttftColdMs }) => ttftColdMs !== null,
  },
  { title: 'tokens', cell: ({ promptTokens }) => fixed(promptTokens.mean, 0) },
];

const FRAME = {
  ...{ top: '─', 'top-mid': '─', 'top-left': '', 'top-right': '' },
  ...{ bottom: '─', 'bottom-mid': '─', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: ' ' },
};

/** A terminal that says nothing about itself. */
export const USUAL_COLUMNS = 80;
/** Longer lines are hard to read, however wide a terminal is. */
const WIDEST_TEXT = 78;

interface TableColumn {
  readonly title: string;
  readonly isNumber: boolean;
}

/** Columns that say what a row is: they stand in front of every part of a table that is too wide. */
const NAMING_COLUMNS = 2;

/**
 * A table's lines: a frame of two rules, numbers to the right. A table that is too wide becomes several with the same
 * rows.
 *
 * @param width Columns of the terminal.
 */
export function framedTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string[] {
  const draw = (shown: readonly number[]): string[] => {
    const table = new Table({
      head: shown.map((c) => columns[c]!.title),
      chars: FRAME,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
      colAligns: shown.map((c) => (columns[c]!.isNumber ? 'right' : 'left')),
    });
    for (const row of rows) table.push(shown.map((c) => row[c] ?? ''));
    return table.toString().split('\n');
  };
  const all = [...columns.keys()];
  const [names, others] = [all.slice(0, NAMING_COLUMNS), all.slice(NAMING_COLUMNS)];
  const fits = (shown: readonly number[]): boolean =>
    draw(shown).every((line) => line.trimEnd().length <= width);
  if (fits(all)) return draw(all);
  const lines: string[] = [];
  let shown: readonly number[] = names;
  for (const c of others) {
    if (shown.length > names.length && !fits([...shown, c])) {
      lines.push(...draw(shown));
      shown = names;
    }
    shown = [...shown, c];
  }
  return [...lines, ...draw(shown)];
}

/**
 * The table and what to make of it, without colour, ending in a newline.
 *
 * @param proof Where the decoder ran; null if that was not recorded.
 * @param width Columns of the terminal.
 */
export function renderTable(summary: Summary, proof: DeviceProof | null, width = USUAL_COLUMNS): string {
  const isSweep = summary.spec.topK.length > 1;
  const shown = COLUMNS.filter(
    ({ title, isThere = () => true }) => summary.rows.some(isThere) && (title !== 'k' || isSweep),
  );
  const tableOf = (numbers: typeof shown, within: number): string[] =>
    framedTable(
      [
        ...['pipeline', 'retriever'].map((title) => ({ title, isNumber: false })),
        ...numbers.map(({ title }) => ({ title, isNumber: true })),
      ],
      summary.rows.map((row) => [row.pipeline, row.retriever ?? '', ...numbers.map(({ cell }) => cell(row))]),
      within,
    );
  const fits = (numbers: typeof shown): boolean =>
    tableOf(numbers, Infinity).every((line) => line.trimEnd().length <= width);
  // Reports have the percentile as well. Without it most tables stay in one piece.
  const fewer = shown.filter(({ title }) => title !== 'p90');
  const lines = [
    ...text(headlineOf(summary), width),
    '',
    ...tableOf(!fits(shown) && fits(fewer) ? fewer : shown, width),
    ...notes(summary, width),
    ...deviceLines(proof, width),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** Text in lines that the terminal does not break. */
function text(of: string, width: number): string[] {
  return wrapped(of, Math.min(width, WIDEST_TEXT));
}

/** Only what a reader must know: nodes that ran elsewhere than on the device. */
function deviceLines(proof: DeviceProof | null, width: number): string[] {
  const note = proof === null ? null : fallbackNote(proof);
  return note === null ? [] : ['', ...text(`NOT SHOWN TO BE ON THE DEVICE: ${note}.`, width)];
}

function notes(summary: Summary, width: number): string[] {
  const remarks = [
    isTimed(summary.spec)
      ? 'Times in ms. TTFT: p50, soft tokens precomputed; cold: p50 with retrieval, tokenizing, encoding and projecting included. ' +
        'tokens: mean prompt length.'
      : 'Times were not measured (--no-timing). tokens: mean prompt length.',
    ...(summary.rows.some(({ likelihood }) => likelihood !== null)
      ? ['nats: cross entropy of the true line, a token; fewer are better.']
      : []),
  ];
  if (timedRows(summary.rows).some(({ ttftMs }) => ttftMs.p50 !== null && ttftMs.p90 === null)) {
    remarks.push(`p90 needs ${SAMPLES_FOR.p90} tasks.`);
  }
  const { softTokensPerChunk = 1 } = summary.spec;
  if (softTokensPerChunk > 1 && summary.rows.some(({ pipeline }) => usesSoftTokens(pipeline))) {
    remarks.push(`The projector gives ${softTokensPerChunk} soft tokens a chunk.`);
  }
  if (hidesSuffix(summary.decoder.promptFamily)) {
    remarks.push(
      `${summary.decoder.promptFamily} prompts: the code behind the hole is not shown to the decoder.`,
    );
  }
  if (summary.retrieverEncoder !== null) {
    remarks.push(`unixcoder retrieval uses the weights of ${summary.retrieverEncoder.name}.`);
  }
  const lines = remarks.flatMap((remark) => text(remark, width));
  if (summary.noiseFloor !== null) lines.push('', ...noiseLines(summary.noiseFloor, width));
  lines.push(...likelihoodLines(summary, width), ...comparisonLines(summary, width));
  const incomplete = unscored(summary.rows, summary.spec.topK);
  if (incomplete.length > 0) lines.push('', 'Not scored:', ...incomplete.map((line) => `  ${line}`));
  return lines;
}

function noiseLines({ ratio: { p50, ci95 }, pairs }: NoiseFloor, width: number): string[] {
  const ratio = `${fixed(p50, 3)}x`;
  return [
    ...text(
      `A/A: the same prompt timed twice differs by ${fixed(apart(p50), 1)} % (slower over faster)`,
      width,
    ),
    ...text(
      ci95 === null
        ? `(median ratio of ${pairs} pairs: ${ratio}; fewer than ${LEAST_FOR_MEDIAN} have no 95 % interval)`
        : `(median ratio of pairs, 95 % interval: ${ratio} ${interval(ci95, 3)})`,
      width - 2,
    ).map((line) => `  ${line}`),
  ];
}

/** What the pipelines differ by in the likelihood of the true line. */
function likelihoodLines({ comparisons, spec }: Summary, width: number): string[] {
  const rows = comparisons.flatMap(({ of, base, likelihood }): [string, string][] => {
    if (likelihood === null) return [];
    const { delta, ci95, verdict } = likelihood.perToken;
    return [
      [
        `${configurationLabel(of, spec.topK)} − ${base.pipeline}`,
        `${signed(delta, 3)} ${interval(ci95, 3)} ${verdict}`.replace('  ', ' '),
      ],
    ];
  });
  if (rows.length === 0) return [];
  const lines = labelledRows([''], rows, width);
  return ['', ...text('Likelihood of the true line, nats a token (fewer are better):', width), ...lines];
}

/** The comparisons, one block a base, with the word for what each shows. */
function comparisonLines({ rows, comparisons, spec, inference }: Summary, width: number): string[] {
  if (comparisons.length === 0) return [];
  const label = (row: Configuration): string => configurationLabel(row, spec.topK);
  const cell = ({ delta, ci95, verdict }: Difference): string =>
    `${signed(delta, 2)} ${interval(ci95, 1)} ${verdict}`;
  // One table for all bases, so that their columns stand below each other.
  const table = labelledRows(
    ['EM points', 'ES points'],
    comparisons.map((one) => [label(one.of), cell(one.exactMatch), cell(one.editSimilarity)]),
    width,
  );
  const isStacked = table.length === 3 * comparisons.length;
  const bases = [...new Set(comparisons.map(({ base }) => base.pipeline))];
  const lines = bases.flatMap((base) => [
    '',
    `Against ${base}:`,
    ...(isStacked ? [] : [table[0]!]),
    ...comparisons.flatMap((one, i) =>
      one.base.pipeline !== base ? [] : isStacked ? table.slice(3 * i, 3 * i + 3) : [table[i + 1]!],
    ),
  ]);
  lines.push(...reductionLines(comparisons, label, width), ...recoveryLines(rows, label, width));
  const over =
    inference.basis === 'repositories'
      ? `over ${inference.repositories} repositories`
      : `over tasks: ${inference.repositories === 1 ? 'one repository speaks' : `${inference.repositories} repositories speak`} for no other`;
  lines.push(
    '',
    ...text(`Intervals: 95 %, ${over}.`, width),
    ...text(
      `Verdicts hold for a whole column of ${comparisons.length} (corrected, 5 %); tied: none is shown.`,
      width,
    ),
  );
  return lines;
}

/** What is saved against full text. */
function reductionLines(
  comparisons: readonly Comparison[],
  label: (row: Configuration) => string,
  width: number,
): string[] {
  const reductions = comparisons.flatMap(({ of, base, ttftRatio }) =>
    base.pipeline === FULL_TEXT && ttftRatio !== null ? [{ of, ttftRatio }] : [],
  );
  if (reductions.length === 0) return [];
  const pipelines = enumerate([...new Set(reductions.map(({ of }) => of.pipeline))]);
  const isTooSmall = reductions.some(({ ttftRatio }) => ttftRatio.ci95 === null);
  const lines = labelledRows(
    [''],
    reductions.map(({ of, ttftRatio: { p50, ci95, verdict } }) => {
      const ends = ci95 === null ? '–' : interval([(1 - ci95[1]) * 100, (1 - ci95[0]) * 100], 1);
      return [label(of), `${fixed((1 - p50) * 100, 1)} % ${ends} ${verdict}`];
    }),
    width,
  );
  return [
    '',
    ...text(
      `TTFT reduction, ${pipelines} against ${FULL_TEXT} (median of the reductions of each task):`,
      width,
    ),
    ...lines,
    ...(isTooSmall
      ? text(
          `–: fewer than ${LEAST_FOR_MEDIAN} tasks have no 95 % interval of a median, so nothing is shown.`,
          width,
        )
      : []),
  ];
}

/** What is won back of the gain of full text, where it gains; nothing where no gain is shown. */
function recoveryLines(
  rows: readonly SummaryRow[],
  label: (row: Configuration) => string,
  width: number,
): string[] {
  const hasNats = rows.some(({ likelihood }) => likelihood !== null);
  const shown = rows.flatMap(({ recovery, ...row }): [string, ...string[]][] => {
    if (recovery === null) return [];
    const { exactMatch: em, editSimilarity: es, likelihood: nats } = recovery;
    if (em === null && es === null && nats === null) return [];
    return [[label(row), ...(hasNats ? [share(nats)] : []), share(em), share(es)]];
  });
  if (shown.length === 0) return [];
  return [
    '',
    ...text(`Share of the gain of ${FULL_TEXT} over ${NO_RETRIEVAL} that is won back:`, width),
    ...labelledRows([...(hasNats ? ['likelihood'] : []), 'EM', 'ES'], shown, width),
  ];
}

/** @example '52 % [31, 74]' */
function share(of: Recovery | null): string {
  return of === null ? fixed(null, 0) : `${fixed(of.percent, 0)} % ${interval(of.ci95, 0)}`;
}
