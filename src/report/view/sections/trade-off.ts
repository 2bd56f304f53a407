/**
 * @file Quality against latency: one chart of all configurations.
 */

import { signTestInterval } from '../../../statistics/median-interval.js';
import { timedRows } from '../../numbers/summary.js';
import type { Comparison } from '../../numbers/verdicts.js';
import { scoredOf, type Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';
import { claims } from '../parts/statements.js';

export function tradeOff({ summary, records, own, positions }: Context): Section | null {
  const points = timedRows(summary.rows).flatMap((row) => {
    const { exactMatch: em, editSimilarity: es, ttftMs } = row;
    if (em.mean === null || es.mean === null || ttftMs.p50 === null) return [];
    const ttft = scoredOf(row, 'ttftMs', records);
    return [
      {
        pipeline: row.pipeline,
        position: positions.get(row.pipeline)!,
        retriever: row.retriever,
        topK: row.topK,
        ...(row.compressionRatio === undefined ? {} : { compressionRatio: row.compressionRatio }),
        ttft: { p50: ttftMs.p50, ci95: signTestInterval(ttft.sort(), 0.025) },
        es: { mean: es.mean, ci95: es.ci95 },
        em: { mean: em.mean, ci95: em.ci95 },
      },
    ];
  });
  if (points.length < 2) return null;
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
