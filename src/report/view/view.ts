/**
 * @file A run as a reader meets it: verdict, sections with tables and charts, caveats, environment.
 *
 * A pure function of what the run left on disk. `markdown.ts` and `html/` write the same view in two
 * languages and add no number of their own.
 */

import { signTestInterval } from '../../statistics/median-interval.js';
import type { Difference, Estimate, Verdict } from '../../statistics/paired.js';
import { extraScoresOf } from '../../metrics/registry.js';
import type { Recovery } from '../../statistics/recovery.js';
import { mean, SAMPLES_FOR } from '../../statistics/statistics.js';
import type { PipelineName } from '../../pipelines/pipeline.js';
import {
  configurationLabel,
  isSameConfiguration,
  type Configuration,
  type ScoredRecord,
  type TaskRecord,
} from '../../run/record.js';
import type { RunJson } from '../../run/run-json.js';
import { caveats } from './caveats.js';
import { BAR_STAGES } from '../charts/palette.js';
import type { ChartInput } from '../charts/charts.js';
import { qualityAt } from '../numbers/equal-latency.js';
import { fixed, interval, pValue, signed } from '../format.js';
import { change, claims, headline, range, retrieverStatement } from './statements.js';
import type { Summary, SummaryRow } from '../numbers/summary.js';
import type { Comparison } from '../numbers/verdicts.js';

export interface Cell {
  readonly text: string;
  /** What the column is sorted by; null for nothing, which stands last. */
  readonly sort: number | string | null;
  readonly verdict?: Verdict;
}

export interface Column {
  readonly title: string;
  readonly kind: 'text' | 'number';
  /** Which direction is good. */
  readonly better?: 'higher' | 'lower';
}

export interface Table {
  /** What the table is, for those who hear it read. */
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** For a list of contents. */
  readonly short: string;
  readonly intro: readonly string[];
  readonly charts: readonly ChartInput[];
  readonly tables: readonly Table[];
  readonly notes: readonly string[];
}

export interface ReportView {
  readonly title: string;
  /** What was run, in one line. */
  readonly facts: readonly string[];
  /** The sentence on top. */
  readonly headline: string;
  /** One a retriever. */
  readonly statements: readonly { readonly subject: string; readonly text: string }[];
  readonly sections: readonly Section[];
  readonly caveats: readonly string[];
  readonly environment: readonly { readonly name: string; readonly value: string }[];
}

/** Builds the view. */
export function reportView(summary: Summary, run: RunJson, records: readonly TaskRecord[]): ReportView {
  // Of a sweep, the sentences and the charts of single configurations are about the largest top-k.
  const topK = summary.topK.at(-1) ?? null;
  const shown = summary.rows.filter((row) => row.topK === null || row.topK === topK);
  const ordered = [...records].sort((a, b) => (a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : 0));
  const comparisons = inReadingOrder(summary.comparisons.filter(({ of }) => of.topK === topK));
  const context: Context = { summary, shown, records: ordered, comparisons, topK };
  const subject: PipelineName = shown.some(({ pipeline }) => pipeline === 'compressed')
    ? 'compressed'
    : 'full-rag';
  const own = comparisons.filter(({ of }) => of.pipeline === subject);
  const retrievers = [...new Set(own.flatMap(({ of }) => of.retriever ?? []))];
  return {
    title: `${summary.dataset.id}: ${summary.decoder.name}`,
    facts: facts(summary),
    headline: own.length > 0 ? headline(own) : 'One pipeline was run; there is nothing to compare.',
    statements: retrievers.map((retriever) => ({
      subject: `${subject}/${retriever}`,
      text: retrieverStatement(own.filter(({ of }) => of.retriever === retriever)),
    })),
    sections: [
      overview(context),
      tradeOff(context, subject),
      equalLatency(context),
      recovered(context),
      latency(context),
      stages(context),
      differences(context),
      identifiers(context),
      crossFile(context),
      noiseFloor(context),
    ].flatMap((section) => section ?? []),
    caveats: caveats(summary, run, shown, own),
    environment: environment(summary, run),
  };
}

