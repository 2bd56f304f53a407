/**
 * @file The published start of a projector: weights from a normal distribution, everything else neutral.
 *
 * Source: LlavaCode: Linear weights normal(0, 0.02), the decoder's `initializer_range`; biases 0; LayerNorm 1 and 0.
 */

import { createRng } from '../../tensor/rng.js';

const SPREAD = 0.02;

/**
 * Parameters of the given shapes.
 *
 * @param shapes By name: `linear_1.weight`, `ln_1.bias` and so on.
 */
export function randomStart(
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
): Map<string, Float32Array> {
  const rng = createRng(seed);
  return new Map(
    [...shapes].map(([name, shape]) => {
      const values = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
      if (name.endsWith('.bias')) return [name, values];
      if (name.startsWith('ln_')) return [name, values.fill(1)];
      return [name, values.map(() => SPREAD * rng.normal())];
    }),
  );
}
