/**
 * @file Every comparison, by retriever.
 */

import type { Ratio, Verdict } from '../../../statistics/paired.js';
import { count, dataNeeded, difference, number, testResult, ttftChange, word } from '../parts/cells.js';
import { atTopK, comparisonName, type Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';
import { change } from '../parts/statements.js';

export function differences(context: Context): Section | null {
  const { summary, comparisons, topK, positions } = context;
  if (comparisons.length === 0) return null;
  const hasNats = comparisons.some(({ likelihood }) => likelihood !== null);
  const hasTimes = comparisons.some(({ ttftRatio }) => ttftRatio !== null);
  const retrievers = [...new Set(comparisons.map(({ of }) => of.retriever))];
  const point = (
    value: number | null,
    ci95: readonly [number, number] | null,
    verdict: Verdict,
  ): { value: number; low: number; high: number; isShown: boolean } | null =>
    value === null
      ? null
      : { value, low: ci95?.[0] ?? value, high: ci95?.[1] ?? value, isShown: verdict !== 'tied' };
  const changeOfTtft = (ratio: Ratio | null): ReturnType<typeof point> => {
    if (ratio === null) return null;
    const { percent, ci95 } = change(ratio);
    return point(percent, ci95, ratio.verdict);
  };
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
          ...(hasTimes ? [{ title: 'TTFT, %, log scale', better: 'lower', scale: 'change' } as const] : []),
        ],
        groups: retrievers.map((retriever) => ({
          title: retriever ?? 'no retriever',
          rows: comparisons
            .filter(({ of }) => of.retriever === retriever)
            .map((comparison) => {
              const { of, base, editSimilarity: es, exactMatch: em, ttftRatio } = comparison;
              return {
                position: positions.get(of.pipeline)!,
                name: `${of.pipeline} − ${base.pipeline}`,
                points: [
                  point(es.delta, es.ci95, es.verdict),
                  point(em.delta, em.ci95, em.verdict),
                  ...(hasTimes ? [changeOfTtft(ttftRatio)] : []),
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
          ...(hasTimes ? [{ title: 'TTFT', kind: 'number' } as const] : []),
        ],
        rows: comparisons.map((comparison) => [
          word(comparisonName(comparison)),
          count(comparison.pairs),
          difference(comparison.exactMatch),
          difference(comparison.editSimilarity),
          ...(hasTimes ? [ttftChange(comparison)] : []),
        ]),
      },
      {
        caption: 'P-values',
        columns: [
          { title: 'comparison', kind: 'text' },
          { title: 'EM, exact McNemar', kind: 'number' },
          { title: 'EM, corrected', kind: 'number' },
          { title: 'ES, corrected', kind: 'number' },
          ...(hasNats ? [{ title: 'likelihood, corrected', kind: 'number' } as const] : []),
          ...(hasTimes ? [{ title: 'TTFT, corrected', kind: 'number' } as const] : []),
        ],
        rows: comparisons.map((comparison) => [
          word(comparisonName(comparison)),
          testResult(comparison.exactMatch.p),
          testResult(comparison.exactMatch.pAdjusted),
          testResult(comparison.editSimilarity.pAdjusted),
          ...(hasNats ? [testResult(comparison.likelihood?.perToken.pAdjusted ?? null)] : []),
          ...(hasTimes ? [testResult(comparison.ttftRatio?.pAdjusted ?? null)] : []),
        ]),
      },
      {
        caption: 'The smallest difference that as much data finds with a probability of 80 %',
        columns: [
          { title: 'comparison', kind: 'text' },
          { title: 'smallest EM difference found, points', kind: 'number' },
          { title: 'smallest ES difference found, points', kind: 'number' },
          ...(hasNats
            ? [{ title: 'smallest likelihood difference found, nats a token', kind: 'number' } as const]
            : []),
          ...(hasTimes ? [{ title: 'smallest TTFT reduction found, %', kind: 'number' } as const] : []),
        ],
        rows: comparisons.map((comparison) => {
          const { exactMatch: em, editSimilarity: es, ttftRatio, likelihood } = comparison;
          const ttft = ttftRatio?.detectable ?? null;
          return [
            word(comparisonName(comparison)),
            number(em.detectable, 1),
            number(es.detectable, 1),
            ...(hasNats ? [number(likelihood?.perToken.detectable ?? null, 3)] : []),
            ...(hasTimes ? [number(ttft === null ? null : ttft * 100, 1)] : []),
          ];
        }),
      },
      {
        caption: 'About how many tasks would show the difference that was seen, with a probability of 80 %',
        columns: [
          { title: 'comparison', kind: 'text' },
          { title: 'tasks now', kind: 'number' },
          { title: 'tasks for EM', kind: 'number' },
          { title: 'tasks for ES', kind: 'number' },
          ...(hasNats ? [{ title: 'tasks for likelihood', kind: 'number' } as const] : []),
          ...(hasTimes ? [{ title: 'tasks for TTFT', kind: 'number' } as const] : []),
        ],
        rows: comparisons.map((comparison) => [
          word(comparisonName(comparison)),
          count(comparison.pairs),
          dataNeeded(comparison.exactMatch),
          dataNeeded(comparison.editSimilarity),
          ...(hasNats ? [dataNeeded(comparison.likelihood?.perToken ?? null)] : []),
          ...(hasTimes ? [dataNeeded(comparison.ttftRatio)] : []),
        ]),
      },
    ],
    notes: notes(context),
  };
}

function notes({ summary, comparisons }: Context): string[] {
  const all = comparisons.flatMap(({ exactMatch, editSimilarity, likelihood, ttftRatio }) => [
    exactMatch.needed,
    editSimilarity.needed,
    likelihood?.perToken.needed ?? null,
    ttftRatio?.needed ?? null,
  ]);
  const has = (of: string): boolean => all.some((needed) => needed?.of === of);
  const hasTimes = comparisons.some(({ ttftRatio }) => ttftRatio !== null);
  return [
    ...(hasTimes
      ? [
          'TTFT: the time of each task is divided by its time under the other pipeline, and the change is that of the median ' +
            'of these ratios. It need not be the ratio of the two medians.',
        ]
      : []),
    `Corrected p-values hold for all ${summary.comparisons.length} comparisons of a metric together; verdicts are made ` +
      `from them at 5 %. EM, ES and likelihood are corrected by Holm${hasTimes ? ', TTFT by flipping the signs of all comparisons together' : ''}. ` +
      'McNemar takes tasks as independent and is not corrected.',
    ...(summary.inference.basis === 'repositories'
      ? [
          `No test of signs over ${summary.inference.repositories} repositories gives a p-value below ` +
            `${(2 ** (1 - summary.inference.repositories)).toPrecision(2)}, however large the effect.`,
        ]
      : []),
    ...(comparisons.some(({ exactMatch }) => exactMatch.detectable === null)
      ? ['– under a smallest difference: no difference that can be would be found by so few tasks.']
      : []),
    ...(all.some((needed) => needed !== null)
      ? [
          'The numbers of tasks take the difference that was seen as the true one, so they are rough. They count all tasks, ' +
            'spread over the same repositories as here. –: nothing differs.',
        ]
      : []),
    ...(has('repositories')
      ? [
          'Where a number of repositories stands, no number of tasks of the same repositories is enough: the difference varies ' +
            'too much from one repository to the next. So many repositories would be, each with as many tasks as here.',
        ]
      : []),
    ...(has('noise')
      ? [
          'Within A/A: the difference is no larger than that of one prompt timed twice. More tasks do not help.',
        ]
      : []),
  ];
}