interface Context {
  readonly summary: Summary;
  /** The rows at the largest top-k. */
  readonly shown: readonly SummaryRow[];
  /** By task id. */
  readonly records: readonly TaskRecord[];
  readonly comparisons: readonly Comparison[];
  readonly topK: number | null;
}

function facts(summary: Summary): string[] {
  return [
    `${summary.dataset.tasks} tasks`,
    summary.topK.length === 0 ? 'no retrieval' : `top-k ${summary.topK.join(', ')}`,
    `context ${summary.contextPlacement}`,
    `${summary.device} ${summary.dtype}`,
    `seed ${summary.seed}`,
    `run ${summary.fingerprint.slice(0, 12)}`,
  ];
}

function overview({ summary }: Context): Section {
  const { rows } = summary;
  const lower = { kind: 'number', better: 'lower' } as const;
  const higher = { kind: 'number', better: 'higher' } as const;
  const columns: readonly (Column & { readonly cell: (row: SummaryRow) => Cell })[] = [
    { title: 'pipeline', kind: 'text', cell: (row) => word(row.pipeline) },
    { title: 'retriever', kind: 'text', cell: (row) => word(row.retriever ?? '') },
    ...(summary.topK.length > 1
      ? [{ title: 'k', kind: 'number' as const, cell: (row: SummaryRow) => count(row.topK) }]
      : []),
    { title: 'n', kind: 'number', cell: (row) => count(row.tasks.scored) },
    { title: 'EM %', ...higher, cell: (row) => estimate(row.exactMatch) },
    { title: 'ES %', ...higher, cell: (row) => estimate(row.editSimilarity) },
    { title: 'TTFT p50 ms', ...lower, cell: (row) => number(row.ttftMs.p50, 1) },
    // A percentile that no row has enough tasks for has no column.
    ...(['p90', 'p95', 'p99'] as const)
      .filter((percentile) => rows.some((row) => row.ttftMs[percentile] !== null))
      .map((percentile) => ({
        title: percentile,
        ...lower,
        cell: (row: SummaryRow) => number(row.ttftMs[percentile], 1),
      })),
    { title: 'cold p50 ms', ...lower, cell: (row) => number(row.ttftColdMs.p50, 1) },
    { title: 'prompt tokens', kind: 'number', cell: (row) => number(row.promptTokens.mean, 0) },
  ];
  return {
    id: 'overview',
    title: 'Quality and latency',
    short: 'Overview',
    intro: [],
    charts: [],
    tables: [
      {
        caption: 'Quality and latency of every configuration, with 95 % intervals',
        columns: columns.map(({ title, kind, better }) => ({
          ...{ title, kind },
          ...(better === undefined ? {} : { better }),
        })),
        rows: rows.map((row) => columns.map(({ cell }) => cell(row))),
      },
    ],
    notes: [
      'TTFT runs from handing over the prompt, soft tokens precomputed as an editor would keep them, to the first ' +
        'token id on the host. Cold TTFT adds retrieval, tokenizing, encoding and projecting.',
      `A percentile is given where the sample supports it: p90 from ${SAMPLES_FOR.p90} tasks, p95 from ` +
        `${SAMPLES_FOR.p95}, p99 from ${SAMPLES_FOR.p99}.`,
    ],
  };
}

