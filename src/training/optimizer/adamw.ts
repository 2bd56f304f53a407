/**
 * @file AdamW: the optimizer of the paper.
 *
 *   p -= rate * decay * p
 *   m = beta1 * m + (1 - beta1) * g          v = beta2 * v + (1 - beta2) * g^2
 *   p -= rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *
 * Numbers are kept in float32, as PyTorch keeps them, so that a checkpoint holds all of them exactly.
 *
 * Source: Loshchilov & Hutter, arXiv 1711.05101; `torch.optim.AdamW`, whose numbers test/golden/training-losses.json has.
 */

export interface AdamWSetting {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** PyTorch's, with the paper's weight decay of 0. */
export const DEFAULT_ADAMW: AdamWSetting = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

/** Both moments of each parameter, and how many steps they have seen. */
export interface Moments {
  steps: number;
  readonly first: Map<string, Float32Array>;
  readonly second: Map<string, Float32Array>;
}

/** Moments before the first step. */
export function freshMoments(parameters: ReadonlyMap<string, Float32Array>): Moments {
  const zeros = (): Map<string, Float32Array> =>
    new Map([...parameters].map(([name, { length }]) => [name, new Float32Array(length)]));
  return { steps: 0, first: zeros(), second: zeros() };
}

/**
 * One step, in place: parameters and moments change.
 *
 * @param gradients Of some parameters; the others stay as they are, and so do their moments.
 * @throws {RangeError} If a gradient belongs to no parameter or has another length.
 */
export function adamwStep(
  parameters: ReadonlyMap<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
  moments: Moments,
  rate: number,
  setting: AdamWSetting = DEFAULT_ADAMW,
): void {
  moments.steps++;
  for (const [name, gradient] of gradients) {
    const moves = adamMoves(parameters, name, gradient, moments, setting);
    const values = parameters.get(name)!;
    const kept = 1 - rate * setting.weightDecay;
    for (let i = 0; i < values.length; i++) values[i] = values[i]! * kept - rate * moves[i]!;
  }
}

/**
 * Takes a gradient into the moments, whose `steps` counts the present one already.
 *
 * @returns What Adam moves each entry by at a rate of 1, against the gradient.
 * @throws {RangeError} If the gradient belongs to no parameter or has another length.
 */
export function adamMoves(
  parameters: ReadonlyMap<string, Float32Array>,
  name: string,
  gradient: Float32Array,
  moments: Moments,
  { beta1, beta2, epsilon }: AdamWSetting,
): Float64Array {
  const m = moments.first.get(name);
  const v = moments.second.get(name);
  if (m === undefined || v === undefined || parameters.get(name)?.length !== gradient.length) {
    throw new RangeError(`the gradient of ${name} has ${gradient.length} numbers, which fits no parameter`);
  }
  const correction1 = 1 - beta1 ** moments.steps;
  const correction2 = 1 - beta2 ** moments.steps;
  return Float64Array.from(gradient, (g, i) => {
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    return m[i] / correction1 / (Math.sqrt(v[i] / correction2) + epsilon);
  });
}
