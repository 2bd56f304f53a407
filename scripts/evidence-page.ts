/**
 * @file The tables of docs/evidence.md and the first one of the README, functions of the files in `results/published` alone.
 */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { markdownTable, withBlock } from '../bench/page.js';
import { writeAtomically } from '../src/files/atomic-file.js';
import { pipelineInRole } from '../src/pipelines/kinds.js';
import { fixed, interval, signed } from '../src/report/format.js';
import type { SummaryRow } from '../src/report/numbers/summary.js';
import type { Comparison } from '../src/report/numbers/verdicts.js';
import { configurationLabel, isSameConfiguration, type Configuration } from '../src/run/record.js';
import type { Difference } from '../src/statistics/paired.js';
import { readPublished, type Published } from './evidence-runs.js';

export const EVIDENCE_PAGE = fileURLToPath(new URL('../docs/evidence.md', import.meta.url));

export const README = fileURLToPath(new URL('../README.md', import.meta.url));

const BASE = pipelineInRole('no-retrieval');

/** What the README shows, of the first decoder that has the first of them. */
const README_RUNS = ['text-after-suffix', 'compressed-after-suffix', 'retrievers-after-suffix'] as const;
const README_TIMES = ['timed', 'compressed-timed'] as const;
const README_BLOCK = 'evidence';

/** Renews the block of every published decoder, and the README's table. */
export async function writeEvidencePage(): Promise<void> {
  await writeAtomically(EVIDENCE_PAGE, withTables(await readFile(EVIDENCE_PAGE, 'utf8')));
  await writeAtomically(README, withReadmeTable(await readFile(README, 'utf8')));
}

/** The README with one row for each pipeline and retriever behind the suffix. */
export function withReadmeTable(readme: string): string {
  for (const runs of readPublished().values()) {
    const shown = README_RUNS.flatMap((name) => runs.get(name) ?? []);
    if (!runs.has(README_RUNS[0])) continue;
    const timed = README_TIMES.flatMap((name) => runs.get(name) ?? []);
    return withBlock(readme, README_BLOCK, shortTable(shown, timed));
  }
  return readme;
}

/**
 * Each pipeline and retriever once, from the first run that has it: all runs answer the same tasks.
 *
 * @param timed The runs that say what a pipeline costs.
 */
function shortTable(runs: readonly Published[], timed: readonly Published[]): string {
  const shown = new Set<string>();
  const rows = runs.flatMap(({ summary: { rows, comparisons, attributions } }) =>
    rows.flatMap((row) => {
      if (shown.has(label(row))) return [];
      shown.add(label(row));
      const versus = versusBase(row, comparisons);
      const split = attributions.find(({ of }) => isSameConfiguration(of, row));
      return [
        [
          label(row),
          fixed(row.promptTokens.mean, 0),
          fixed(row.likelihood?.perToken.mean ?? null, 3),
          difference(versus?.likelihood?.perToken, 3),
          difference(split?.own.likelihood?.perToken, 3),
          fixed(row.exactMatch.mean, 1),
          fixed(row.editSimilarity.mean, 1),
          ...(timed.length === 0
            ? []
            : [timed.map((run) => timesBase(row, run)).find((text) => text !== '') ?? '']),
        ],
      ];
    }),
  );
  return markdownTable([
    [
      ...['', 'prompt tokens', 'nats a token', 'less no-context', 'due to these chunks', 'EM %', 'ES %'],
      ...(timed.length === 0 ? [] : ['TTFT, times no-context']),
    ],
    ...rows,
  ]);
}

/** The page with the tables of what is published; a decoder that is new has its block at the end. */
export function withTables(page: string): string {
  return [...readPublished()].reduce((so, [name, runs]) => {
    const has = so.includes(`<!-- BEGIN ${name} -->`);
    const whole = has ? so : `${so}\n## ${name}\n\n<!-- BEGIN ${name} -->\n<!-- END ${name} -->\n`;
    return withBlock(whole, name, [...runs.values()].map((published) => sectionOf(published)).join('\n\n'));
  }, page);
}

function sectionOf(published: Published): string {
  const { title, summary } = published;
  const { spec, dataset, fingerprint } = summary;
  const isTimed = summary.rows.some(({ ttftMs }) => ttftMs !== null);
  const settings =
    `${dataset.tasks} tasks, ${spec.dtype}, ${spec.device}, at most ${spec.maxPromptTokens} tokens around the hole and to ` +
    `write, ${spec.contextTokens} of retrieved text, run \`${fingerprint.slice(0, 12)}\`.`;
  const tables = isTimed
    ? [timesTable(published)]
    : [
        qualityTable(published),
        otherBasesTable(published),
        attributionTable(published),
        partsTable(published),
      ];
  return [`### ${title}`, settings, ...tables.filter((table) => table !== null)].join('\n\n');
}

