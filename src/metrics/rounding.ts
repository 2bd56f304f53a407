/**
 * @file Rounding as the reference harnesses do it.
 */

/**
 * Python's `round(value, digits)`: the decimal nearest to the binary value, an exact tie to the even
 * digit.
 *
 * `toFixed` already works on the exact binary value but sends ties up. A binary number lies exactly
 * between two decimals of n digits only if it is an odd multiple of 1 / 2^(n + 1).
 *
 * @param digits From 0 to 5.
 * @example roundHalfEven(0.125, 2) // => 0.12
 * @example roundHalfEven(2.675, 2) // => 2.67 (the binary value lies below the tie)
 */
export function roundHalfEven(value: number, digits: number): number {
  const halves = value * 2 ** (digits + 1);
  if (Number.isInteger(halves) && Math.abs(halves % 2) === 1) {
    const below = Math.floor(value * 10 ** digits);
    return (below % 2 === 0 ? below : below + 1) / 10 ** digits;
  }
  return Number(value.toFixed(digits));
}

/** Two decimals, as almost every published table of EM and ES has them. */
export function roundHalfEven2(value: number): number {
  return roundHalfEven(value, 2);
}
