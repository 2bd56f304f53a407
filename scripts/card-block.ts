/**
 * @file The measured block of a model card, as a function of a run.
 */

import { markdownTable } from '../bench/page.js';
import type { Difference } from '../src/statistics/paired.js';
import type { Recovery } from '../src/statistics/recovery.js';
import type { PipelineName } from '../src/pipelines/kinds.js';
import { fixed, interval, pValue, signed } from '../src/report/format.js';
import { summarizeRun } from '../src/report/numbers/summarize-run.js';
import type { Summary, SummaryRow } from '../src/report/numbers/summary.js';
import { renderTable } from '../src/report/terminal/table.js';
import type { Comparison } from '../src/report/numbers/verdicts.js';
import type { FinishedRun } from '../src/run/finished-run.js';

/** What the method must show on this benchmark, and what the paper has for its decoder of 1.5 billion parameters. */
const TARGETS = {
  gainPoints: 3,
  recoveredEm: { least: 50, paper: 34 },
  recoveredEs: { least: 80, paper: 76 },
  ttftReduction: 38,
} as const;

interface Finding {
  readonly target: string;
  readonly measured: string;
  readonly interval: string;
  readonly isReached: boolean;
}

/**
 * The table of the run as printed, and what it shows.
 *
 * @param retriever The one that the findings are about.
 * @throws {RangeError} If the run lacks a row that a finding needs.
 */
export function cardBlock({ run, records }: FinishedRun, retriever: string): string {
  const summary = summarizeRun(run, records);
  const { hardware, spec } = run;
  const findings = findingsOf(summary, retriever);
  const reached = findings.filter(({ isReached }) => isReached).length;
  return [
    `\`llava-eval run\` on ${summary.dataset.tasks} tasks of \`${spec.dataset.id}\`, top-k ${summary.spec.topK.join(', ')}, seed ` +
      `${spec.seed}; ${hardware.cpu}, ${hardware.cores} logical cores, ${spec.threads} threads, Node ${hardware.node}; ` +
      `run ${summary.fingerprint.slice(0, 12)}, decoder ${summary.decoder.identity.slice(0, 12)}.`,
    '',
    '```',
    renderTable(summary, run.deviceProof).trimEnd(),
    '```',
    '',
    `What it must show, with the retriever ${retriever}: ${reached} of ${findings.length} reached.`,
    '',
    markdownTable([
      ['target', 'measured', '95 % interval', 'reached'],
      ...findings.map((one) => [one.target, one.measured, one.interval, one.isReached ? 'yes' : '**no**']),
    ]),
  ].join('\n');
}

function findingsOf(summary: Summary, retriever: string): Finding[] {
  const rowOf = (pipeline: PipelineName): SummaryRow => {
    const row = summary.rows.filter((one) => one.pipeline === pipeline && one.retriever === retriever).at(-1);
    if (row === undefined) throw new RangeError(`the run has no row ${pipeline}/${retriever}`);
    return row;
  };
  const [full, soft, random] = [rowOf('full-rag'), rowOf('compressed'), rowOf('compressed-random')];
  const comparison = (of: SummaryRow, base: PipelineName): Comparison => {
    const found = summary.comparisons.find(
      (one) =>
        one.of.pipeline === of.pipeline &&
        one.of.retriever === retriever &&
        one.of.topK === of.topK &&
        one.base.pipeline === base,
    );
    if (found === undefined) throw new RangeError(`the run does not compare ${of.pipeline} with ${base}`);
    return found;
  };
  const gain = comparison(full, 'no-context').exactMatch;
  const es = comparison(soft, 'no-context').editSimilarity;
  const noise = comparison(random, 'no-context');
  const reduction = soft.ttftReductionVsFullRag;
  const reductionPercent = reduction === null ? null : reduction.p50 * 100;
  const ends = reduction?.ci95 ?? null;
  return [
    {
      target: `full-rag − no-context ≥ +${TARGETS.gainPoints.toFixed(1)} EM points`,
      ...points(gain, 'EM'),
      isReached: (gain.delta ?? 0) >= TARGETS.gainPoints,
    },
    {
      target: 'compressed − no-context > 0 in ES, p < 0.05',
      ...points(es, 'ES', `, ${pValue(es.pClustered)}`),
      isReached: (es.delta ?? 0) > 0 && (es.pClustered ?? 1) < 0.05,
    },
    recovered('EM', soft.recovery?.exactMatch ?? null, TARGETS.recoveredEm),
    recovered('ES', soft.recovery?.editSimilarity ?? null, TARGETS.recoveredEs),
    {
      target: 'random soft vectors recover none: compressed-random − no-context not above 0',
      measured: [noise.exactMatch, noise.editSimilarity]
        .map(({ delta }, m) => `${signed(delta, 2)} ${m === 0 ? 'EM' : 'ES'}`)
        .join(', '),
      interval: [noise.exactMatch, noise.editSimilarity].map(({ ci95 }) => interval(ci95, 2)).join(', '),
      isReached: isNotAbove(noise.exactMatch) && isNotAbove(noise.editSimilarity),
    },
    {
      target: `TTFT reduction against full-rag ≥ ${TARGETS.ttftReduction} %`,
      measured: `${fixed(reductionPercent, 1)} %`,
      interval: interval(ends === null ? null : [ends[0] * 100, ends[1] * 100], 1),
      isReached: (reductionPercent ?? 0) >= TARGETS.ttftReduction,
    },
  ];
}

function points(
  { delta, ci95 }: Difference,
  metric: string,
  more = '',
): Pick<Finding, 'measured' | 'interval'> {
  return { measured: `${signed(delta, 2)} ${metric}${more}`, interval: interval(ci95, 2) };
}

function recovered(
  metric: string,
  share: Recovery | null,
  { least, paper }: { readonly least: number; readonly paper: number },
): Finding {
  return {
    target: `compressed recovers ≥ ${least} % of the ${metric} gain of full-rag (the paper's 1.5B: ${paper} %)`,
    measured: share === null ? '– (no gain is shown)' : `${fixed(share.percent, 0)} %`,
    interval: interval(share?.ci95 ?? null, 0),
    isReached: share !== null && share.percent >= least,
  };
}

/** Nothing above zero is shown: the interval reaches zero or lies below it. */
function isNotAbove({ delta, ci95 }: Difference): boolean {
  return ci95 === null ? (delta ?? 0) <= 0 : ci95[0] <= 0;
}
