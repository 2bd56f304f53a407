/**
 * @file Every comparison, by retriever.
 */

import type { Verdict } from '../../../statistics/paired.js';
import { count, difference, number, testResult, ttftChange, word } from '../parts/cells.js';
import { atTopK, comparisonName, type Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';
import { change } from '../parts/statements.js';

export function differences({ summary, comparisons, topK, positions }: Context): Section | null {
  if (comparisons.length === 0) return null;
  const retrievers = [...new Set(comparisons.map(({ of }) => of.retriever))];
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
          title: retriever ?? 'no retriever',
          rows: comparisons
            .filter(({ of }) => of.retriever === retriever)
            .map((comparison) => {
              const { of, base, editSimilarity: es, exactMatch: em } = comparison;
              const { percent, ci95 } = change(comparison);
              return {
                position: positions.get(of.pipeline)!,
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
            testResult(em.p),
            testResult(em.pAdjusted),
            testResult(es.pAdjusted),
            testResult(ttft.pAdjusted),
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
