/**
 * @file What the logits of one position say: the greedy choice, and how likely given tokens are.
 */

/**
 * Natural logarithm of the probability of any of some tokens: log of the sum of their exponentials, less that of all.
 *
 * @param logits Of one position, [V].
 * @returns NaN or -Infinity where the logits are broken.
 * @example
 * logProbability(Float32Array.of(0, 0, 0, 0), [1]); // => -1.386..., the logarithm of 1/4
 * logProbability(Float32Array.of(0, 0, 0, 0), [1, 2]); // => -0.693..., the logarithm of 1/2
 */
export function logProbability(logits: Float32Array, ids: readonly number[]): number {
  let highest = -Infinity;
  const { length } = logits;
  for (let i = 0; i < length; i++) if (logits[i]! > highest) highest = logits[i]!;
  // In double precision: a sum of 150,000 terms in single precision would lose the fourth digit.
  let all = 0;
  for (let i = 0; i < length; i++) all += Math.exp(logits[i]! - highest);
  let wanted = 0;
  for (const id of ids) wanted += Math.exp(logits[id]! - highest);
  // A single token is taken from its logit: the exponential of a very unlikely one would be 0.
  if (ids.length === 1) return logits[ids[0]!]! - highest - Math.log(all);
  return Math.log(wanted) - Math.log(all);
}

/**
 * Index of the highest number; the lowest index among equals.
 *
 * @example
 * argmax(Float32Array.of(1, 3, 3)); // => 1
 *
 * @throws {RangeError} If there is no number that is higher than any other: empty or all NaN.
 */
export function argmax(numbers: Float32Array): number {
  let best = -1;
  let highest = -Infinity;
  // Length and number are read once, since a vocabulary of 150,000 takes a visible part of a small model's step.
  const { length } = numbers;
  for (let i = 0; i < length; i++) {
    const number = numbers[i]!;
    if (number > highest) {
      highest = number;
      best = i;
    }
  }
  if (best < 0) {
    throw new RangeError(
      `none of ${numbers.length} logits is a number above -Infinity: the decoder computed NaN, as weights do that are ` +
        'damaged or too large for the dtype; try fp32',
    );
  }
  return best;
}