/** Quality against latency. */
function tradeOff({ summary, comparisons, records }: Context, subject: PipelineName): Section | null {
  const points = summary.rows.flatMap((row) => {
    const { exactMatch: em, editSimilarity: es, ttftMs } = row;
    if (em.mean === null || es.mean === null || ttftMs.p50 === null) return [];
    const ttft = scoredOf(row, records).map((record) => record.timing.ttftMs);
    return [
      {
        pipeline: row.pipeline,
        retriever: row.retriever,
        topK: row.topK,
        ttft: { p50: ttftMs.p50, ci95: signTestInterval(Float64Array.from(ttft).sort(), 0.025) },
        es: { mean: es.mean, ci95: es.ci95 },
        em: { mean: em.mean, ci95: em.ci95 },
      },
    ];
  });
  if (points.length < 2) return null;
  const own = comparisons.filter(({ of }) => of.pipeline === subject);
  const first = own[0];
  const claim =
    first === undefined
      ? 'Quality against time to first token'
      : claimAgainst(own.filter(({ base }) => base.pipeline === first.base.pipeline));
  return {
    id: 'trade-off',
    title: 'Quality against latency',
    short: 'Trade-off',
    intro: [],
    charts: [
      {
        kind: 'pareto',
        id: 'pareto',
        title: claim,
        note: 'Up and to the left is better. Bars are 95 % intervals.',
        points,
      },
    ],
    tables: [],
    notes: [],
  };
}

function claimAgainst(comparisons: readonly Comparison[]): string {
  const { of, base } = comparisons[0]!;
  return `${of.pipeline} against ${base.pipeline}: ${claims(comparisons)}`;
}

/** What text scores when it has to be as fast as soft tokens. */
function equalLatency({ summary, comparisons, shown }: Context): Section | null {
  const measured = comparisons.filter(
    ({ of, base }) => of.pipeline === 'compressed' && base.pipeline === 'budget-rag',
  );
  const estimated = shown.flatMap((row) =>
    row.pipeline === 'compressed' ? (interpolated(row, summary) ?? []) : [],
  );
  if (measured.length === 0 && estimated.length === 0) return null;
  const tables: Table[] = [];
  if (measured.length > 0) {
    tables.push({
      caption: 'compressed against budget-rag',
      columns: [
        { title: 'compressed − budget-rag', kind: 'text' },
        { title: 'tasks', kind: 'number' },
        { title: 'EM points', kind: 'number' },
        { title: 'ES points', kind: 'number' },
        { title: 'TTFT', kind: 'number' },
      ],
      rows: measured.map((comparison) => [
        word(comparison.of.retriever ?? ''),
        count(comparison.pairs),
        difference(comparison.exactMatch),
        difference(comparison.editSimilarity),
        ttftChange(comparison),
      ]),
    });
  }
  if (estimated.length > 0) {
    tables.push({
      caption: 'compressed against the curve of text over top-k, interpolated at the TTFT of compressed',
      columns: [
        { title: 'retriever', kind: 'text' },
        { title: 'TTFT p50 ms', kind: 'number' },
        { title: 'EM %, compressed', kind: 'number' },
        { title: 'EM %, text', kind: 'number' },
        { title: 'ES %, compressed', kind: 'number' },
        { title: 'ES %, text', kind: 'number' },
      ],
      rows: estimated,
    });
  }
  return {
    id: 'equal-latency',
    title: 'Quality at equal latency',
    short: 'Equal latency',
    intro: [
      ...(measured.length > 0
        ? [
            'budget-rag is text RAG cut to the prompt length of compressed, so that both are equally fast and only ' +
              'quality is left to differ.',
          ]
        : []),
      ...(estimated.length > 0
        ? [
            'The curve of text goes through no-context and full-rag at every top-k of the sweep; between its points ' +
              'quality is taken to grow in proportion to TTFT. An estimate, without an interval.',
          ]
        : []),
    ],
    charts: [],
    tables,
    notes: estimated.some((row) => row.some(({ sort }) => sort === null))
      ? ['–: nothing of the curve of text is as fast.']
      : [],
  };
}

