/**
 * @file What two timings of one prompt differ by.
 */

import { configurationLabel } from '../../../run/record.js';
import { fixed, interval } from '../../format.js';
import type { Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';

export function noise({ summary }: Context): Section | null {
  const floor = summary.noiseFloor;
  if (floor === null) return null;
  const { p50, ci95 } = floor.ratio;
  return {
    id: 'noise',
    title: 'Noise of the clock',
    short: 'Noise',
    intro: [
      `Each task timed its prompt of ${configurationLabel(floor.configuration, summary.spec.topK)} twice, in two places of ` +
        `the random order. Over ${floor.pairs} pairs the second timing is ${fixed(p50, 3)} times the first ` +
        `${interval(ci95, 3)}. A difference of TTFT within this interval is noise and is called tied.`,
    ],
    charts: [],
    tables: [],
    notes: [],
  };
}
