import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { medianInterval } from '../../src/report/median-interval.js';
import { createRng } from '../../src/tensor/rng.js';

describe('the interval of a median', () => {
  test('goes from rank to rank of the sign test', () => {
    // n = 6: P(B < 1) = 1/64 = 1.6 % and P(B < 2) = 7/64 = 10.9 %, so r = 1: the extremes.
    assert.deepEqual(medianInterval([5, 1, 4, 2, 6, 3]), [1, 6]);
    // n = 10: P(B < 2) = 11/1024 = 1.07 % and P(B < 3) = 56/1024 = 5.5 %, so r = 2.
    assert.deepEqual(medianInterval([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), [2, 9]);
  });

  test('is unknown below six values', () => {
    assert.equal(medianInterval([1, 2, 3, 4, 5]), null);
  });

  test('covers the median in at least 95 % of samples of a skewed distribution', () => {
    const rng = createRng(5);
    const samples = 2000;
    let covered = 0;
    for (let s = 0; s < samples; s++) {
      // Exponential with median ln 2.
      const [low, high] = medianInterval(Array.from({ length: 25 }, () => -Math.log(1 - rng.next())))!;
      if (low <= Math.LN2 && Math.LN2 <= high) covered++;
    }
    // r = 8 at n = 25 covers 95.67 %; four standard errors of 2,000 draws are 1.8 points.
    assert.ok(covered / samples > 0.938 && covered / samples < 0.975, String(covered));
  });
});
