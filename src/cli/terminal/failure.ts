/**
 * @file How a failure is told: its text for the terminal and its exit code.
 *
 * Three kinds. A user can mend a wrong command line or unusable data: message and hints. A user can often mend
 * what the operating system refused: message, place and what to do. Anything else is a defect of this program: its
 * stack, and a request to report it. Exit code 1 belongs to the gate alone, so none of them ends with it.
 */

import { inspect } from 'node:util';
import { DownloadError, EXIT, UserError, type ExitCode } from '../../domain/errors.js';
import { adviceFor, isSystemError, type SystemError } from '../../files/file-system-error.js';

export interface Failure {
  /** Ends in a newline. */
  readonly text: string;
  readonly exitCode: ExitCode;
}

/**
 * What to print about a thrown value, and how to exit.
 *
 * @param cacheDir The program's cache: a failure in it can be mended by moving it.
 */
export function describeFailure(error: unknown, cacheDir: string): Failure {
  if (error instanceof UserError) {
    const isCancelled = error instanceof DownloadError && error.problem === 'cancelled';
    return {
      text: `llava-eval: ${error.render()}\n`,
      exitCode: isCancelled ? EXIT.interrupted : error.exitCode,
    };
  }
  if (isSystemError(error)) {
    const lines = [error.message, ...adviceFor(error), ...cacheAdvice(error, cacheDir)];
    return { text: `llava-eval: ${lines.join('\n  ')}\n`, exitCode: EXIT.unusable };
  }
  return {
    text:
      `llava-eval: this is a defect of the program, not of what you gave it\n${inspect(error)}\n` +
      'please report it with this text and the command that led to it\n',
    exitCode: EXIT.defect,
  };
}

function cacheAdvice({ path }: SystemError, cacheDir: string): string[] {
  return typeof path === 'string' && path.startsWith(cacheDir)
    ? ['it is in the cache of the program; LLAVA_EVAL_CACHE names another folder for it']
    : [];
}