const label = (configuration: Configuration): string => configurationLabel(configuration, []);

/** The comparison of a row with `no-context`; undefined for that row itself. */
function versusBase(of: Configuration, comparisons: readonly Comparison[]): Comparison | undefined {
  return comparisons.find((one) => one.base.pipeline === BASE && isSameConfiguration(one.of, of));
}

function qualityTable({ summary: { rows, comparisons } }: Published): string {
  return markdownTable([
    [
      '',
      'prompt tokens',
      'nats a token',
      'less no-context',
      'EM %',
      'less no-context',
      'ES %',
      'less no-context',
    ],
    ...rows.map((row) => {
      const versus = versusBase(row, comparisons);
      return [
        label(row),
        fixed(row.promptTokens.mean, 0),
        estimate(row.likelihood?.perToken ?? null, 3),
        difference(versus?.likelihood?.perToken, 3),
        estimate(row.exactMatch, 1),
        difference(versus?.exactMatch, 1),
        estimate(row.editSimilarity, 1),
        difference(versus?.editSimilarity, 1),
      ];
    }),
  ]);
}

/** The comparisons with other pipelines than `no-context`. */
function otherBasesTable({ summary: { comparisons } }: Published): string | null {
  const others = comparisons.filter(({ base }) => base.pipeline !== BASE);
  if (others.length === 0) return null;
  return markdownTable([
    ['', 'nats a token', 'EM, points', 'ES, points'],
    ...others.map(({ of, base, likelihood, exactMatch, editSimilarity }) => [
      `${label(of)} less ${label(base)}`,
      difference(likelihood?.perToken, 3),
      difference(exactMatch, 1),
      difference(editSimilarity, 1),
    ]),
  ]);
}

/** What the retrieved text does, split by the control that shows another task's chunks. */
function attributionTable({ summary: { attributions } }: Published): string | null {
  if (attributions.length === 0) return null;
  return markdownTable([
    ['nats a token', 'in all', 'due to these chunks', 'due to any chunks'],
    ...attributions.map(({ of, total, own, presence }) => [
      label(of),
      difference(total.likelihood?.perToken, 3),
      difference(own.likelihood?.perToken, 3),
      difference(presence.likelihood?.perToken, 3),
    ]),
  ]);
}

/** Where it helps and where it harms: the nats less `no-context`, part of the tasks by part. */
function partsTable({ parts }: Published): string | null {
  const [first] = parts;
  if (first === undefined) return null;
  return markdownTable([
    ['nats less no-context', 'tasks', ...first.comparisons.map(({ of }) => label(of))],
    ...parts.map(({ part, tasks, comparisons }) => [
      part,
      String(tasks),
      ...first.comparisons.map(({ of }) => difference(versusBase(of, comparisons)?.likelihood?.perToken, 3)),
    ]),
  ]);
}

/** First token in times of that of `no-context`; empty where the run has no such row. */
function timesBase(of: Configuration, { summary: { comparisons } }: Published): string {
  const ratio = versusBase(of, comparisons)?.ttftRatio ?? null;
  return ratio === null ? '' : `${fixed(ratio.p50, 2)} ${interval(ratio.ci95, 2)}`.trimEnd();
}

function timesTable(published: Published): string {
  const { rows, noiseFloor } = published.summary;
  const times = markdownTable([
    ['', 'prompt tokens', 'TTFT p50 ms', 'cold p50 ms', 'times no-context'],
    ...rows.map((row: SummaryRow) => [
      label(row),
      fixed(row.promptTokens.mean, 0),
      fixed(row.ttftMs?.p50 ?? null, 0),
      fixed(row.ttftColdMs?.p50 ?? null, 0),
      timesBase(row, published),
    ]),
  ]);
  if (noiseFloor === null) return times;
  const { p50, ci95 } = noiseFloor.ratio;
  return `${times}\n\nThe same prompt timed twice: ${fixed(p50, 3)} ${interval(ci95, 3)}.`;
}

function estimate(
  of: { readonly mean: number | null; readonly ci95: readonly [number, number] | null } | null,
  digits: number,
): string {
  return of === null ? '' : `${fixed(of.mean, digits)} ${interval(of.ci95, digits)}`.trimEnd();
}

/** Bold where it is shown after correction for the whole column. */
function difference(of: Difference | undefined, digits: number): string {
  if (of === undefined) return '';
  const text = `${signed(of.delta, digits)} ${interval(of.ci95, digits)}`.trimEnd();
  return of.verdict === 'tied' ? text : `**${text}**`;
}