/** How much of the gain of text is left after compressing it, and whether noise would do as well. */
function recovered({ summary, comparisons }: Context): Section | null {
  const rows = summary.rows.filter((row) => row.recovery !== null);
  if (rows.length === 0) return null;
  const controls = comparisons.filter(({ base }) => base.pipeline === 'compressed-random');
  return {
    id: 'recovery',
    title: 'How much of the gain of text is won back',
    short: 'Won back',
    intro: [
      'Of what full-rag gains over no-context, with the same retriever: 100 % is all of it, 0 % nothing.',
      ...(controls.length === 0
        ? []
        : [
            'compressed-random has the soft tokens of random vectors: what it wins back is not owed to what was ' +
              'retrieved, and what compressed has above it is.',
          ]),
    ],
    charts: [],
    tables: [
      {
        caption: 'Share of the gain of full-rag over no-context that is won back, with 95 % intervals',
        columns: [
          { title: 'configuration', kind: 'text' },
          { title: 'EM', kind: 'number', better: 'higher' },
          { title: 'ES', kind: 'number', better: 'higher' },
        ],
        rows: rows.map((row) => [
          word(configurationLabel(row, summary.topK)),
          share(row.recovery?.exactMatch ?? null),
          share(row.recovery?.editSimilarity ?? null),
        ]),
      },
    ],
    notes: rows.some(({ recovery }) => recovery?.exactMatch === null || recovery?.editSimilarity === null)
      ? ['–: no gain of full-rag is shown in this metric, so that there is nothing to win back.']
      : [],
  };
}

function interpolated(row: SummaryRow, summary: Summary): Cell[][] | null {
  const text = summary.rows.filter(
    (other) =>
      other.pipeline === 'no-context' || (other.pipeline === 'full-rag' && other.retriever === row.retriever),
  );
  // A curve needs two points with retrieval at least: a sweep.
  if (text.filter(({ pipeline }) => pipeline === 'full-rag').length < 2) return null;
  const ttft = row.ttftMs.p50;
  if (ttft === null) return null;
  const at = (read: (other: SummaryRow) => number | null): number | null =>
    qualityAt(
      text.flatMap((other) => {
        const quality = read(other);
        return quality === null || other.ttftMs.p50 === null ? [] : [{ ttftMs: other.ttftMs.p50, quality }];
      }),
      ttft,
    );
  return [
    [
      word(row.retriever ?? ''),
      number(ttft, 1),
      number(row.exactMatch.mean, 2),
      number(
        at((other) => other.exactMatch.mean),
        2,
      ),
      number(row.editSimilarity.mean, 2),
      number(
        at((other) => other.editSimilarity.mean),
        2,
      ),
    ],
  ];
}

function latency({ summary, shown, records, comparisons, topK }: Context): Section | null {
  const rows = shown.flatMap((row) => {
    const ttftMs = scoredOf(row, records).map((record) => record.timing.ttftMs);
    return ttftMs.length === 0 ? [] : [{ pipeline: row.pipeline, name: nameOf(row), ttftMs }];
  });
  if (rows.length === 0) return null;
  const medians = [...new Set(shown.map(({ pipeline }) => pipeline))].flatMap((pipeline) => {
    const values = shown.flatMap((row) =>
      row.pipeline === pipeline && row.ttftMs.p50 !== null ? [row.ttftMs.p50] : [],
    );
    return values.length === 0 ? [] : [`${pipeline} ${range(values, 0)} ms`];
  });
  const reductions = comparisons.filter(
    ({ of, base }) => base.pipeline === 'full-rag' && of.pipeline === 'compressed',
  );
  return {
    id: 'latency',
    title: 'Time to first token',
    short: 'TTFT',
    intro: [],
    charts: [
      {
        kind: 'latency',
        id: 'ttft',
        title: `Median TTFT: ${medians.join(', ')}`,
        note: `${atTopK(summary, topK)}Soft tokens precomputed. Box: middle half of the tasks${rows.some(({ ttftMs }) => ttftMs.length >= SAMPLES_FOR.p90) ? '; line: p10 to p90' : ''}.`,
        rows,
      },
    ],
    tables:
      reductions.length === 0
        ? []
        : [
            {
              caption: 'Reduction of TTFT against full RAG, paired by task',
              columns: [
                { title: 'compressed against full-rag', kind: 'text' },
                { title: 'pairs', kind: 'number' },
                { title: 'reduction of TTFT', kind: 'number', better: 'higher' },
                { title: '95 % interval', kind: 'text' },
              ],
              rows: summary.rows.flatMap((row) => {
                const reduction = row.ttftReductionVsFullRag;
                if (reduction === null) return [];
                const { p50, ci95, pairs } = reduction;
                return [
                  [
                    word(nameOf(row, summary.topK)),
                    count(pairs),
                    { text: `${fixed(p50 * 100, 1)} %`, sort: p50 },
                    word(interval(ci95 === null ? null : [ci95[0] * 100, ci95[1] * 100], 1)),
                  ],
                ];
              }),
            },
          ],
    notes: [],
  };
}

