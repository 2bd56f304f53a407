/**
 * @file Branded numbers: a count cannot be passed where a token id or a duration is meant.
 *
 * Each brand has exactly one constructor, which checks what the brand promises.
 */

/** Wall time in milliseconds, from a monotonic clock. */
export type Ms = number & { readonly __unit: 'ms' };

/** Index into a model's vocabulary. Not a count and not a position. */
export type TokenId = number & { readonly __unit: 'token-id' };

/**
 * Marks a number as milliseconds.
 *
 * @throws {RangeError} If the number is negative or not finite: a monotonic clock yields neither.
 */
export function ms(value: number): Ms {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`not a duration in ms: ${value}`);
  return value as Ms;
}

/**
 * Marks a number as a token id.
 *
 * @throws {RangeError} If the number is not a non-negative integer.
 */
export function tokenId(value: number): TokenId {
  if (!Number.isInteger(value) || value < 0) throw new RangeError(`not a token id: ${value}`);
  return value as TokenId;
}

/** Sum of durations. */
export function addMs(...parts: readonly Ms[]): Ms {
  return ms(parts.reduce((sum, part) => sum + part, 0));
}

/**
 * A number of bytes for people, in decimal units, as the hub and the makers of disks count them.
 *
 * @example formatBytes(3_087_467_144) // => '3.09 GB'
 */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]!}`;
}
