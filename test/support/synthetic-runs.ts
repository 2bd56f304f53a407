/**
 * @file Runs whose truth is known, for measuring how often intervals and gates are right.
 *
 * A world has repositories of given sizes. A task has a latent difficulty shared by all configurations and a
 * prompt length that depends on its repository. What is realistic about it, on purpose:
 * - EM of 1 to 55 %, different between repositories by up to half its size either way;
 * - two configurations disagree on few tasks (the discordance), in both directions;
 * - repositories differ in the true effect: bounded shifts with mean zero (the intra-cluster correlation);
 * - ES moves with EM, and by a little on many tasks besides;
 * - the nats a token of the true completion are log-normal over tasks, and two configurations differ in them by
 *   heavy-tailed amounts on all tasks (measured with `llava-eval run` on 1,600 tasks: standard deviation 0.03 between
 *   soft tokens of other chunks, 0.1 between texts of other chunks, 0.4 with and without the right chunks);
 * - a time is machine speed x prompt length x log-normal noise, and one in fifty is an outlier of 1 to 8 times
 *   its size; machine speed differs by up to half between runs, and each pipeline's time by about 0.5 % more
 *   (memory layout, neighbours) in a way that no task of the run averages out.
 */

import { basisOf } from '../../src/statistics/clusters.js';
import { noLikelihood } from '../../src/report/numbers/likelihood.js';
import type { OutcomeColumn, OutcomeTable } from '../../src/report/numbers/outcomes.js';
import type { Configuration } from '../../src/run/record.js';
import type { Rng } from '../../src/tensor/rng.js';

/** A standard normal number (Box and Muller). */
export function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.next())) * Math.cos(2 * Math.PI * rng.next());
}

/** A number from -1 to 1 with standard deviation 1 / sqrt(3): bounded, so that rates stay rates. */
function spread(rng: Rng): number {
  return 2 * rng.next() - 1;
}

export interface World {
  /** Tasks of each repository. */
  readonly sizes: readonly number[];
  /** EM of the base, a fraction. */
  readonly exactMatch: number;
  /** Share of tasks on which two configurations differ in EM; at most `exactMatch` (both ways need room). */
  readonly discordance: number;
  /** Largest shift of a repository's true EM difference; 0 for no intra-cluster correlation. */
  readonly repositoryShift: number;
  /** Largest shift of a repository's true log ratio of times. */
  readonly repositoryLogShift: number;
  /** Standard deviation of the log of a time about its mean. */
  readonly timeNoise: number;
  /** Standard deviation of the difference of two configurations in nats a token. */
  readonly natsNoise: number;
  /** Largest shift of a repository's true difference in nats a token. */
  readonly repositoryNatsShift: number;
}

/** The tasks of one world, and what all configurations share. */
export interface Tasks {
  readonly cluster: Int32Array;
  readonly count: number;
  /** EM rate of each task's repository. */
  readonly rate: Float64Array;
  /** ES of each task that is wrong, before anything moves it. */
  readonly similarity: Float64Array;
  /** Time of its prompt on a machine of speed 1. */
  readonly timeMs: Float64Array;
  /** Of its reference, in a configuration of its own. */
  readonly natsPerToken: Float64Array;
}

export function drawTasks({ sizes, exactMatch }: World, rng: Rng): Tasks {
  const n = sizes.reduce((a, b) => a + b, 0);
  const tasks = {
    cluster: new Int32Array(n),
    count: sizes.length,
    rate: new Float64Array(n),
    similarity: new Float64Array(n),
    timeMs: new Float64Array(n),
    natsPerToken: new Float64Array(n),
  };
  let i = 0;
  for (const [g, size] of sizes.entries()) {
    const rate = exactMatch * (1 + 0.5 * spread(rng));
    const length = Math.exp(0.3 * normal(rng));
    for (let k = 0; k < size; k++, i++) {
      tasks.cluster[i] = g;
      tasks.rate[i] = rate;
      tasks.similarity[i] = 0.2 + 0.3 * rng.next();
      tasks.timeMs[i] = 5 + 50 * length * Math.exp(0.5 * normal(rng));
    }
  }
  // Drawn last, so that everything else is as it was before there were likelihoods.
  i = 0;
  for (const size of sizes) {
    const level = 0.5 + 0.2 * normal(rng);
    for (let k = 0; k < size; k++, i++) {
      tasks.natsPerToken[i] = Math.exp(level + 0.6 * normal(rng));
    }
  }
  return tasks;
}

/** What differs between a configuration and the one it is drawn from. */
export interface Effect {
  /** True difference in EM, a fraction. */
  readonly exactMatch: number;
  /** True ratio of times. */
  readonly ttftRatio: number;
  /** True difference in nats a token. */
  readonly nats: number;
  /** Whether repositories shift by amounts that cancel, so that these repositories, too, have the true mean. */
  readonly isBalanced: boolean;
}