function stages({ summary, shown, records, topK }: Context): Section | null {
  const rows = shown.flatMap((row) => {
    const timings = scoredOf(row, records).map(({ timing }) => timing);
    if (timings.length === 0) return [];
    const average = (read: (timing: ScoredRecord['timing']) => number): number => mean(timings.map(read))!;
    return [
      {
        row,
        name: nameOf(row),
        meanMs: {
          retrieve: average((timing) => timing.retrieveMs),
          tokenize: average((timing) => timing.tokenizeMs),
          encode: average((timing) => timing.encodeMs),
          project: average((timing) => timing.projectMs),
          prefill: average((timing) => timing.ttftMs),
        },
      },
    ];
  });
  if (rows.length === 0) return null;
  const soft = rows.filter(({ row }) => row.pipeline === 'compressed');
  const shares = soft.map(({ meanMs }) => {
    const total = BAR_STAGES.reduce((sum, stage) => sum + meanMs[stage], 0);
    return ((meanMs.encode + meanMs.project) / total) * 100;
  });
  return {
    id: 'stages',
    title: 'Where the time goes',
    short: 'Stages',
    intro: [],
    charts: [
      {
        kind: 'stages',
        id: 'stages',
        title:
          soft.length === 0
            ? 'Mean time by stage, warm and cold'
            : `Making soft tokens takes ${range(shares, 0)} % of a cold compressed; precomputed, it takes nothing`,
        note: `${atTopK(summary, topK)}Warm: soft tokens precomputed. Cold: every stage for this task alone.`,
        rows: rows.map(({ name, meanMs }) => ({ name, meanMs })),
      },
    ],
    tables: [
      {
        caption: 'Mean milliseconds by stage, and tokens',
        columns: [
          { title: 'configuration', kind: 'text' },
          ...(['retrieve', 'tokenize', 'encode', 'project', 'warm TTFT', 'cold TTFT'] as const).map(
            (title) => ({ title, kind: 'number', better: 'lower' }) as const,
          ),
          { title: 'chunks', kind: 'number' },
          { title: 'generated tokens', kind: 'number' },
        ],
        rows: rows.map(({ row, name, meanMs }) => [
          word(name),
          ...BAR_STAGES.map((stage) => number(meanMs[stage], 2)),
          number(row.ttftColdMs.mean, 2),
          number(row.chunks.mean, 1),
          number(row.generatedTokens.mean, 1),
        ]),
      },
    ],
    notes: ['Means, so that stages add up; warm TTFT is prompt embedding and prefill.'],
  };
}

