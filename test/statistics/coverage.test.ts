/**
 * How often the intervals of a run hold the truth, over 1,000 synthetic runs each. Seeded, so the counts are the same
 * on every machine. scripts/interval-coverage.ts sets them beside the usual intervals.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { estimateDifference, estimateRatio } from '../../src/statistics/paired.js';
import { createRng } from '../../src/tensor/rng.js';
import { drawAfter, drawColumn, drawTasks, type World } from '../support/synthetic-runs.js';
import { some } from '../support/some.js';

const RUNS = 1000;
/** True differences: 2 points of EM, so 0.8 of ES, and a median time ratio of 0.5. */
const EFFECT = { exactMatch: 0.02, ttftRatio: 0.5, isBalanced: false };

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
    test(`${name}: EM, ES and TTFT ratio`, (t) => {
      const world: World = {
        ...{ sizes, exactMatch, discordance: 0.1, repositoryShift },
        ...{ repositoryLogShift: repositoryShift * 4, timeNoise: 0.08 },
      };
      const rng = createRng(6);
      const held = { exactMatch: 0, editSimilarity: 0, ttftRatio: 0 };
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
      }
      t.diagnostic(JSON.stringify(held));
      for (const [what, count] of some(Object.entries(held))) {
        assert.ok(count >= 930 && count <= 970, `${what}: ${count / 10} %`);
      }
    });
  }
});
