/**
 * @file What a comparison tells while it works, and what it gets from its surroundings.
 */

import { performance } from 'node:perf_hooks';
import type { Clock } from '../domain/clock.js';
import { formatBytes } from '../domain/units.js';
import type { FetchProgress, ResolveOptions } from '../hub/resolve.js';

/** Something that a person may want to see while they wait. No result depends on it. */
export type ComparisonEvent =
  /** Work of `total` steps begins; a total of 0 means that there is nothing to wait for. */
  | {
      readonly kind: 'started';
      readonly work: string;
      readonly total: number;
      readonly unit: 'steps' | 'bytes';
    }
  | { readonly kind: 'advanced'; readonly steps: number }
  /** The work that was started is at its end, or has failed. */
  | { readonly kind: 'stopped' }
  /** One line for people. */
  | { readonly kind: 'noted'; readonly line: string };

export type OnEvent = (event: ComparisonEvent) => void;

/** What a comparison gets from whoever starts it. */
export interface Surroundings {
  readonly onEvent: OnEvent;
  /** Asks the comparison to stop after the task at hand; what is recorded stays. */
  readonly signal: AbortSignal;
  /** Monotonic, in milliseconds. */
  readonly clock: Clock;
  readonly wallClock: () => Date;
}

/** Surroundings of a program that wants to hear nothing and never stops the work. */
export function quietSurroundings(): Surroundings {
  return {
    onEvent: () => undefined,
    signal: new AbortController().signal,
    clock: () => performance.now(),
    wallClock: () => new Date(),
  };
}

/** How files of models arrive: told as events, ended by the signal. */
export function fetchingWith({ onEvent, signal }: Surroundings): ResolveOptions {
  return { progress: fetchEvents(onEvent), signal };
}

function fetchEvents(onEvent: OnEvent): FetchProgress {
  return {
    start(title, totalBytes) {
      if (totalBytes === 0) return;
      onEvent({ kind: 'noted', line: `fetching ${title}: ${formatBytes(totalBytes)}` });
      onEvent({ kind: 'started', work: title, total: totalBytes, unit: 'bytes' });
    },
    advance(bytes) {
      onEvent({ kind: 'advanced', steps: bytes });
    },
    stop() {
      onEvent({ kind: 'stopped' });
    },
    note(line) {
      onEvent({ kind: 'noted', line });
    },
  };
}
