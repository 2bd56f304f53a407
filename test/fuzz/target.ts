/**
 * @file What can be fuzzed: a reader of foreign input, inputs that it takes, and how they are bent.
 */

import type { Rng } from '../../src/tensor/rng.js';

/** Bends an input. `other` is another seed of the same target, for splicing. */
export type Mutator = (seed: Buffer, other: Buffer, rng: Rng) => Buffer;

export interface FuzzTarget {
  readonly name: string;
  /** File name of an input. Many readers judge a file by its ending. */
  readonly file: string;
  /** Inputs that the reader takes, made by code from golden files and fixtures. At least one. */
  readonly seeds: () => readonly Buffer[] | Promise<readonly Buffer[]>;
  readonly mutate: Mutator;
  /** Writes the files that stand beside an input. Called once for each child process. */
  readonly prepare?: (folder: string) => void;
  /**
   * Reads the file and whatever follows from it. It returns, or it throws a `UserError`.
   *
   * @param file   Path of the input.
   * @param folder The folder of the input. The reader may write into `folder/out`.
   */
  readonly read: (file: string, folder: string) => unknown;
}

/** One of the items. */
export function pick<T>(items: readonly T[], rng: Rng): T {
  return items[rng.int(items.length)]!;
}
