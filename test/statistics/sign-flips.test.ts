import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clustered } from '../../src/statistics/clusters.js';
import { estimateRatio, judgeRatios, type RatioEstimate } from '../../src/statistics/paired.js';
import { flippedPs, signsByCluster, signsByTask, signTest } from '../../src/statistics/sign-flips.js';
import { createRng } from '../../src/tensor/rng.js';
import { drawAfter, drawColumn, drawTasks, type World } from '../support/synthetic-runs.js';

const shares = (...values: number[]) => ({ shares: Float64Array.from(values) });
const equal = (count: number, size: number): number[] => Array<number>(count).fill(size);

/** The same by writing down every flip, in the order of the definition. */
function slowly(family: readonly (readonly number[])[]): number[] {
  const units = family[0]!.length;
  const distance = (column: readonly number[], flip: number): number =>
    Math.abs(column.reduce((sum, share, g) => sum + (((flip >> g) & 1) === 1 ? -share : share), 0));
  const seen = family.map((column) => distance(column, 0));
  const raw = family.map((_, j) => {
    let reached = 0;
    for (let flip = 0; flip < 2 ** units; flip++) {
      // Only comparisons that are not above this one.
      const farthest = Math.max(
        ...family.flatMap((column, k) => (seen[k]! <= seen[j]! ? [distance(column, flip)] : [])),
      );
      const isMirror = flip === 0 || flip === 2 ** units - 1;
      const difference = farthest - seen[j]!;
      reached += isMirror || difference > 1e-9 ? 1 : difference > -1e-9 ? 0.5 : 0;
    }
    return reached / 2 ** units;
  });
  return raw.map((_, j) => Math.max(...raw.filter((_p, k) => seen[k]! >= seen[j]!)));
}

describe('p-values by flipping signs', () => {
  test('of one comparison are counted by hand', () => {
    // Sums of 3, 2, 1 flipped in all eight ways: 6, 0, 2, 4 and their mirror images. Seen: 6, reached by 2 of 8.
    assert.deepEqual(flippedPs([shares(0.3, 0.2, 0.1)], createRng(1)), [2 / 8]);
    // 3 + 2 - 1 = 4 is reached by 6 and, exactly, by itself: 1 + 1 of 4.
    assert.deepEqual(flippedPs([shares(0.3, 0.2, -0.1)], createRng(1)), [2 / 4]);
  });

  test('never go below 2 in 2^8 with eight repositories, whatever the effect and the number of comparisons', () => {
    const clear = shares(...equal(8, 1 / 8));
    assert.deepEqual(flippedPs([clear], createRng(1)), [1 / 128]);
    assert.deepEqual(flippedPs(Array(9).fill(clear) as (typeof clear)[], createRng(1)), equal(9, 1 / 128));
  });

  test('of a family equal those of a slow version that writes down every flip', () => {
    const rng = createRng(5);
    for (let round = 0; round < 40; round++) {
      const family = Array.from({ length: 1 + rng.int(5) }, () =>
        Array.from({ length: 7 }, () => (rng.int(9) - 4) / 16),
      );
      // A unit that no comparison uses is no unit.
      family[0] = family[0]!.map((share) => (share === 0 ? 1 / 16 : share));
      const found = flippedPs(
        family.map((column) => shares(...column)),
        rng,
      );
      for (const [j, p] of slowly(family).entries()) {
        const isNothing = Math.abs(family[j]!.reduce((sum, share) => sum + share, 0)) < 1e-12;
        assert.ok(Math.abs(found[j]! - (isNothing ? 1 : p)) < 1e-9, `${found[j]}, expected ${p}`);
      }
    }
  });

  test('over more than eleven units come from 1,999 random flips', () => {
    const [p] = flippedPs([shares(...equal(30, 1 / 30))], createRng(3));
    assert.equal(p, 1 / 2000);
  });

  test('over tasks are those of the sign test', () => {
    assert.ok(Math.abs(signTest(new Float64Array(6).fill(0.5)) - 2 / 64) < 1e-12);
    // 1 above and 5 below: 2 x (1 + 6) / 2^6.
    assert.ok(Math.abs(signTest(Float64Array.of(2, 0.5, 0.5, 0.5, 0.5, 0.5, 1)) - 14 / 64) < 1e-12);
  });

  test('take what each repository has above 1 minus what it has below, as shares of all', () => {
    const data: Clustered = {
      values: Float64Array.of(2, 0.5, 0.5, 1, 0.9),
      cluster: Int32Array.of(0, 0, 1, 1, 1),
      count: 2,
    };
    assert.deepEqual(signsByCluster(data).shares, Float64Array.of(0, -2 / 5));
    assert.deepEqual(signsByTask(Float64Array.of(2, NaN, 0.5)).shares, Float64Array.of(0.5, 0, -0.5));
  });
});

