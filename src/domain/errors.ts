/**
 * @file The failures a user can act on, and the exit code of each.
 *
 * A message says where something is wrong and what it is, with the values. The hints say why it matters and what to do
 * next. The shell prints these failures without a stack trace, and it does the same with errors of the operating
 * system. Any other error is a defect of this program and keeps its trace.
 */

import { shortened } from './foreign-text.js';

/** Process exit codes, part of the outward contract. */
export const EXIT = {
  done: 0,
  gateFailed: 1,
  usage: 2,
  unusable: 3,
  /** Some tasks failed in a run that is finished or that ended because of them, or none could be scored. */
  someTasksFailed: 4,
  gateInconclusive: 5,
  /** A defect of this program; the number is that of EX_SOFTWARE in BSD's sysexits.h. */
  defect: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Characters of one line of a message: more than any path and any list of known names. */
const MOST_LINE_CHARACTERS = 2000;
/** Hints of one message. Checks of foreign files give one for each field at fault. */
const MOST_HINTS = 60;

/** Base of all failures that a user can mend. */
export abstract class UserError extends Error {
  abstract readonly exitCode: ExitCode;
  /** Why it matters and what to do next, one sentence a line. */
  readonly hints: readonly string[];

  constructor(message: string, hints: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.hints = hints;
  }

  /**
   * The text for the terminal: the message, then each hint indented by two spaces. Messages quote foreign values, so
   * lines that are too long are cut, and so is a list of hints.
   */
  render(): string {
    const rest = this.hints.length - MOST_HINTS;
    return [
      this.message,
      ...this.hints.slice(0, MOST_HINTS).map((hint) => `  ${hint}`),
      ...(rest > 0 ? [`  and ${rest} more`] : []),
    ]
      .map((line) => shortened(line, MOST_LINE_CHARACTERS))
      .join('\n');
  }
}

/** The command line or the configuration file is wrong. */
export class UsageError extends UserError {
  readonly exitCode = EXIT.usage;
}

/** A dataset, a fetched package or an output folder cannot be used. */
export class DataError extends UserError {
  readonly exitCode = EXIT.unusable;
}

/** A model, its files, its widths or its device cannot be used. */
export class ModelError extends UserError {
  readonly exitCode = EXIT.unusable;
}

/** The device that a model runs on is gone. No further task can be answered, and none has failed by itself. */
export class DeviceLostError extends ModelError {}

/** More tasks failed than the user allows. */
export class TooManyFailuresError extends UserError {
  readonly exitCode = EXIT.someTasksFailed;
}

/** Why something could not be fetched; callers add what this means for their kind of file. */
export type DownloadProblem =
  | 'unreachable'
  | 'unauthorized'
  | 'not-found'
  | 'refused'
  | 'too-large'
  | 'wrong-content'
  | 'not-writable'
  | 'cancelled';

/** A file cannot be fetched, or what was fetched is not the file that was meant. */
export class DownloadError extends UserError {
  readonly exitCode = EXIT.unusable;
  readonly problem: DownloadProblem;

  constructor(
    problem: DownloadProblem,
    message: string,
    hints: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, hints, options);
    this.problem = problem;
  }
}

/** A plug-in cannot be loaded, or is not what a plug-in has to be. */
export class PluginError extends UserError {
  readonly exitCode = EXIT.unusable;
}

/** A journal is damaged or belongs to another run. */
export class JournalError extends UserError {
  readonly exitCode = EXIT.unusable;
}

/** The message of any thrown value, for use inside another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
