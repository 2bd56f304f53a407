/**
 * @file How the reading of one input may end, and what is no good end.
 */

/** Longest time for one input. */
export const MOST_SECONDS = 5;
/** Most memory of the process that reads it. A process that has read nothing takes a tenth to a fifth of this. */
export const MOST_MEMORY_BYTES = 2 ** 30;
/** Longest message of a refusal. A person reads it. */
export const MOST_MESSAGE_CHARACTERS = 20_000;

/** How the names of readers begin that are faulty on purpose; also what a process is told that reads with them. */
export const FAULTY = 'faulty';

/** What a child process says about an input. */
export type Outcome =
  | { readonly kind: 'read' }
  /** A `UserError`, which becomes a message and an exit code. */
  | { readonly kind: 'refused' }
  /** Anything else that was thrown, a message that nobody can read, or a changed `Object.prototype`. */
  | { readonly kind: 'defect'; readonly what: string };

export interface Report {
  readonly outcome: Outcome;
  /** Processor time of the reading, in seconds. */
  readonly seconds: number;
  /** Most memory that the process has had so far, in bytes. */
  readonly peakBytes: number;
}

/** What was found wrong with an input. */
export interface Finding {
  readonly target: string;
  /** `defect`, `timeout`, `memory` or `crash`. */
  readonly kind: 'defect' | 'timeout' | 'memory' | 'crash';
  readonly what: string;
}

/** One message to a child process: an input by number, or an input itself in base64. */
export type Order =
  | { readonly target: string; readonly seed: number; readonly index: number }
  | { readonly target: string; readonly base64: string };
