import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clustered } from '../../src/statistics/clusters.js';
import { tQuantile } from '../../src/statistics/distributions.js';
import { clusteredMean } from '../../src/statistics/mean-interval.js';
import { estimateDifference, judgeDifferences } from '../../src/statistics/paired.js';
import { betweenShare, needed, type Design } from '../../src/statistics/sample-size.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { some } from '../support/some.js';

const eight: Design = {
  ...{ standardError: 1, df: 7, basis: 'repositories', tasks: 80, repositories: 8 },
  betweenShare: 0.25,
};

describe('the variance between repositories', () => {
  test('equals the analysis of variance worked by hand', () => {
    // 0, 2 | 4, 6: means 1 and 5, MSB = 2 (4 + 4) / 1 = 16, MSW = 4 / 2 = 2, n_0 = (4 - 8 / 4) / 1 = 2, so tau^2 = 7.
    // Its part in the variance of the mean: 7 (4 + 4) / 16 = 3.5, beside 2 / 4 = 0.5.
    const data: Clustered = {
      values: Float64Array.of(0, 2, 4, 6),
      cluster: Int32Array.of(0, 0, 1, 1),
      count: 2,
    };
    assert.ok(Math.abs(betweenShare(data, 'repositories') - 3.5 / 4) < 1e-12);
    assert.equal(betweenShare(data, 'tasks'), 0);
  });

  test('is nothing where repositories agree, and all where each has one task', () => {
    const same = { values: Float64Array.of(0, 2, 0, 2), cluster: Int32Array.of(0, 0, 1, 1), count: 2 };
    assert.equal(betweenShare(same, 'repositories'), 0);
    const single = { values: Float64Array.of(0, 2, 5), cluster: Int32Array.of(0, 1, 2), count: 3 };
    assert.equal(betweenShare(single, 'repositories'), 1);
  });
});

describe('the tasks that a difference needs', () => {
  test('are those of the formula, worked by hand', () => {
    // c = t(0.975, 7) + t(0.8, 7) = 2.36462 + 0.89603 = 3.26065; the variance of 1 is 0.25 + 0.75 x 80 / N.
    // 2 = 3.26065 sqrt(0.25 + 60 / N): (2 / 3.26065)^2 = 0.376232, N = 60 / 0.126232 = 475.3.
    assert.deepEqual(needed(2, eight, 0.05), { of: 'tasks', tasks: 476 });
    assert.deepEqual(needed(-2, eight, 0.05), { of: 'tasks', tasks: 476 });
  });

  test('are more repositories where no number of tasks of the same ones is enough', () => {
    // 1.5 < 3.26065 x sqrt(0.25) = 1.63. With G repositories the error is sqrt(8 / G):
    // 21: (2.08596 + 0.85996) sqrt(8 / 21) = 1.818; 30: (2.04523 + 0.85419) x 0.5164 = 1.497; 29: 1.524.
    assert.deepEqual(needed(1.5, eight, 0.05), { of: 'repositories', repositories: 30, tasks: 300 });
  });

  test('are unknown where nothing differs', () => {
    assert.equal(needed(0, eight, 0.05), null);
  });

  test('equal those of a slow version that adds one task at a time', () => {
    const rng = createRng(2);
    for (let round = 0; round < 60; round++) {
      const design: Design = {
        ...{ standardError: 0.5 + rng.next(), df: 4 + 5 * rng.next(), basis: 'repositories' },
        ...{ tasks: 50, repositories: 8, betweenShare: 0.4 * rng.next() },
      };
      const level = 0.05 / (1 + rng.int(5));
      const distance = 0.3 + 2 * rng.next();
      const found = needed(distance, design, level)!;
      if (found.of !== 'tasks' || found.tasks > 20_000) continue;
      const c = tQuantile(1 - level / 2, design.df) + tQuantile(0.8, design.df);
      const errorAt = (tasks: number): number =>
        design.standardError *
        Math.sqrt(design.betweenShare + ((1 - design.betweenShare) * design.tasks) / tasks);
      let tasks = 51;
      while (c * errorAt(tasks) > distance) tasks++;
      assert.equal(found.tasks, tasks);
    }
  });

  test('over tasks take the degrees of freedom of their own number', () => {
    const found = needed(0.5, { ...eight, basis: 'tasks', df: 79, betweenShare: 0 }, 0.05)!;
    const enough = (n: number): boolean =>
      0.5 >= (tQuantile(0.975, n - 1) + tQuantile(0.8, n - 1)) * Math.sqrt(80 / n);
    assert.ok(enough(found.tasks) && !enough(found.tasks - 2), JSON.stringify(found));
  });
});