/** Ratios of eight repositories of `size` tasks each, around `center`. */
function ratios(center: number, seed: number, size = 12): RatioEstimate {
  const rng = createRng(seed);
  const cluster = Int32Array.from({ length: 8 * size }, (_, i) => i % 8);
  const of = Float64Array.from(cluster, () => center * Math.exp(0.05 * rng.normal()));
  return estimateRatio(of, new Float64Array(of.length).fill(1), { cluster, count: 8 }, rng)!;
}

describe('a table of ratios', () => {
  test('shows a halved time among nine comparisons of eight repositories', () => {
    const family = [
      ...[1, 2, 3].map((seed) => ratios(0.5, seed)),
      ...[4, 5, 6].map((seed) => ratios(2, seed)),
      ...[7, 8, 9].map((seed) => ratios(1, seed)),
    ];
    const judged = judgeRatios(family, null, createRng(1));
    assert.deepEqual(
      judged.slice(0, 6).map(({ p, pAdjusted, verdict }) => [p, pAdjusted, verdict]),
      [
        ...Array.from({ length: 3 }, () => [1 / 128, 1 / 128, 'better']),
        ...Array.from({ length: 3 }, () => [1 / 128, 1 / 128, 'worse']),
      ],
    );
    for (const { verdict, pAdjusted, p } of judged.slice(6)) {
      assert.ok(verdict === 'tied' && pAdjusted! >= p!, `${verdict} ${pAdjusted}`);
    }
  });

  test('has a reduction that it finds below 100 %, and an interval above 0, whatever the noise', () => {
    const rng = createRng(4);
    for (let round = 0; round < 30; round++) {
      const of = Float64Array.from({ length: 8 }, () => Math.exp(3 * rng.normal()));
      const { ci95, detectable } = estimateRatio(
        of,
        new Float64Array(8).fill(1),
        { cluster: Int32Array.from(of.keys()), count: 8 },
        rng,
      )!;
      assert.ok(ci95![0] > 0 && detectable! > 0 && detectable! < 1, `${String(ci95)} ${String(detectable)}`);
    }
  });

  test('has no p-value where it has no interval, and says nothing then', () => {
    const four = estimateRatio(
      Float64Array.of(0.5, 0.5, 0.5, 0.5),
      Float64Array.of(1, 1, 1, 1),
      { cluster: Int32Array.of(0, 1, 2, 3), count: 4 },
      createRng(1),
    )!;
    const [judged] = judgeRatios([four], null, createRng(1));
    assert.deepEqual(
      [judged!.ci95, judged!.p, judged!.pAdjusted, judged!.verdict, judged!.needed],
      [null, null, null, 'tied', null],
    );
  });
});

describe('at most 5 % of 1,000 runs claim a ratio that is not there', () => {
  for (const [name, sizes] of [
    ['eight repositories of 30 tasks', equal(8, 30)],
    ['eight repositories of 5 to 100 tasks', [100, 60, 40, 30, 20, 10, 5, 5]],
    ['30 repositories of 8 tasks', equal(30, 8)],
    ['one repository of 100 tasks', [100]],
  ] as const) {
    test(name, (t) => {
      const shift = sizes.length > 1 ? 0.1 : 0;
      const world: World = {
        ...{ sizes, exactMatch: 0.3, discordance: 0.1, repositoryShift: 0 },
        ...{ repositoryLogShift: shift, timeNoise: 0.08 },
        ...{ natsNoise: 0, repositoryNatsShift: 0 },
      };
      const rng = createRng(12);
      const none = { exactMatch: 0, ttftRatio: 1, nats: 0, isBalanced: false };
      const halved = { ...none, ttftRatio: 0.5 };
      let [alone, wrong, found] = [0, 0, 0];
      for (let run = 0; run < 1000; run++) {
        const tasks = drawTasks(world, rng);
        const base = drawColumn(tasks, world, 1, rng);
        const family = [none, none, none, halved].map((effect) =>
          estimateRatio(
            drawAfter(base, tasks, world, effect, 1, rng).ttftMs,
            base.ttftMs,
            tasks,
            createRng(run),
          )!,
        );
        const judged = judgeRatios(family, null, createRng(run));
        if (family[0]!.p! < 0.05) alone++;
        if (judged.slice(0, 3).some(({ verdict }) => verdict !== 'tied')) wrong++;
        if (judged[3]!.verdict === 'better') found++;
      }
      t.diagnostic(JSON.stringify({ alone, wrong, found }));
      // Three standard errors of 50 in 1,000 are 21. What is halved is always seen.
      assert.ok(alone <= 71, `${alone} p-values below 0.05`);
      assert.ok(wrong <= 71, `${wrong} runs with a false claim`);
      assert.ok(found >= 990, `${found} runs saw a halved time`);
    });
  }
});
