import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { frontier, qualityAt } from '../../src/report/numbers/equal-latency.js';

const curve = [
  { ttftMs: 60, quality: 38 },
  { ttftMs: 20, quality: 30 },
  { ttftMs: 40, quality: 29 },
  { ttftMs: 80, quality: 37 },
];

describe('quality at equal latency', () => {
  test('counts only points that no faster one equals', () => {
    assert.deepEqual(
      frontier(curve).map(({ ttftMs }) => ttftMs),
      [20, 60],
    );
    assert.deepEqual(frontier([curve[1]!, { ttftMs: 25, quality: 30 }]), [curve[1]]);
  });

  test('grows in proportion to TTFT between two points', () => {
    // From 30 at 20 ms to 38 at 60 ms: 0.2 a millisecond, so 32 at 30 ms.
    assert.equal(qualityAt(curve, 30), 32);
    assert.equal(qualityAt(curve, 20), 30);
  });

  test('is that of the best point beyond the slowest, and unknown before the fastest', () => {
    assert.equal(qualityAt(curve, 500), 38);
    assert.equal(qualityAt(curve, 19.9), null);
    assert.equal(qualityAt([], 20), null);
  });
});
