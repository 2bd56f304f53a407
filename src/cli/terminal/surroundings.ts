/**
 * @file The process as a comparison sees it: events become progress on stderr, SIGINT becomes its signal.
 */

import type { ComparisonEvent, Surroundings } from '../../comparison/events.js';
import { progressOn, SILENT, type Progress } from './progress.js';
import type { Shell } from './shell.js';

/** Progress on stderr, or none if nothing but the result is wanted. */
export function progressOf({ quiet }: { readonly quiet?: boolean | undefined }, shell: Shell): Progress {
  return quiet === true ? SILENT : progressOn(shell.stderr, shell.clock);
}

/** What a comparison gets from this process. */
export function surroundingsOf(shell: Shell, progress: Progress): Surroundings {
  return {
    onEvent: (event) => {
      show(event, progress);
    },
    signal: shell.interrupt,
    clock: shell.clock,
    wallClock: shell.wallClock,
  };
}

function show(event: ComparisonEvent, progress: Progress): void {
  switch (event.kind) {
    case 'started':
      progress.start(event.work, event.total, event.unit);
      return;
    case 'advanced':
      progress.advance(event.steps);
      return;
    case 'stopped':
      progress.stop();
      return;
    case 'noted':
      progress.note(event.line);
      return;
  }
}
