/**
 * @file Cells of tables: what is shown of a value, and what it is sorted by.
 */

import type { Difference, Estimate, Ratio, Verdict } from '../../../statistics/paired.js';
import type { Recovery } from '../../../statistics/recovery.js';
import { about, fixed, interval, pValue, signed } from '../../format.js';
import type { NatsDifference, NatsEstimate } from '../../numbers/likelihood.js';
import type { Comparison } from '../../numbers/verdicts.js';
import type { Cell } from './section.js';
import { change } from './statements.js';

/** Text, sorted as it stands. */
export function word(text: string): Cell {
  return { text, sort: text };
}

/** A whole number; nothing where there is none. */
export function count(value: number | null): Cell {
  return { text: value === null ? '' : String(value), sort: value };
}

/** With fixed digits; a dash where there is none. */
export function number(value: number | null, digits: number): Cell {
  return { text: fixed(value, digits), sort: value };
}

/** A p-value without its "p"; a dash where nothing was tested. */
export function testResult(p: number | null): Cell {
  return { text: p === null ? '–' : pValue(p).replace('p = ', '').replace('p < ', '< '), sort: p };
}

/** A mean with its interval. */
export function estimate({ mean: value, ci95 }: Estimate): Cell {
  return { text: `${fixed(value, 2)} ${interval(ci95, 2)}`.trimEnd(), sort: value };
}

/** A paired difference with its interval and its verdict. */
export function difference(of: Difference): Cell {
  return {
    text: `${signed(of.delta, 2)} ${interval(of.ci95, 2)}`.trimEnd(),
    sort: of.delta,
    verdict: of.verdict,
  };
}

/** A mean in nats with its interval. */
export function nats({ mean: value, ci95 }: NatsEstimate): Cell {
  return { text: `${fixed(value, 3)} ${interval(ci95, 3)}`.trimEnd(), sort: value };
}

/** A paired difference in nats with its interval and its verdict. */
export function natsDifference(of: NatsDifference): Cell {
  return {
    text: `${signed(of.delta, 3)} ${interval(of.ci95, 3)}`.trimEnd(),
    sort: of.delta,
    verdict: of.verdict,
  };
}

/** A share of a gain with its interval; a dash where no gain is shown. */
export function share(of: Recovery | null): Cell {
  if (of === null) return { text: fixed(null, 0), sort: null };
  return { text: `${fixed(of.percent, 0)} % ${interval(of.ci95, 0)}`, sort: of.percent };
}

/** The change of TTFT in percent with its interval and its verdict; a dash where it was not measured. */
export function ttftChange({ ttftRatio }: Comparison): Cell {
  if (ttftRatio === null) return number(null, 1);
  const { percent, ci95 } = change(ttftRatio);
  return {
    text: `${signed(percent, 1)} % ${interval(ci95, 1)}`.trimEnd(),
    sort: percent,
    verdict: ttftRatio.verdict,
  };
}

/** How much data would show what a comparison saw; a dash where it saw nothing. */
export function dataNeeded(
  of: { readonly needed: Difference['needed'] | Ratio['needed']; readonly verdict: Verdict } | null,
): Cell {
  if (of !== null && of.verdict !== 'tied') return { text: 'shown', sort: 0 };
  const needed = of?.needed ?? null;
  if (needed === null) return { text: fixed(null, 0), sort: null };
  switch (needed.of) {
    case 'tasks':
      return { text: about(needed.tasks), sort: needed.tasks };
    case 'repositories':
      return { text: `${about(needed.repositories)} repositories`, sort: needed.tasks };
    case 'noise':
      return { text: 'within A/A', sort: null };
  }
}
