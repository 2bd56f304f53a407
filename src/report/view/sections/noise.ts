/**
 * @file What two timings of one prompt differ by.
 */

import { configurationLabel } from '../../../run/record.js';
import { leastForMedian } from '../../../statistics/median-interval.js';
import { apart, fixed, interval } from '../../format.js';
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
        `the random order. Over ${floor.pairs} pairs the median of second over first is ${fixed(p50, 3)}` +
        `${ci95 === null ? '' : ` ${interval(ci95, 3)}`}: the slower of the two takes ${fixed(apart(p50), 1)} % longer. ` +
        (ci95 === null
          ? `Fewer than ${leastForMedian(0.025)} pairs have no 95 % interval, so no difference of TTFT is shown.`
          : 'A difference of TTFT within this interval is noise and is called tied.'),
    ],
    charts: [],
    tables: [],
    notes: [],
  };
}
