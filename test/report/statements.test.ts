import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { enumerate } from '../../src/report/format.js';
import { claims, headline, range, retrieverStatement } from '../../src/report/view/parts/statements.js';
import type { Interval } from '../../src/statistics/statistics.js';
import type { Verdict } from '../../src/statistics/paired.js';
import type { Comparison } from '../../src/report/numbers/verdicts.js';
import type { RetrieverName } from '../../src/retrieval/kinds.js';
import type { PipelineName } from '../../src/pipelines/kinds.js';

/** What a test at the level of the interval would say. */
function verdictOf([low, high]: Interval, nothing: number): Verdict {
  return low > nothing ? 'better' : high < nothing ? 'worse' : 'tied';
}

function comparison(from: {
  readonly retriever?: RetrieverName;
  readonly base: PipelineName;
  readonly em: Interval;
  readonly es: Interval;
  readonly ratio: Interval;
}): Comparison {
  const middle = ([low, high]: Interval): number => (low + high) / 2;
  const { retriever = 'bm25', base, em, es, ratio } = from;
  const rest = {
    p: null,
    pClustered: null,
    pAdjusted: null,
    detectable: null,
    needed: null,
    won: 0,
    lost: 0,
  };
  return {
    of: { pipeline: 'compressed', retriever, topK: 10 },
    base: { pipeline: base, retriever: base === 'no-context' ? null : retriever, topK: 10 },
    pairs: 100,
    likelihood: null,
    exactMatch: { ...rest, delta: middle(em), ci95: em, verdict: verdictOf(em, 0) },
    editSimilarity: { ...rest, delta: middle(es), ci95: es, verdict: verdictOf(es, 0) },
    ttftRatio: { ...rest, p50: middle(ratio), ci95: ratio, verdict: verdictOf([-ratio[1], -ratio[0]], -1) },
  };
}

const full = comparison({ base: 'full-rag', em: [-1, 1], es: [0.5, 2.5], ratio: [0.45, 0.55] });
const none = comparison({ base: 'no-context', em: [-1, 1], es: [-1, 1], ratio: [0.98, 1.02] });

describe('a statement', () => {
  test('gives numbers where a difference is shown and says tied where none is', () => {
    assert.equal(
      retrieverStatement([full, none]),
      'TTFT 50.0 % below full-rag [45.0, 55.0], TTFT tied with no-context (0.0 % [−2.0, 2.0]); ' +
        'ES 1.50 points above full-rag [0.50, 2.50]; EM tied with full-rag; EM and ES tied with no-context.',
    );
  });

  test('turns the interval of what is lower, so that size and ends agree', () => {
    const worse = comparison({ base: 'full-rag', em: [-10, -4], es: [-1, 1], ratio: [0.4, 0.44] });
    assert.match(retrieverStatement([worse]), /EM 7\.00 points below full-rag \[4\.00, 10\.00\]/);
  });

  test('over several retrievers counts those that show a difference', () => {
    const other = comparison({
      retriever: 'jaccard',
      base: 'full-rag',
      em: [-1, 1],
      es: [-1, 1],
      ratio: [0.4, 0.44],
    });
    assert.equal(
      claims([full, other]),
      'TTFT is 50 to 58 % lower, EM is tied, ES higher with 1 of 2 retrievers, else tied',
    );
    assert.equal(headline([none]), 'compressed: against no-context, TTFT, EM and ES are tied.');
  });

  test('lists and spans read as a person writes them', () => {
    assert.deepEqual([enumerate(['a']), enumerate(['a', 'b', 'c'])], ['a', 'a, b and c']);
    assert.deepEqual([range([2.04, 2.01], 1), range([27.5, 28.3], 1)], ['2.0', '27.5 to 28.3']);
  });
});
