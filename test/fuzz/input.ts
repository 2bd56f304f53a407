/**
 * @file Which input a number stands for: the same seed, target and number give the same bytes everywhere.
 */

import { createHash } from 'node:crypto';
import { createRng } from '../../src/tensor/rng.js';
import { pick, type FuzzTarget } from './target.js';

/** The seeds of a target, made once a process. */
const made = new Map<string, readonly Buffer[]>();

async function seedsOf(target: FuzzTarget): Promise<readonly Buffer[]> {
  const known = made.get(target.name);
  if (known !== undefined) return known;
  const seeds = await target.seeds();
  if (seeds.length === 0) throw new RangeError(`${target.name} has no seed`);
  made.set(target.name, seeds);
  return seeds;
}

/** The input of a number. The first numbers of a target are its seeds as they are. */
export async function inputOf(target: FuzzTarget, seed: number, index: number): Promise<Buffer> {
  const seeds = await seedsOf(target);
  const asItIs = seeds[index];
  if (asItIs !== undefined) return asItIs;
  const digest = createHash('sha256').update(`${seed}\n${target.name}\n${index}`).digest();
  const rng = createRng(digest.readUIntBE(0, 6));
  return target.mutate(pick(seeds, rng), pick(seeds, rng), rng);
}
