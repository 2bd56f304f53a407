/**
 * @file What commands get from the process, passed in so that they can be run without one.
 */

import { performance } from 'node:perf_hooks';
import type { Clock } from '../../domain/clock.js';
import type { ExitCode } from '../../domain/errors.js';
import { printableStream } from './foreign-text.js';
import { invocationOf, type Invocation } from './invocation.js';

export interface Shell {
  /** How the process was started: the program in words that start it again, and its arguments. */
  readonly invocation: Invocation;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Monotonic, in milliseconds. */
  readonly clock: Clock;
  readonly wallClock: () => Date;
  /** Aborted when the user asks to stop; commands finish the task at hand and return. */
  readonly interrupt: AbortSignal;
  /** Sets the exit code; the process ends when its work does. */
  exit(code: ExitCode): void;
}

/** The shell of the running process. The first SIGINT or SIGTERM asks to stop, a second one ends it. */
export function processShell(): Shell {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    invocation: invocationOf(process.argv, process.env, process.cwd()),
    stdout: printableStream(process.stdout),
    stderr: printableStream(process.stderr),
    clock: () => performance.now(),
    wallClock: () => new Date(),
    interrupt: controller.signal,
    exit(code) {
      process.exitCode = code;
    },
  };
}