/** Every comparison, by retriever. */
function differences({ summary, comparisons, topK }: Context): Section | null {
  if (comparisons.length === 0) return null;
  const retrievers = [...new Set(comparisons.flatMap(({ of }) => of.retriever ?? []))];
  const point = (
    value: number | null,
    ci95: readonly [number, number] | null,
    verdict: Verdict,
  ): { value: number; low: number; high: number; isShown: boolean } | null =>
    value === null
      ? null
      : { value, low: ci95?.[0] ?? value, high: ci95?.[1] ?? value, isShown: verdict !== 'tied' };
  const shownCount = comparisons.filter(
    ({ exactMatch, editSimilarity }) => exactMatch.verdict !== 'tied' || editSimilarity.verdict !== 'tied',
  ).length;
  return {
    id: 'retrievers',
    title: 'Comparisons by retriever',
    short: 'Comparisons',
    intro: [],
    charts: [
      {
        kind: 'differences',
        id: 'retrievers',
        title:
          shownCount === 0
            ? `No difference in quality is shown in any of ${comparisons.length} comparisons`
            : `A difference in quality is shown in ${shownCount} of ${comparisons.length} comparisons`,
        note: `${atTopK(summary, topK)}Paired by task, 95 % intervals. Filled: shown, after correction. Hollow: tied.`,
        panels: [
          { title: 'ES, points', better: 'higher' },
          { title: 'EM, points', better: 'higher' },
          { title: 'TTFT, %', better: 'lower' },
        ],
        groups: retrievers.map((retriever) => ({
          title: retriever,
          rows: comparisons
            .filter(({ of }) => of.retriever === retriever)
            .map((comparison) => {
              const { of, base, editSimilarity: es, exactMatch: em } = comparison;
              const { percent, ci95 } = change(comparison);
              return {
                pipeline: of.pipeline,
                name: `${of.pipeline} − ${base.pipeline}`,
                points: [
                  point(es.delta, es.ci95, es.verdict),
                  point(em.delta, em.ci95, em.verdict),
                  point(percent, ci95, comparison.ttftRatio.verdict),
                ],
              };
            }),
        })),
      },
    ],
    tables: [
      {
        caption: 'Paired differences with 95 % intervals',
        columns: [
          { title: 'comparison', kind: 'text' },
          { title: 'tasks', kind: 'number' },
          { title: 'EM points', kind: 'number' },
          { title: 'ES points', kind: 'number' },
          { title: 'TTFT', kind: 'number' },
        ],
        rows: comparisons.map((comparison) => [
          word(comparisonName(comparison)),
          count(comparison.pairs),
          difference(comparison.exactMatch),
          difference(comparison.editSimilarity),
          ttftChange(comparison),
        ]),
      },
      {
        caption: 'Tests, and the smallest difference that as much data finds with 80 % probability',
        columns: [
          { title: 'comparison', kind: 'text' },
          { title: 'EM, exact McNemar', kind: 'number' },
          { title: 'EM, corrected', kind: 'number' },
          { title: 'ES, corrected', kind: 'number' },
          { title: 'TTFT, corrected', kind: 'number' },
          { title: 'detectable EM points', kind: 'number' },
          { title: 'ES points', kind: 'number' },
          { title: 'TTFT %', kind: 'number' },
        ],
        rows: comparisons.map((comparison) => {
          const { exactMatch: em, editSimilarity: es, ttftRatio: ttft } = comparison;
          return [
            word(comparisonName(comparison)),
            test(em.p),
            test(em.pAdjusted),
            test(es.pAdjusted),
            test(ttft.pAdjusted),
            number(em.detectable, 1),
            number(es.detectable, 1),
            number(ttft.detectable === null ? null : ttft.detectable * 100, 1),
          ];
        }),
      },
    ],
    notes: [
      `Corrected p-values hold for all ${summary.comparisons.length} comparisons of a metric together (Holm); verdicts are ` +
        'made from them at 5 %. McNemar takes tasks as independent and is not corrected.',
    ],
  };
}

/** What CrossCodeEval's profiles add to EM and ES. */
function identifiers({ summary }: Context): Section | null {
  const scores = extraScoresOf(summary.metricProfile);
  const rows = summary.rows.flatMap(({ extras, ...row }) =>
    extras === undefined
      ? []
      : [
          [
            word(configurationLabel(row, summary.topK)),
            ...scores.map(({ name }) => number(extras[name] ?? null, 2)),
          ],
        ],
  );
  if (rows.length === 0) return null;
  return {
    id: 'identifiers',
    title: 'Identifiers',
    short: 'Identifiers',
    intro: [`As ${summary.metricProfile} compares them: equal lists for EM, sets for the others.`],
    charts: [],
    tables: [
      {
        caption: 'Identifiers of completions against those of references, in percent',
        columns: [
          { title: 'configuration', kind: 'text' },
          ...scores.map(({ title }): Column => ({
            title,
            kind: 'number',
            better: 'higher',
          })),
        ],
        rows,
      },
    ],
    notes: [],
  };
}

