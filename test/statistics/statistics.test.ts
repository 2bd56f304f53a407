import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  binomialTail,
  mcnemar,
  mean,
  quantile,
  supportedPercentile,
} from '../../src/statistics/statistics.js';

describe('quantiles', () => {
  test('interpolate between the nearest ranks as NumPy does', () => {
    // positions 0, 0.75, 1.5, 2.7, 3 of [1, 2, 3, 4]
    assert.deepEqual(
      [0, 0.25, 0.5, 0.9, 1].map((q) => quantile([4, 1, 3, 2], q)),
      [1, 1.75, 2.5, 3.7, 4],
    );
  });

  test('of nothing are null, as is the mean', () => {
    assert.deepEqual([quantile([], 0.5), mean([])], [null, null]);
  });

  test('are withheld where the sample is too small to support them', () => {
    const values = Array.from({ length: 64 }, (_, i) => i);
    assert.notEqual(supportedPercentile(values, 'p90'), null);
    assert.equal(supportedPercentile(values.slice(1), 'p90'), null);
    assert.equal(supportedPercentile(values, 'p95'), null);
    assert.notEqual(supportedPercentile([...values, ...values, 1, 2], 'p95'), null);
    assert.equal(supportedPercentile(values, 'p99'), null);
  });
});

describe('the exact McNemar test', () => {
  test('equals the binomial tail worked by hand', () => {
    assert.ok(Math.abs(mcnemar(1, 5)! - (2 * (1 + 6)) / 64) < 1e-12);
    assert.ok(Math.abs(mcnemar(0, 10)! - 2 / 1024) < 1e-12);
    assert.equal(mcnemar(3, 3), 1);
  });

  test('is twice the tail of the binomial distribution', () => {
    assert.ok(Math.abs(binomialTail(6, 1) - 7 / 64) < 1e-12);
    assert.ok(Math.abs(binomialTail(6, 6) - 1) < 1e-12);
  });

  test('has nothing to say where no pair differs, and does not underflow on large counts', () => {
    assert.equal(mcnemar(0, 0), null);
    // n = 2,000, c - b = 200: z = (1,100 - 0.5 - 1,000) / sqrt(500) = 4.45, two-sided p about 8.6e-6
    const p = mcnemar(900, 1100)!;
    assert.ok(p > 7e-6 && p < 1e-5, String(p));
  });
});
