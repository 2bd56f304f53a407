/**
 * @file Gradients that are too long are made shorter, all by the same factor.
 *
 * Source: `torch.nn.utils.clip_grad_norm_`: factor = limit / (norm + 1e-6), never above 1.
 */

/** The Euclidean length of all gradients together. */
export function gradientNorm(gradients: ReadonlyMap<string, Float32Array>): number {
  let squares = 0;
  for (const values of gradients.values()) for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

/**
 * Shortens gradients in place.
 *
 * @param limit Null leaves them as they are.
 * @returns Their length before.
 */
export function clipByNorm(gradients: ReadonlyMap<string, Float32Array>, limit: number | null): number {
  const norm = gradientNorm(gradients);
  const factor = limit === null ? 1 : Math.min(1, limit / (norm + 1e-6));
  if (factor < 1) {
    for (const values of gradients.values()) for (let i = 0; i < values.length; i++) values[i]! *= factor;
  }
  return norm;
}