function crossFile({ summary }: Context): Section | null {
  if (summary.crossFileRows.length === 0) return null;
  const tasks = Math.max(...summary.crossFileRows.map((row) => row.tasks.total));
  return {
    id: 'cross-file',
    title: 'Lines that use an identifier of another file',
    short: 'Cross-file',
    intro: [
      `${tasks} of ${summary.dataset.tasks} tasks: those in which the line to be completed uses an identifier that is ` +
        'declared in another file of the repository, where retrieval can help most.',
    ],
    charts: [],
    tables: [
      {
        caption: 'Quality on lines that use an identifier of another file',
        columns: [
          { title: 'configuration', kind: 'text' },
          { title: 'n', kind: 'number' },
          { title: 'EM %', kind: 'number', better: 'higher' },
          { title: 'ES %', kind: 'number', better: 'higher' },
          { title: 'EM against no-context', kind: 'number' },
          { title: 'ES against no-context', kind: 'number' },
        ],
        rows: summary.crossFileRows.map((row) => [
          word(configurationLabel(row, summary.topK)),
          count(row.tasks.scored),
          estimate(row.exactMatch),
          estimate(row.editSimilarity),
          row.vsNoContext === null ? word('') : difference(row.vsNoContext.exactMatch),
          row.vsNoContext === null ? word('') : difference(row.vsNoContext.editSimilarity),
        ]),
      },
    ],
    notes: [],
  };
}

function noiseFloor({ summary }: Context): Section | null {
  const floor = summary.noiseFloor;
  if (floor === null) return null;
  const { p50, ci95 } = floor.ratio;
  return {
    id: 'noise',
    title: 'Noise of the clock',
    short: 'Noise',
    intro: [
      `Each task timed its prompt of ${configurationLabel(floor.configuration, summary.topK)} twice, in two places of ` +
        `the random order. Over ${floor.pairs} pairs the second timing is ${fixed(p50, 3)} times the first ` +
        `${interval(ci95, 3)}. A difference of TTFT within this interval is noise and is called tied.`,
    ],
    charts: [],
    tables: [],
    notes: [],
  };
}

function environment(summary: Summary, run: RunJson): ReportView['environment'] {
  const { hardware, spec, git, models } = run;
  const commit = git === null ? '' : `, commit ${git.commit.slice(0, 12)}${git.isDirty ? ' (modified)' : ''}`;
  const short = (identity: string): string => identity.slice(0, 12);
  const licences = [...new Set(run.data.map(({ licence }) => licence ?? 'licence not stated'))];
  return [
    {
      name: 'Program',
      value: `llava-eval ${spec.program.version}${commit}, ONNX Runtime ${spec.program.onnxruntime}`,
    },
    { name: 'Machine', value: `${hardware.cpu}, ${hardware.cores} logical cores, ${hardware.memoryGiB} GiB` },
    { name: 'System', value: `${hardware.platform}, Node ${hardware.node}` },
    { name: 'Device', value: `${summary.device}, ${summary.dtype}, ${spec.threads} threads` },
    { name: 'Decoder', value: `${summary.decoder.name} (${short(summary.decoder.identity)})` },
    ...(summary.encoder === null
      ? []
      : [{ name: 'Encoder', value: `${summary.encoder.name} (${short(summary.encoder.identity)})` }]),
    ...(summary.retrieverEncoder === null
      ? []
      : [
          {
            name: 'Retriever encoder',
            value: `${summary.retrieverEncoder.name} (${short(summary.retrieverEncoder.identity)})`,
          },
        ]),
    {
      name: 'Models',
      value: models.sources
        .map(({ role, reference, origin }) =>
          origin === null ? `${role} ${reference}` : `${role} ${origin.id} at ${origin.commit.slice(0, 12)}`,
        )
        .join(', '),
    },
    {
      name: 'Data',
      value: `${summary.dataset.id} (${short(summary.dataset.contentHash)}), ${spec.dataset.taskCount} tasks; ${licences.join(', ')}`,
    },
    {
      name: 'Prompt',
      value:
        `${spec.maxPromptTokens} tokens with ${spec.maxNewTokens} new ones, ${spec.contextTokens} more for text of ` +
        `other files, context ${spec.contextPlacement}`,
    },
    { name: 'Profiles', value: `metrics ${summary.metricProfile}, retrieval ${summary.retrievalProfile}` },
    {
      name: 'Timing',
      value: `${spec.ttftRepeats} timed prefill${spec.ttftRepeats === 1 ? '' : 's'} a task and configuration, seed ${summary.seed}`,
    },
    { name: 'Started', value: run.startedAt },
    { name: 'Finished', value: run.finishedAt ?? 'not finished' },
    { name: 'Fingerprint', value: summary.fingerprint },
  ];
}