type Column = Omit<OutcomeColumn, 'configuration'>;

/** A column of its own: right with the rate of each task's repository. */
export function drawColumn(tasks: Tasks, world: World, machine: number, rng: Rng): Column {
  const n = tasks.rate.length;
  const column = emptyColumn(n);
  for (let i = 0; i < n; i++) {
    column.exactMatch[i] = rng.next() < tasks.rate[i]! ? 1 : 0;
    column.editSimilarity[i] = tasks.similarity[i]! + 0.4 * column.exactMatch[i]!;
    column.ttftMs[i] = tasks.timeMs[i]! * machine * noise(world, rng);
    column.controlMs[i] = tasks.timeMs[i]! * machine * noise(world, rng);
    column.likelihood.perToken[i] = tasks.natsPerToken[i]!;
  }
  return column;
}

/**
 * A column that differs from another by a true effect: lost with (d - effect) / 2, won with (d + effect) / 2,
 * d the discordance. ES moves by 0.4 with EM, and on three tasks in ten by up to 0.1 either way.
 *
 * @param time The column that its times are drawn after; their ratio is `effect.ttftRatio` in the middle.
 */
export function drawAfter(
  base: Column,
  tasks: Tasks,
  world: World,
  effect: Effect,
  machine: number,
  rng: Rng,
): Column {
  const n = tasks.rate.length;
  const column = emptyColumn(n);
  const shifts = repositoryShifts(tasks, world.repositoryShift, effect.isBalanced, rng);
  const logShifts = repositoryShifts(tasks, world.repositoryLogShift, effect.isBalanced, rng);
  for (let i = 0; i < n; i++) {
    const g = tasks.cluster[i]!;
    const rate = tasks.rate[i]!;
    const net = effect.exactMatch + shifts[g]!;
    const isRight = base.exactMatch[i] === 1;
    const flips = isRight ? (world.discordance - net) / 2 / rate : (world.discordance + net) / 2 / (1 - rate);
    const isNowRight = rng.next() < flips ? !isRight : isRight;
    const moved = rng.next() < 0.3 ? 0.1 * spread(rng) : 0;
    column.exactMatch[i] = isNowRight ? 1 : 0;
    column.editSimilarity[i] =
      base.editSimilarity[i]! + 0.4 * (column.exactMatch[i]! - base.exactMatch[i]!) + moved;
    const timeMs = tasks.timeMs[i]! * effect.ttftRatio * Math.exp(logShifts[g]!);
    column.ttftMs[i] = timeMs * machine * noise(world, rng);
  }
  const natsShifts = repositoryShifts(tasks, world.repositoryNatsShift, effect.isBalanced, rng);
  for (let i = 0; i < n; i++) {
    const moved = world.natsNoise * heavyTailed(rng);
    column.likelihood.perToken[i] =
      base.likelihood.perToken[i]! + effect.nats + natsShifts[tasks.cluster[i]!]! + moved;
  }
  return column;
}

/** Mean 0 and standard deviation 1: most are small, a few are large. */
function heavyTailed(rng: Rng): number {
  // E exp(2 Z) is e^2.
  return (normal(rng) * Math.exp(normal(rng))) / Math.E;
}

/** Speed of the machine of a run against one of speed 1: from two thirds to one and a half. */
export function drawMachine(rng: Rng): number {
  return Math.exp(0.4 * spread(rng));
}

function repositoryShifts(
  { cluster, count }: Tasks,
  largest: number,
  isBalanced: boolean,
  rng: Rng,
): Float64Array {
  const shifts = Float64Array.from({ length: count }, () => (largest === 0 ? 0 : largest * spread(rng)));
  if (isBalanced && largest > 0) {
    let mean = 0;
    for (const g of cluster) mean += shifts[g]! / cluster.length;
    for (let g = 0; g < count; g++) shifts[g]! -= mean;
  }
  return shifts;
}

function noise({ timeNoise }: World, rng: Rng): number {
  const outlier = rng.next() < 0.02 ? 1 + 7 * rng.next() ** 2 : 1;
  return Math.exp(timeNoise * normal(rng)) * outlier;
}

function emptyColumn(n: number): Column {
  return {
    exactMatch: new Float64Array(n),
    editSimilarity: new Float64Array(n),
    ttftMs: new Float64Array(n),
    controlMs: new Float64Array(n).fill(NaN),
    likelihood: { ...noLikelihood(n), perToken: new Float64Array(n) },
  };
}

/** The table that a run with these columns leaves. */
export function tableOf(tasks: Tasks, columns: readonly (readonly [Configuration, Column])[]): OutcomeTable {
  return {
    taskIds: Array.from(tasks.rate, (_, i) => `${tasks.cluster[i]}/${i}`),
    cluster: tasks.cluster,
    count: tasks.count,
    basis: basisOf(tasks.count),
    columns: columns.map(([configuration, column]) => ({ configuration, ...column })),
  };
}
