/**
 * @file How often do 95 % intervals hold the truth? The table of docs/statistics.md: ours beside the usual ones.
 *
 *     npx tsx scripts/interval-coverage.ts [RUNS]
 *
 * Synthetic runs of known truth (test/support/synthetic-runs.ts), 1,000 a row unless told otherwise. About five
 * minutes; the claims about our own intervals are also tests (test/metrics/coverage.test.ts).
 */

import { clusteredMean, meanInterval } from '../src/statistics/mean-interval.js';
import { medianInterval } from '../src/statistics/median-interval.js';
import { measured } from '../src/statistics/paired.js';
import { quantile, type Interval } from '../src/statistics/statistics.js';
import { createRng, type Rng } from '../src/tensor/rng.js';
import { drawAfter, drawColumn, drawTasks, type World } from '../test/support/synthetic-runs.js';
import type { Clustered } from '../src/statistics/clusters.js';
import { normalQuantile, normalCdf } from '../src/statistics/distributions.js';

const runs = Number(process.argv[2] ?? 1000);
const RESAMPLES = 499;
/** Fewer: each sorts all values anew. */
const RESAMPLES_OF_MEDIANS = 199;

/** Sizes and sums of the clusters. */
function totals({ values, cluster, count }: Clustered): { sums: Float64Array; sizes: Float64Array } {
  const sums = new Float64Array(count);
  const sizes = new Float64Array(count);
  values.forEach((value, i) => {
    sums[cluster[i]!]! += value;
    sizes[cluster[i]!]!++;
  });
  return { sums, sizes };
}

function ends(statistics: Float64Array, low = 0.025, high = 0.975): Interval {
  return [quantile(statistics, low)!, quantile(statistics, high)!];
}

/** Means, resampling tasks as if they were independent. */
function percentileOverTasks({ values }: Clustered, rng: Rng): Interval {
  return ends(
    Float64Array.from({ length: RESAMPLES }, () => {
      let sum = 0;
      for (let i = 0; i < values.length; i++) sum += values[rng.int(values.length)]!;
      return sum / values.length;
    }),
  );
}

interface Resampled {
  readonly mean: number;
  readonly bootstrapMeans: Float64Array;
  readonly bootstrapTs: Float64Array;
  readonly standardError: number;
  readonly acceleration: number;
}

/** Means, resampling whole repositories. */
function resampleClusters(data: Clustered, rng: Rng): Resampled {
  const { sums, sizes } = totals(data);
  const count = sums.length;
  const errorOf = (pick: (g: number) => number): { mean: number; error: number } => {
    let sum = 0;
    let size = 0;
    for (let g = 0; g < count; g++) {
      sum += sums[pick(g)]!;
      size += sizes[pick(g)]!;
    }
    const mean = sum / size;
    let squares = 0;
    for (let g = 0; g < count; g++) squares += (sums[pick(g)]! - mean * sizes[pick(g)]!) ** 2;
    return { mean, error: Math.sqrt((squares / size ** 2) * (count / (count - 1))) };
  };
  const { mean, error } = errorOf((g) => g);
  const bootstrapMeans = new Float64Array(RESAMPLES);
  const bootstrapTs = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) {
    const picked = Int32Array.from({ length: count }, () => rng.int(count));
    const again = errorOf((g) => picked[g]!);
    bootstrapMeans[r] = again.mean;
    bootstrapTs[r] = (again.mean - mean) / again.error;
  }
  const total = sums.reduce((a, b) => a + b, 0);
  const n = sizes.reduce((a, b) => a + b, 0);
  const left = sums.map((sum, g) => (total - sum) / (n - sizes[g]!));
  const center = left.reduce((a, b) => a + b, 0) / count;
  // Where no repository differs from another there is nothing to accelerate.
  const cubes = left.reduce((a, b) => a + (center - b) ** 3, 0);
  const squares = left.reduce((a, b) => a + (center - b) ** 2, 0);
  return {
    ...{ mean, bootstrapMeans, bootstrapTs, standardError: error },
    acceleration: squares === 0 ? 0 : cubes / (6 * squares ** 1.5),
  };
}

/** Efron's bias-corrected and accelerated interval. */
function bca({ mean, bootstrapMeans, acceleration }: Resampled): Interval {
  const below = bootstrapMeans.filter((value) => value < mean).length / RESAMPLES;
  const bias = normalQuantile(Math.min(Math.max(below, 0.5 / RESAMPLES), 1 - 0.5 / RESAMPLES));
  const level = (p: number): number => {
    const z = bias + normalQuantile(p);
    return normalCdf(bias + z / (1 - acceleration * z));
  };
  return ends(bootstrapMeans, level(0.025), level(0.975));
}