/** Differences whose truth is known: `effect`, plus a shift a repository, plus noise a task. */
function draw(from: { sizes: readonly number[]; effect: number; tau: number; sigma: number }, rng: Rng) {
  const cluster = from.sizes.flatMap((size, g) => Array<number>(size).fill(g));
  const shifts = from.sizes.map(() => from.tau * rng.normal());
  const values = Float64Array.from(cluster, (g) => from.effect + shifts[g]! + from.sigma * rng.normal());
  return { values, cluster: Int32Array.from(cluster), count: from.sizes.length };
}

describe('with as many tasks or repositories as are needed, 80 % of 2,000 runs show the difference', () => {
  for (const { name, sizes, effect, tau } of [
    { name: 'more tasks of eight repositories', sizes: Array<number>(8).fill(20), effect: 0.5, tau: 0.2 },
    { name: 'more tasks, repositories unequal', sizes: [60, 40, 20, 16, 10, 8, 4, 2], effect: 0.6, tau: 0.2 },
    { name: 'more repositories', sizes: Array<number>(8).fill(20), effect: 0.4, tau: 0.5 },
  ]) {
    test(name, (t) => {
      const tasks = sizes.reduce((a, b) => a + b, 0);
      const overlap = sizes.reduce((sum, size) => sum + (size / tasks) ** 2, 0);
      const sigma = 2;
      // The truth in place of estimates; the degrees of freedom are those of any data of these sizes.
      const variance = tau ** 2 * overlap + sigma ** 2 / tasks;
      const { df } = clusteredMean(draw({ sizes, effect, tau, sigma }, createRng(1)))!;
      const design: Design = {
        ...{ standardError: Math.sqrt(variance), df, basis: 'repositories', tasks, repositories: 8 },
        betweenShare: (tau ** 2 * overlap) / variance,
      };
      const found = needed(effect, design, 0.05)!;
      const grown =
        found.of === 'tasks'
          ? sizes.map((size) => Math.round((size * found.tasks) / tasks))
          : Array<number>(found.repositories).fill(tasks / 8);
      const rng = createRng(9);
      let shown = 0;
      for (let run = 0; run < 2000; run++) {
        const data = draw({ sizes: grown, effect, tau, sigma }, rng);
        const zero = new Float64Array(data.values.length);
        const [judged] = judgeDifferences([estimateDifference(data.values, zero, data, 'unbounded')]);
        if (judged!.verdict === 'better') shown++;
      }
      t.diagnostic(`${JSON.stringify(found)}: ${shown / 20} %`);
      assert.ok(shown >= 1520 && shown <= 1700, `${shown / 20} %`);
    });
  }
});

describe('a table of differences', () => {
  test('says how much is needed where nothing is shown, and nothing where it is', () => {
    const rng = createRng(3);
    const world = { sizes: Array<number>(8).fill(20), tau: 0.1, sigma: 1 };
    const family = [2, 0.1, 0.1].map((effect) => {
      const data = draw({ ...world, effect }, rng);
      return estimateDifference(data.values, new Float64Array(160), data, 'unbounded');
    });
    const [clear, ...tied] = judgeDifferences(family);
    assert.deepEqual([clear!.verdict, clear!.needed], ['better', null]);
    for (const one of some(tied)) {
      assert.equal(one.verdict, 'tied');
      assert.ok(one.needed!.tasks > 160);
      assert.ok(!('design' in one));
    }
  });
});
