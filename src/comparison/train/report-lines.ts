/**
 * @file Numbers of a training in words, for the terminal and the card.
 */

import { formatBytes } from '../../domain/units.js';
import type { NatsMean, ValidationResult } from '../../training/loop/validation.js';

/** @example natsText({ mean: -0.031, ci95: [-0.05, -0.012] }) // => '-0.031 [-0.050, -0.012]' */
export function natsText({ mean, ci95 }: NatsMean): string {
  return ci95 === null
    ? mean.toFixed(3)
    : `${mean.toFixed(3)} [${ci95[0].toFixed(3)}, ${ci95[1].toFixed(3)}]`;
}

/** One line on a validation. */
export function validationLine(
  stage: string,
  step: number,
  { means, differences, reconstruction }: ValidationResult,
  isBest: boolean,
): string {
  const parts = [
    ...Object.entries(means).map(([variant, { mean }]) => `${variant} ${mean.toFixed(3)}`),
    ...(['own - no-chunks', 'own - shuffled'] as const).flatMap((key) => {
      const found = differences[key];
      return found === undefined ? [] : [`${key} ${natsText(found)}`];
    }),
    ...(reconstruction === null ? [] : [`written: own - other ${natsText(reconstruction.ownLessOther)}`]),
  ];
  return `${stage} ${step}: ${parts.join(', ')}${isBest ? ' (best)' : ''}`;
}

/** What kept prefixes take on disk, said before they are made. */
export function prefixCost(positions: readonly number[], bytesEach: number, mostBytes: number): string {
  const total = positions.reduce((sum, value) => sum + value, 0) * bytesEach;
  return (
    `Kept prefixes: ${positions.length} holes, ${formatBytes(bytesEach)} a position, ${formatBytes(total)} in all` +
    (total > mostBytes
      ? `, of which ${formatBytes(mostBytes)} are kept and the rest is computed each time.`
      : '.')
  );
}
