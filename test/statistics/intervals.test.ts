import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { basisOf, numbered, type Clustered } from '../../src/statistics/clusters.js';
import { normalCdf, normalQuantile, tQuantile, tTest } from '../../src/statistics/distributions.js';
import { holm } from '../../src/statistics/holm.js';
import { clusteredMean, detectable, meanInterval } from '../../src/statistics/mean-interval.js';
import { leastForMedian, medianInterval, signTestInterval } from '../../src/statistics/median-interval.js';
import { tango, wilson } from '../../src/statistics/proportions.js';
import { mcnemar } from '../../src/statistics/statistics.js';
import { createRng } from '../../src/tensor/rng.js';
import { some } from '../support/some.js';

type Row = readonly number[];
interface Golden {
  readonly tQuantile: readonly Row[];
  readonly tTest: readonly Row[];
  readonly normalQuantile: readonly Row[];
  readonly normalCdf: readonly Row[];
  readonly mcnemar: readonly Row[];
  readonly wilson: readonly Row[];
  readonly tango: readonly Row[];
  readonly signTestRank: readonly Row[];
  readonly clusteredMean: readonly {
    readonly values: Row;
    readonly cluster: Row;
    readonly mean: number;
    readonly standardError: number;
    readonly df: number;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../golden/statistics.json', import.meta.url), 'utf8'),
) as Golden;

function near(actual: number, expected: number, relative = 5e-7): void {
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.max(Math.abs(expected), 1e-300),
    `${actual}, expected ${expected}`,
  );
}

const clustered = (values: Row, cluster: Row): Clustered => ({
  values: Float64Array.from(values),
  cluster: Int32Array.from(cluster),
  count: Math.max(...cluster) + 1,
});

describe('distributions and tests equal SciPy', () => {
  test('Student t: quantiles and two-sided p', () => {
    for (const [p, df, expected] of golden.tQuantile) near(tQuantile(p!, df!), expected!);
    for (const [t, df, expected] of some(golden.tTest)) near(tTest(t!, df!), expected!);
  });

  test('the normal distribution', () => {
    for (const [p, expected] of some(golden.normalQuantile)) {
      assert.ok(Math.abs(normalQuantile(p!) - expected!) < 1e-9);
    }
    for (const [z, expected] of golden.normalCdf) near(normalCdf(z!), expected!);
  });

  test('the exact McNemar test', () => {
    for (const [b, c, expected] of golden.mcnemar) near(mcnemar(b!, c!)!, expected!);
  });

  test('Wilson and Tango score intervals, found another way', () => {
    for (const [hits, n, low, high] of some(golden.wilson)) {
      const interval = wilson(hits!, n!);
      assert.ok(Math.abs(interval[0] - low!) < 1e-9 && Math.abs(interval[1] - high!) < 1e-9);
    }
    for (const [won, lost, n, low, high] of some(golden.tango)) {
      const interval = tango(won!, lost!, n!);
      assert.ok(Math.abs(interval[0] - low!) < 1e-6, `${interval[0]}, expected ${low}`);
      assert.ok(Math.abs(interval[1] - high!) < 1e-6, `${interval[1]}, expected ${high}`);
    }
  });

  test('Tango: no pair that differs in n leaves z^2 / (n + z^2) either way', () => {
    const z2 = normalQuantile(0.975) ** 2;
    const [low, high] = tango(0, 0, 80);
    assert.ok(Math.abs(high - z2 / (80 + z2)) < 1e-9 && Math.abs(low + high) < 1e-9);
  });
});

