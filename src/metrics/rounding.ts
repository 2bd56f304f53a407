/**
 * @file Rounding as the reference harnesses do it.
 */

/**
 * Python's `round(value, 2)`: the decimal nearest to the binary value, an exact tie to the even digit.
 *
 * `toFixed` already works on the exact binary value but sends ties up. A binary number can lie
 * exactly between two hundredths only if it is an odd multiple of 1/8.
 *
 * @example roundHalfEven2(0.125) // => 0.12
 * @example roundHalfEven2(2.675) // => 2.67 (the binary value lies below the tie)
 */
export function roundHalfEven2(value: number): number {
  const eighths = value * 8;
  if (Number.isInteger(eighths) && Math.abs(eighths % 2) === 1) {
    const below = Math.floor(value * 100);
    return (below % 2 === 0 ? below : below + 1) / 100;
  }
  return Number(value.toFixed(2));
}
