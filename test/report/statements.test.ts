import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { latencyVerdict, qualityVerdict, type Comparison } from '../../src/report/comparisons.js';
import { claims, enumerate, headline, range, retrieverStatement } from '../../src/report/statements.js';
import type { Interval } from '../../src/metrics/statistics.js';
import type { NoiseFloor } from '../../src/report/summary.js';
import type { RetrieverName } from '../../src/retrieval/retriever.js';
import type { PipelineName } from '../../src/pipelines/pipeline.js';

function comparison(from: {
  readonly retriever?: RetrieverName;
  readonly base: PipelineName;
  readonly em: Interval;
  readonly es: Interval;
  readonly ratio: Interval;
}): Comparison {
  const middle = ([low, high]: Interval): number => (low + high) / 2;
  const { retriever = 'bm25', base, em, es, ratio } = from;
  return {
    of: { pipeline: 'compressed', retriever, topK: 10 },
    base: { pipeline: base, retriever: base === 'no-context' ? null : retriever, topK: 10 },
    pairs: 100,
    exactMatch: { delta: middle(em), ci95: em, p: 0.5 },
    editSimilarity: { delta: middle(es), ci95: es, p: 0.5 },
    ttftRatio: { p50: middle(ratio), ci95: ratio },
  };
}

const floor = (low: number, high: number): NoiseFloor => ({
  configuration: { pipeline: 'no-context', retriever: null, topK: null },
  pairs: 100,
  ratio: { p50: 1, ci95: [low, high] },
});

const full = comparison({ base: 'full-rag', em: [-1, 1], es: [0.5, 2.5], ratio: [0.45, 0.55] });
const none = comparison({ base: 'no-context', em: [-1, 1], es: [-1, 1], ratio: [0.98, 1.02] });

describe('a verdict', () => {
  test('is tied where the interval includes zero, and where there is none', () => {
    assert.deepEqual(
      (
        [
          [0.1, 1],
          [-1, -0.1],
          [0, 1],
          [-1, 0],
          [0, 0],
        ] as Interval[]
      ).map((ci95) => qualityVerdict({ ci95 })),
      ['better', 'worse', 'tied', 'tied', 'tied'],
    );
    assert.equal(qualityVerdict({ ci95: null }), 'tied');
  });

  test('on TTFT needs an interval beyond 1 and beyond the noise floor', () => {
    const faster = comparison({ base: 'full-rag', em: [0, 0], es: [0, 0], ratio: [0.94, 0.97] });
    assert.equal(latencyVerdict(faster, null), 'better');
    assert.equal(latencyVerdict(faster, floor(0.98, 1.02)), 'better');
    assert.equal(latencyVerdict(faster, floor(0.96, 1.02)), 'tied');
    const slower = comparison({ base: 'full-rag', em: [0, 0], es: [0, 0], ratio: [1.01, 1.03] });
    assert.equal(latencyVerdict(slower, null), 'worse');
    assert.equal(latencyVerdict(slower, floor(0.98, 1.02)), 'tied');
  });
});

describe('a statement', () => {
  test('gives numbers where a difference is shown and says tied where none is', () => {
    assert.equal(
      retrieverStatement([full, none], null),
      'TTFT 50.0 % below full-rag [45.0, 55.0], TTFT tied with no-context (0.0 % [−2.0, 2.0]); ' +
        'ES 1.50 points above full-rag [0.50, 2.50]; EM tied with full-rag; EM and ES tied with no-context.',
    );
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
      claims([full, other], null),
      'TTFT is 50 to 58 % lower, EM is tied, ES higher with 1 of 2 retrievers, else tied',
    );
    assert.equal(headline([none], null), 'compressed: against no-context, TTFT, EM and ES are tied.');
  });

  test('lists and spans read as a person writes them', () => {
    assert.deepEqual([enumerate(['a']), enumerate(['a', 'b', 'c'])], ['a', 'a, b and c']);
    assert.deepEqual([range([2.04, 2.01], 1), range([27.5, 28.3], 1)], ['2.0', '27.5 to 28.3']);
  });
});
