/**
 * How often the intervals of a run hold the truth, over 1,000 synthetic runs each. Seeded, so the counts are the same
 * on every machine. scripts/interval-coverage.ts sets them beside the usual intervals.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { numbered } from '../../src/statistics/clusters.js';
import { estimateDifference, estimateMean, estimateRatio } from '../../src/statistics/paired.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { drawAfter, drawColumn, drawTasks, type World } from '../support/synthetic-runs.js';
import { judgeNats, natsGain } from '../../src/report/numbers/likelihood.js';
import { some } from '../support/some.js';

const RUNS = 1000;
/** True differences: 2 points of EM, so 0.8 of ES, and a median time ratio of 0.5. */
const EFFECT = { exactMatch: 0.02, ttftRatio: 0.5, nats: -0.08, isBalanced: false };

interface Case {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly exactMatch: number;
  readonly repositoryShift: number;
}

const equal = (count: number, size: number): number[] => Array<number>(count).fill(size);

const CASES: readonly Case[] = [
  { name: 'eight repositories of 60 tasks', sizes: equal(8, 60), exactMatch: 0.3, repositoryShift: 0.03 },
  { name: 'eight repositories, no correlation', sizes: equal(8, 60), exactMatch: 0.3, repositoryShift: 0 },
  {
    name: 'eight repositories of 5 to 200 tasks',
    sizes: [200, 120, 80, 60, 40, 20, 10, 5],
    exactMatch: 0.4,
    repositoryShift: 0.03,
  },
  { name: '60 repositories of 8 tasks', sizes: equal(60, 8), exactMatch: 0.2, repositoryShift: 0.03 },
  { name: 'one repository of 300 tasks', sizes: [300], exactMatch: 0.3, repositoryShift: 0 },
];

describe('95 % intervals hold the truth in 93 to 97 % of 1,000 runs', () => {
  for (const { name, sizes, exactMatch, repositoryShift } of CASES) {
    test(`${name}: EM, ES, TTFT ratio and nats a token`, (t) => {
      const world: World = {
        ...{ sizes, exactMatch, discordance: 0.1, repositoryShift },
        ...{ repositoryLogShift: repositoryShift * 4, timeNoise: 0.08 },
        // With and without the right chunks, 1,600 tasks of eight repositories differ by 0.4 nats from task to task.
        ...{ natsNoise: 0.4, repositoryNatsShift: repositoryShift * 2 },
      };
      const rng = createRng(6);
      const held = { exactMatch: 0, editSimilarity: 0, ttftRatio: 0, natsPerToken: 0 };
      for (let run = 0; run < RUNS; run++) {
        const tasks = drawTasks(world, rng);
        const base = drawColumn(tasks, world, 1, rng);
        const of = drawAfter(base, tasks, world, EFFECT, 1, rng);
        const em = estimateDifference(of.exactMatch, base.exactMatch, tasks, 'binary').ci95!;
        const es = estimateDifference(of.editSimilarity, base.editSimilarity, tasks, 'graded').ci95!;
        const ratio = estimateRatio(of.ttftMs, base.ttftMs, tasks, rng)!.ci95!;
        if (em[0] <= 2 && 2 <= em[1]) held.exactMatch++;
        if (es[0] <= 0.8 && 0.8 <= es[1]) held.editSimilarity++;
        if (ratio[0] <= 0.5 && 0.5 <= ratio[1]) held.ttftRatio++;
        const gain = natsGain(of.likelihood.perToken, base.likelihood.perToken, tasks);
        const nats = judgeNats([gain])[0]!.ci95!;
        if (nats[0] <= EFFECT.nats && EFFECT.nats <= nats[1]) held.natsPerToken++;
      }
      t.diagnostic(JSON.stringify(held));
      for (const [what, count] of some(Object.entries(held))) {
        assert.ok(count >= 930 && count <= 970, `${what}: ${count / 10} %`);
      }
    });
  }
});

describe('with few tasks, or few that differ, intervals hold the truth in at least 93 % of 2,000 runs', () => {
  /** ES of a task that one way changes: a true mean of `rate` x 0.3, mostly of small changes and sometimes of large ones. */
  const change = (rng: Rng): number => (rng.next() < 0.2 ? 1 : 0.125) * (rng.next() < 0.9 ? 1 : -1);
  // 0.2 x 1 + 0.8 x 0.125 = 0.3 in size, of which nine in ten are gains: 0.3 x 0.8.
  const MEAN_CHANGE = 0.24;
  for (const [name, tasks, repositories, rate] of [
    ['four tasks of four repositories', 4, 4, 0.5],
    ['eight tasks of eight repositories', 8, 8, 0.5],
    ['80 tasks of eight repositories, two of which differ', 80, 8, 0.025],
    ['80 tasks of eight repositories, six of which differ', 80, 8, 0.08],
    ['400 tasks of one repository, four of which differ', 400, 1, 0.01],
  ] as const) {
    test(name, (t) => {
      const rng = createRng(31);
      const clusters = numbered(Array.from({ length: tasks }, (_, i) => `r${i % repositories}`));
      const zero = new Float64Array(tasks);
      const held = { difference: 0, mean: 0, exactMatch: 0 };
      for (let run = 0; run < 2000; run++) {
        const values = zero.map(() => (rng.next() < rate ? change(rng) : 0));
        const ends = estimateDifference(values, zero, clusters, 'graded').ci95!;
        assert.ok(ends[0] >= -100 && ends[1] <= 100 && ends[0] < ends[1], String(ends));
        const truth = rate * MEAN_CHANGE * 100;
        if (ends[0] <= truth && truth <= ends[1]) held.difference++;
        // Scores of 1 or 0.5: a mean of 0.5 + rate / 2.
        const scores = zero.map(() => (rng.next() < rate ? 1 : 0.5));
        const around = estimateMean({ values: scores, ...clusters }, 'graded').ci95!;
        assert.ok(around[0] >= 0 && around[1] <= 100 && around[0] < around[1], String(around));
        if (around[0] <= 50 + rate * 50 && 50 + rate * 50 <= around[1]) held.mean++;
        const of = zero.map(() => (rng.next() < rate ? 1 : 0));
        const base = zero.map(() => (rng.next() < rate ? 1 : 0));
        const em = estimateDifference(of, base, clusters, 'binary').ci95!;
        assert.ok(em[0] >= -100 && em[1] <= 100 && em[0] < em[1], String(em));
        if (em[0] <= 0 && 0 <= em[1]) held.exactMatch++;
      }
      t.diagnostic(JSON.stringify(held));
      assert.ok(held.difference >= 1860, `difference: ${held.difference / 20} %`);
      assert.ok(held.exactMatch >= 1860, `EM: ${held.exactMatch / 20} %`);
      // With ten tasks or more a mean has its t interval, which knows nothing of scores that hardly vary.
      if (tasks < 10) assert.ok(held.mean >= 1860, `mean: ${held.mean / 20} %`);
    });
  }
});
