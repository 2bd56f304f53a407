/**
 * @file What readings are called, the same in tables, charts and on the terminal.
 */

import type { Carried } from '../../probe/identifiers.js';
import type { Perturbation } from '../../probe/perturbations.js';

/** @example perturbationName({ kind: 'noise', ratio: 0.5 }) // => 'noise of 0.5 norms' */
export function perturbationName(of: Perturbation): string {
  switch (of.kind) {
    case 'interpolated':
      return of.alpha === 1 ? 'other chunks' : `${of.alpha * 100} % other chunks`;
    case 'noise':
      return `noise of ${of.ratio} norm${of.ratio === 1 ? '' : 's'}`;
    case 'random':
      return 'random vectors';
  }
}

const CARRIED_NAMES: Readonly<Record<Carried, string>> = {
  own: 'own soft tokens',
  other: 'another chunk’s',
  none: 'none',
};

export function carriedName(behind: Carried): string {
  return CARRIED_NAMES[behind];
}