/** Of a run with several top-k, which one is shown. */
function atTopK(summary: Summary, topK: number | null): string {
  return summary.topK.length > 1 ? `Top-k ${topK}. ` : '';
}

function nameOf(row: Configuration, topKs: readonly number[] = []): string {
  return configurationLabel(row, topKs).replace('/', ' · ');
}

/** What a reader asks first, first: retriever by retriever, `compressed` against the other kinds of retrieval. */
function inReadingOrder(comparisons: readonly Comparison[]): Comparison[] {
  const retrievers = [...new Set(comparisons.map(({ of }) => of.retriever))];
  const asked = [
    'compressed full-rag',
    'compressed budget-rag',
    'compressed no-context',
    'compressed compressed-random',
  ];
  const rank = ({ of, base }: Comparison): number => {
    const at = asked.indexOf(`${of.pipeline} ${base.pipeline}`);
    return retrievers.indexOf(of.retriever) * 10 + (at === -1 ? asked.length : at);
  };
  return [...comparisons].sort((a, b) => rank(a) - rank(b));
}

/** The base without the retriever that both share. */
function comparisonName({ of, base }: Comparison): string {
  return `${configurationLabel(of, [])} − ${base.pipeline}`;
}

function scoredOf(configuration: Configuration, records: readonly TaskRecord[]): ScoredRecord[] {
  return records.flatMap((record) =>
    record.status === 'scored' && isSameConfiguration(record, configuration) ? [record] : [],
  );
}

function word(text: string): Cell {
  return { text, sort: text };
}

function count(value: number | null): Cell {
  return { text: value === null ? '' : String(value), sort: value };
}

function number(value: number | null, digits: number): Cell {
  return { text: fixed(value, digits), sort: value };
}

function test(p: number | null): Cell {
  return { text: p === null ? '–' : pValue(p).replace('p = ', '').replace('p < ', '< '), sort: p };
}

function estimate({ mean: value, ci95 }: Estimate): Cell {
  return { text: `${fixed(value, 2)} ${interval(ci95, 2)}`.trimEnd(), sort: value };
}

function difference(of: Difference): Cell {
  return {
    text: `${signed(of.delta, 2)} ${interval(of.ci95, 2)}`.trimEnd(),
    sort: of.delta,
    verdict: of.verdict,
  };
}

function share(of: Recovery | null): Cell {
  if (of === null) return { text: fixed(null, 0), sort: null };
  return { text: `${fixed(of.percent, 0)} % ${interval(of.ci95, 0)}`, sort: of.percent };
}

function ttftChange(comparison: Comparison): Cell {
  const { percent, ci95 } = change(comparison);
  return {
    text: `${signed(percent, 1)} % ${interval(ci95, 1)}`.trimEnd(),
    sort: percent,
    verdict: comparison.ttftRatio.verdict,
  };
}
