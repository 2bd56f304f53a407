/**
 * @file How long the first token takes, and what is saved of it.
 */

import { kindOf, pipelineInRole } from '../../../pipelines/kinds.js';
import { leastForMedian } from '../../../statistics/median-interval.js';
import { SAMPLES_FOR } from '../../../statistics/statistics.js';
import { enumerate, fixed, interval } from '../../format.js';
import { timedRows } from '../../numbers/summary.js';
import { count, word } from '../parts/cells.js';
import { atTopK, nameOf, scoredOf, type Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';
import { range } from '../parts/statements.js';

const FULL_TEXT = pipelineInRole('full-text');

export function latency({ summary, shown, records, comparisons, topK, positions }: Context): Section | null {
  const timed = timedRows(shown);
  const rows = timed.flatMap((row) => {
    const ttftMs = [...scoredOf(row, 'ttftMs', records)];
    return ttftMs.length === 0 ? [] : [{ position: positions.get(row.pipeline)!, name: nameOf(row), ttftMs }];
  });
  if (rows.length === 0) return null;
  const medians = [...new Set(shown.map(({ pipeline }) => pipeline))].flatMap((pipeline) => {
    const values = timed.flatMap((row) =>
      row.pipeline === pipeline && row.ttftMs.p50 !== null ? [row.ttftMs.p50] : [],
    );
    return values.length === 0 ? [] : [`${pipeline} ${range(values, 0)} ms`];
  });
  const reduced = [
    ...new Set(comparisons.flatMap(({ of, base }) => (base.pipeline === FULL_TEXT ? [of.pipeline] : []))),
  ];
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
      reduced.length === 0
        ? []
        : [
            {
              caption: `Reduction of TTFT against ${kindOf(FULL_TEXT).title}, paired by task`,
              columns: [
                { title: `${enumerate(reduced)} against ${FULL_TEXT}`, kind: 'text' },
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
                    word(nameOf(row, summary.spec.topK)),
                    count(pairs),
                    { text: `${fixed(p50 * 100, 1)} %`, sort: p50 },
                    word(ci95 === null ? '–' : interval([ci95[0] * 100, ci95[1] * 100], 1)),
                  ],
                ];
              }),
            },
          ],
    notes:
      reduced.length === 0
        ? []
        : [
            'The reduction is the median of the reductions of each task; it need not be the reduction of the median.',
            ...(summary.rows.some(({ ttftReductionVsFullRag: reduction }) => reduction?.ci95 === null)
              ? [`–: fewer than ${leastForMedian(0.025)} tasks have no 95 % interval of a median.`]
              : []),
          ],
  };
}
