/**
 * @file Numbers of a training in words, for the terminal and the card.
 */

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
    ...(['own - no-context', 'own - shuffled'] as const).flatMap((key) => {
      const found = differences[key];
      return found === undefined ? [] : [`${key} ${natsText(found)}`];
    }),
    ...(reconstruction === null ? [] : [`written: own - other ${natsText(reconstruction.ownLessOther)}`]),
  ];
  return `${stage} ${step}: ${parts.join(', ')}${isBest ? ' (best)' : ''}`;
}
