/**
 * @file Sides of a comparison that take turns, and what their neighbouring times say.
 */

import { quantile } from '../src/metrics/statistics.js';
import { signTestInterval } from '../src/metrics/median-interval.js';
import { createRng } from '../src/tensor/rng.js';

/** Half of what a 95 % interval leaves out. */
const TAIL = 0.025;

/**
 * Times of every side, one a round: in each round all sides run once, in an order of the round's own.
 *
 * @param sides What to time; each returns the time it took, in milliseconds.
 * @param warmUps Rounds that are not kept.
 */
export async function takeTurns<Name extends string>(
  sides: Readonly<Record<Name, () => Promise<number>>>,
  rounds: number,
  warmUps = 2,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(sides) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const rng = createRng(rounds);
  for (let round = -warmUps; round < rounds; round++) {
    for (const name of rng.shuffle(names)) {
      const elapsed = await sides[name]();
      if (round >= 0) times[name].push(elapsed);
    }
  }
  return times;
}

export interface Ratio {
  readonly median: number;
  /** 95 %, distribution-free; null below six rounds. */
  readonly ci95: readonly [number, number] | null;
}

/** Median of the ratios of the same round. */
export function pairedRatio(times: readonly number[], base: readonly number[]): Ratio {
  const ratios = times.map((time, round) => time / base[round]!);
  return {
    median: quantile(ratios, 0.5)!,
    ci95: signTestInterval(Float64Array.from(ratios).sort(), TAIL),
  };
}

/** @example showRatio({ median: 1.004, ci95: [0.99, 1.01] }) // => '1.004 [0.990, 1.010]' */
export function showRatio({ median, ci95 }: Ratio, digits = 3): string {
  const interval = ci95 === null ? '' : ` [${ci95.map((bound) => bound.toFixed(digits)).join(', ')}]`;
  return `${median.toFixed(digits)}${interval}`;
}

export function medianOf(times: readonly number[]): number {
  return quantile(times, 0.5) ?? NaN;
}
