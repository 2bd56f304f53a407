/**
 * @file Code that measures time gets its clock as an argument, so that tests can pass a clock of their own.
 */

import { ms, type Ms } from './units.js';

/** Milliseconds since some fixed moment, never going back. */
export type Clock = () => number;

/** Measures one stretch of work: `const elapsed = stopwatch(clock); …; elapsed()`. */
export function stopwatch(clock: Clock): () => Ms {
  const start = clock();
  return () => ms(Math.max(0, clock() - start));
}
