/**
 * @file P-values of medians of ratios, one comparison and a family of them, by flipping the signs of whole units.
 *
 * A unit is a repository where there are enough of them, else a task (or a round of a latency measurement). Every unit
 * adds S_g = (ratios above 1) - (ratios below 1). If the median of a comparison is 1, S_g is as likely to be positive
 * as negative, and so is the sum over units with any of its signs flipped. A p-value is the share of all flips whose
 * sum is at least as far from 0 as the sum that was seen. Flips that reach exactly as far count half, as in the
 * interval of the median (`median-interval.ts`), which inverts the same test.
 *
 * With G units a p-value is at least 2 / 2^G: two of the 2^G flips leave the distance as it is. Eight repositories
 * never give less than 1/128, whatever the effect.
 *
 * A correction by Holm would multiply this least p-value by the number of comparisons, and then eight repositories could
 * not show anything among seven comparisons. The comparisons of a run share their units. So one flip is applied to all
 * of them at once, and a comparison is held against the farthest sum of all that are not above it (step-down max-T). The
 * least corrected p-value is again 2 / 2^G.
 *
 * Sources: Westfall & Young, Resampling-Based Multiple Testing (1993), algorithm 4.1; Romano & Wolf, JASA 100 (2005) 94;
 * Canay, Romano & Shaikh, Econometrica 85 (2017) 1013 for sign changes with few clusters.
 */

import type { Rng } from '../tensor/rng.js';
import type { Clustered } from './clusters.js';
import { binomialTail } from './statistics.js';

/** Up to this many units every flip is used: 2^11 of them, half of which are mirror images. */
const ENUMERATED_UNITS = 11;
/** Random flips beyond that. */
const RANDOM_FLIPS = 1999;
/** Two shares of tasks are the same number. */
const EQUAL = 1e-12;

/** What a comparison has in each unit: S_g over the number of all its ratios. */
export interface UnitSigns {
  /** One share for each unit of the family, in [-1, 1]; 0 for a unit without a ratio. */
  readonly shares: Float64Array;
}

/** The signs of log ratios, by repository. */
export function signsByCluster({ values, cluster, count }: Clustered): UnitSigns {
  const shares = new Float64Array(count);
  for (let i = 0; i < values.length; i++) shares[cluster[i]!]! += Math.sign(values[i]! - 1) / values.length;
  return { shares };
}

/**
 * The same with every task as a unit.
 *
 * @param ratios One a task, NaN where there is none.
 */
export function signsByTask(ratios: Float64Array): UnitSigns {
  let n = 0;
  for (const ratio of ratios) if (!Number.isNaN(ratio)) n++;
  return { shares: ratios.map((ratio) => (Number.isNaN(ratio) ? 0 : Math.sign(ratio - 1) / n)) };
}

/**
 * The sign test of a median of 1 over tasks, two-sided and exact.
 *
 * @example signTest(new Float64Array(6).fill(0.5)) // => 2 / 2^6
 */
export function signTest(ratios: Float64Array): number {
  let above = 0;
  let below = 0;
  for (const ratio of ratios) {
    if (ratio > 1) above++;
    if (ratio < 1) below++;
  }
  return Math.min(1, 2 * binomialTail(above + below, Math.min(above, below)));
}

/**
 * Corrected p-values of comparisons with the same units, in the order given. With one comparison it is the p-value of
 * that comparison alone.
 *
 * @param rng For more than eleven units.
 * @example
 * // Eight repositories, in each of which every ratio is below 1: 2 of 256 flips.
 * flippedPs([{ shares: new Float64Array(8).fill(-1 / 8) }], rng) // => [1 / 128]
 */
export function flippedPs(family: readonly UnitSigns[], rng: Rng): number[] {
  const units = Math.max(0, ...family.map(({ shares }) => shares.length));
  const used = Array.from({ length: units }, (_, g) => g).filter((g) =>
    family.some(({ shares }) => shares[g] !== 0),
  );
  const columns = family.map(({ shares }) => Float64Array.from(used, (g) => shares[g] ?? 0));
  const seen = columns.map((shares) => Math.abs(shares.reduce((sum, share) => sum + share, 0)));
  // The farthest first. A flip is counted for a comparison if one that is not above it reaches its distance.
  const order = [...seen.keys()].sort((a, b) => seen[b]! - seen[a]!);
  const reached = new Float64Array(family.length);
  const flips = countFlips(used.length);
  const signs = new Int8Array(used.length);
  const distances = new Float64Array(family.length);
  for (let flip = 1; flip <= flips; flip++) {
    drawSigns(signs, flip, rng);
    for (const [j, shares] of columns.entries()) {
      let sum = 0;
      for (let g = 0; g < shares.length; g++) sum += signs[g]! * shares[g]!;
      distances[j] = Math.abs(sum);
    }
    let farthest = 0;
    for (let rank = order.length - 1; rank >= 0; rank--) {
      const j = order[rank]!;
      farthest = Math.max(farthest, distances[j]!);
      if (farthest > seen[j]! + EQUAL) reached[j]!++;
      else if (farthest > seen[j]! - EQUAL) reached[j]! += 0.5;
    }
  }
  const ps = new Array<number>(family.length);
  let least = 0;
  for (const j of order) {
    least = Math.max(least, (1 + reached[j]!) / (1 + flips));
    // A sum of 0 is as near as can be.
    ps[j] = seen[j]! < EQUAL ? 1 : Math.min(1, least);
  }
  return ps;
}

/** Flips beside the one that changes nothing. A flip and its mirror image are one. */
function countFlips(units: number): number {
  return units <= ENUMERATED_UNITS ? Math.max(0, 2 ** (units - 1) - 1) : RANDOM_FLIPS;
}

/** Fills in the signs of a flip: by the bits of its number, or at random. */
function drawSigns(signs: Int8Array, flip: number, rng: Rng): void {
  let bits = flip;
  for (let g = 0; g < signs.length; g++) {
    if (signs.length > ENUMERATED_UNITS && g % 32 === 0) bits = rng.uint32();
    signs[g] = ((bits >>> (g % 32)) & 1) === 1 ? -1 : 1;
  }
}