/** Medians, resampling whole repositories. */
function percentileMedian({ values, cluster, count }: Clustered, rng: Rng): Interval {
  const groups = Array.from({ length: count }, (_, g) => values.filter((_value, i) => cluster[i] === g));
  return ends(
    Float64Array.from({ length: RESAMPLES_OF_MEDIANS }, () => {
      const sample = groups.flatMap(() => [...groups[rng.int(count)]!]);
      return quantile(sample, 0.5)!;
    }),
  );
}

const equal = (count: number, size: number): number[] => Array<number>(count).fill(size);
const unequal = [600, 300, 200, 150, 100, 80, 50, 20];

function world(sizes: readonly number[], shift: number): World {
  return {
    sizes,
    exactMatch: 0.2,
    discordance: 0.08,
    repositoryShift: shift,
    repositoryLogShift: shift * 5,
    timeNoise: 0.08,
    natsNoise: 0.4,
    repositoryNatsShift: shift,
  };
}

const WORLDS: readonly (readonly [string, World])[] = [
  ['8 x 200', world(equal(8, 200), 0.04)],
  ['8 x 200, no correlation', world(equal(8, 200), 0)],
  ['8 x 10', world(equal(8, 10), 0.04)],
  ['8 of 20 to 600', world(unequal, 0.04)],
  ['40 x 40', world(equal(40, 40), 0.04)],
  ['200 x 5', world(equal(200, 5), 0.04)],
];

process.stdout.write('EM difference: percent of intervals with the truth\n');
process.stdout.write(`${'world'.padEnd(26)}tasks  perc.  BCa  boot-t  CR2 t\n`);
const DELTA = 0.02;
for (const [name, one] of WORLDS) {
  const rng = createRng(20);
  const hits = [0, 0, 0, 0, 0];
  for (let run = 0; run < runs; run++) {
    const tasks = drawTasks(one, rng);
    const base = drawColumn(tasks, one, 1, rng);
    const of = drawAfter(
      base,
      tasks,
      one,
      { exactMatch: DELTA, ttftRatio: 0.5, nats: 0, isBalanced: false },
      1,
      rng,
    );
    const data = measured(
      of.exactMatch.map((value, i) => value - base.exactMatch[i]!),
      tasks,
    );
    const resampled = resampleClusters(data, rng);
    const t = ends(resampled.bootstrapTs);
    const intervals: Interval[] = [
      percentileOverTasks(data, rng),
      ends(resampled.bootstrapMeans),
      bca(resampled),
      [resampled.mean - t[1] * resampled.standardError, resampled.mean - t[0] * resampled.standardError],
      meanInterval(clusteredMean(data)!),
    ];
    intervals.forEach(([low, high], i) => {
      if (low <= DELTA && DELTA <= high) hits[i]!++;
    });
  }
  const cells = hits.map((count) => ((count / runs) * 100).toFixed(1));
  process.stdout.write(`${name.padEnd(26)}${cells.map((cell) => cell.padEnd(7)).join('')}\n`);
}

process.stdout.write('\nmedian TTFT ratio\n');
process.stdout.write(`${'world'.padEnd(26)}perc.  wild\n`);
for (const [name, one] of WORLDS) {
  const rng = createRng(21);
  const hits = [0, 0];
  for (let run = 0; run < runs; run++) {
    const tasks = drawTasks(one, rng);
    const base = drawColumn(tasks, one, 1, rng);
    const of = drawAfter(
      base,
      tasks,
      one,
      { exactMatch: 0, ttftRatio: 0.5, nats: 0, isBalanced: false },
      1,
      rng,
    );
    const data = measured(
      of.ttftMs.map((value, i) => value / base.ttftMs[i]!),
      tasks,
    );
    [percentileMedian(data, rng), medianInterval(data, rng)!].forEach(([low, high], i) => {
      if (low <= 0.5 && 0.5 <= high) hits[i]!++;
    });
  }
  const cells = hits.map((count) => ((count / runs) * 100).toFixed(1));
  process.stdout.write(`${name.padEnd(26)}${cells.map((cell) => cell.padEnd(7)).join('')}\n`);
}
