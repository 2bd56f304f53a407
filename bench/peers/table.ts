/**
 * @file Figures as text.
 */

import type { Estimate } from '../paired.js';

/** Three significant digits, never an exponent. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}

/** "0.52x (0.51 to 0.54)"; "1" for what is compared with itself. */
export function times({ median, low, high }: Estimate): string {
  return low === 1 && high === 1 ? '1' : `${figure(median)}x (${figure(low)} to ${figure(high)})`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
