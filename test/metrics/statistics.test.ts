import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  bootstrapMean,
  bootstrapMedian,
  mcnemar,
  mean,
  quantile,
  signFlipTest,
  supportedPercentile,
} from '../../src/metrics/statistics.js';
import { createRng } from '../../src/tensor/rng.js';

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
    assert.equal(supportedPercentile(values, 'p99'), null);
  });
});

describe('the exact McNemar test', () => {
  test('equals the binomial tail worked by hand', () => {
    assert.ok(Math.abs(mcnemar(1, 5)! - (2 * (1 + 6)) / 64) < 1e-12);
    assert.ok(Math.abs(mcnemar(0, 10)! - 2 / 1024) < 1e-12);
    assert.equal(mcnemar(3, 3), 1);
  });

  test('has nothing to say where no pair differs, and does not underflow on large counts', () => {
    assert.equal(mcnemar(0, 0), null);
    // n = 2,000, c - b = 200: z = (1,100 - 0.5 - 1,000) / sqrt(500) = 4.45, two-sided p about 8.6e-6
    const p = mcnemar(900, 1100)!;
    assert.ok(p > 7e-6 && p < 1e-5, String(p));
  });
});

describe('the sign-flip test', () => {
  test('approaches the exact permutation distribution', () => {
    // Eight equal differences: only all-plus and all-minus are as extreme, 2 of 256.
    const p = signFlipTest(
      Array.from({ length: 8 }, () => 0.5),
      createRng(1),
    )!;
    assert.ok(Math.abs(p - 2 / 256) < 0.003, String(p));
  });

  test('has nothing to say where nothing differs', () => {
    assert.equal(signFlipTest([0, 0], createRng(1)), null);
  });
});

describe('bootstrap intervals', () => {
  test('cover the true mean and median in 91 to 99 percent of 200 simulated samples', () => {
    const rng = createRng(11);
    const normal = (): number =>
      Math.sqrt(-2 * Math.log(1 - rng.next())) * Math.cos(2 * Math.PI * rng.next());
    let means = 0;
    let medians = 0;
    const rounds = 200;
    for (let r = 0; r < rounds; r++) {
      const sample = Array.from({ length: 60 }, normal);
      const [a, b] = bootstrapMean(sample, rng)!;
      const [c, d] = bootstrapMedian(sample, rng)!;
      if (a <= 0 && 0 <= b) means++;
      if (c <= 0 && 0 <= d) medians++;
    }
    assert.ok(means / rounds > 0.91 && means / rounds < 0.99, `mean ${means / rounds}`);
    assert.ok(medians / rounds > 0.91 && medians / rounds < 0.99, `median ${medians / rounds}`);
  });

  test('repeat with the same seed, and need two values', () => {
    assert.deepEqual(bootstrapMean([1, 2, 3], createRng(5)), bootstrapMean([1, 2, 3], createRng(5)));
    assert.equal(bootstrapMean([1], createRng(5)), null);
  });
});
