/**
 * @file Time is passed in, so that code that measures can be tested with a clock that is told what to say.
 */

import { ms, type Ms } from './units.js';

/** Milliseconds since some fixed moment, never going back. */
export type Clock = () => number;

/** Measures one stretch of work: `const elapsed = stopwatch(clock); …; elapsed()`. */
export function stopwatch(clock: Clock): () => Ms {
  const start = clock();
  return () => ms(Math.max(0, clock() - start));
}