describe('the error of a clustered mean', () => {
  test('equals the general CR2 formula with Bell-McCaffrey degrees of freedom, by matrices', () => {
    for (const { values, cluster, ...expected } of some(golden.clusteredMean)) {
      const actual = clusteredMean(clustered(values, cluster))!;
      near(actual.mean, expected.mean, 1e-10);
      near(actual.standardError, expected.standardError, 1e-10);
      near(actual.df, expected.df, 1e-10);
      assert.equal(actual.basis, 'repositories');
    }
  });

  test('with clusters of one size is the t interval of the cluster means', () => {
    // Cluster means 1, 2, 3, 4, 5, 6: mean 3.5, variance 3.5, error sqrt(3.5 / 6), 5 degrees of freedom.
    const values = [0, 2, 1, 3, 2, 4, 3, 5, 4, 6, 5, 7];
    const estimate = clusteredMean(clustered(values, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]))!;
    near(estimate.standardError, Math.sqrt(3.5 / 6), 1e-12);
    near(estimate.df, 5, 1e-12);
    near(meanInterval(estimate)[1], 3.5 + 2.570581835636314 * Math.sqrt(3.5 / 6));
  });

  test('is over tasks below six repositories: one repository says nothing about others', () => {
    // 1, 2, 3, 4: variance 5/3, error sqrt(5 / 12).
    const estimate = clusteredMean(clustered([1, 2, 3, 4], [0, 0, 0, 0]))!;
    assert.deepEqual([estimate.basis, estimate.df], ['tasks', 3]);
    near(estimate.standardError, Math.sqrt(5 / 12), 1e-12);
    assert.deepEqual([5, 6].map(basisOf), ['tasks', 'repositories']);
  });

  test('is unknown for one value and zero where nothing varies', () => {
    assert.equal(clusteredMean(clustered([1], [0])), null);
    const same = clusteredMean(clustered(Array<number>(12).fill(0.1), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]));
    assert.equal(same!.standardError, 0);
  });

  test('gives the difference found with 80 % power: (t 0.975 + t 0.8) errors', () => {
    near(detectable(2, 7), 2 * (2.364624251592784 + 0.8960296443137653));
  });
});

describe('the interval of a median', () => {
  test('over tasks has the ranks of the sign test', () => {
    for (const [n, tail, rank] of some(golden.signTestRank)) {
      const sorted = Float64Array.from({ length: n! }, (_, i) => i + 1);
      assert.deepEqual(signTestInterval(sorted, tail!), rank === 0 ? null : [rank, n! - rank! + 1]);
    }
    assert.deepEqual([leastForMedian(0.025), leastForMedian(0.002)], [6, 9]);
  });

  test('over repositories lies between medians of sets of them, counted one by one', () => {
    const rng = createRng(4);
    for (const sizes of [
      [3, 3, 3, 3, 3, 3, 3, 3],
      [1, 7, 2, 5, 4, 1, 3],
      [2, 2, 2, 2, 2, 2],
    ]) {
      const cluster = sizes.flatMap((size, g) => Array<number>(size).fill(g));
      const values = cluster.map((g) => g / 3 + rng.next());
      // A set speaks for "the median is at most m" if more than half of its values are; at exactly half, by half.
      const setsFor = (isThere: (value: number) => boolean): number => {
        let sets = 0;
        for (let set = 1; set < 2 ** sizes.length; set++) {
          const inSet = values.filter((_, i) => (set >> cluster[i]!) & 1);
          sets += (Math.sign(2 * inSet.filter(isThere).length - inSet.length) + 1) / 2;
        }
        return sets;
      };
      const k = Math.floor(0.025 * 2 ** sizes.length);
      const sorted = values.toSorted((x, y) => x - y);
      const expected = [
        sorted.find((m) => setsFor((value) => value <= m) >= k),
        sorted.findLast((m) => setsFor((value) => value >= m) >= k),
      ];
      assert.deepEqual(medianInterval(clustered(values, cluster), createRng(1)), expected);
    }
  });

  test('over more than eleven repositories is drawn from the generator and repeats with its seed', () => {
    const cluster = Array.from({ length: 120 }, (_, i) => i % 30);
    const data = clustered(
      cluster.map((g, i) => Math.sin(g * 7 + i)),
      cluster,
    );
    const once = medianInterval(data, createRng(5))!;
    assert.deepEqual(medianInterval(data, createRng(5)), once);
    assert.ok(once[0] < once[1]);
  });

  test('does not exist below six values', () => {
    assert.equal(medianInterval(clustered([1, 2, 3, 4, 5], [0, 0, 0, 0, 0]), createRng(0)), null);
  });
});

describe("Holm's correction", () => {
  test('equals the steps worked by hand', () => {
    // 0.01 x 3; 0.03 x 2 = 0.06; 0.04 x 1 = 0.04, raised to 0.06.
    assert.deepEqual(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
    assert.deepEqual(holm([0.5, 0.9]), [1, 1]);
  });

  test('counts tests without an outcome as members of the family', () => {
    assert.deepEqual(holm([0.01, null, null]), [0.03, null, null]);
  });
});

test('repositories are numbered in order of first appearance', () => {
  assert.deepEqual(numbered(['b', 'a', 'b']), { cluster: Int32Array.from([0, 1, 0]), count: 2 });
});
