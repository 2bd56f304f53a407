/**
 * @file In which order samples are seen: random, in batches of samples of similar length.
 *
 * The order follows from seed and pass alone. A run that goes on after an interruption computes it again, and no state of
 * a generator needs to be kept.
 */

import { sha256 } from '../../domain/hash.js';
import { createRng, type Rng } from '../../tensor/rng.js';

/** Batches whose samples are sorted by length together. */
const BATCHES_TOGETHER = 16;

/** A generator for something that keys name: the same keys give the same numbers. */
export function rngFor(...keys: readonly (string | number)[]): Rng {
  return createRng(Number.parseInt(sha256(JSON.stringify(keys)).slice(0, 12), 16));
}

/** Batches of indices, without end. */
export class BatchOrder {
  readonly #lengths: readonly number[];
  readonly #size: number;
  readonly #keys: readonly (string | number)[];
  #pass = -1;
  #batches: readonly (readonly number[])[] = [];

  /**
   * @param lengths One a sample; at least one.
   * @param size    Samples of a batch; the last batch of a pass may have fewer.
   * @param keys    Seed, and whatever else the order shall depend on.
   */
  constructor(lengths: readonly number[], size: number, keys: readonly (string | number)[]) {
    if (lengths.length === 0) throw new RangeError('an order needs at least one sample');
    this.#lengths = lengths;
    this.#size = size;
    this.#keys = keys;
  }

  get batchesPerPass(): number {
    return Math.ceil(this.#lengths.length / this.#size);
  }

  /** The n-th batch, from 0. Each pass has each sample once. */
  batch(n: number): readonly number[] {
    const pass = Math.floor(n / this.batchesPerPass);
    if (pass !== this.#pass) {
      this.#pass = pass;
      this.#batches = this.#arrange(rngFor(...this.#keys, 'pass', pass));
    }
    return this.#batches[n % this.batchesPerPass]!;
  }

  #arrange(rng: Rng): readonly (readonly number[])[] {
    const order = rng.shuffle([...this.#lengths.keys()]);
    const window = this.#size * BATCHES_TOGETHER;
    const batches: number[][] = [];
    for (let at = 0; at < order.length; at += window) {
      const alike = order
        .slice(at, at + window)
        .sort((a, b) => this.#lengths[a]! - this.#lengths[b]! || a - b);
      for (let i = 0; i < alike.length; i += this.#size) batches.push(alike.slice(i, i + this.#size));
    }
    return rng.shuffle(batches);
  }
}
