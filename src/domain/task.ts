/**
 * @file The unit of evaluation: one hole in one file of one repository.
 */

import type { RetrievedChunk } from './chunk.js';
import type { Language } from './languages.js';

export type TaskId = string & { readonly __unit: 'task-id' };

/** Marks a string as a task id; ids are opaque and unique within a dataset. */
export function taskId(value: string): TaskId {
  if (value === '') throw new RangeError('a task id is never empty');
  return value as TaskId;
}

export { LANGUAGES } from './languages.js';
export type { Language } from './languages.js';

/**
 * Where a prompt lies in its file, in lines of the file as Python's `splitlines` counts them, from 0.
 */
export interface FileLines {
  /** The line in which the prefix begins, in its middle or not. */
  readonly start: number;
  /** The line of the hole. */
  readonly hole: number;
}

/**
 * One completion problem.
 *
 * `prefix + reference + suffix` is the text of the file (or of the part the benchmark ships). Where the benchmark cuts
 * behind the indentation of the hole's line (Repoformer's convention), the prefix ends with that indentation. Joining
 * the three parts never adds or drops a newline.
 */
export interface CompletionTask {
  readonly id: TaskId;
  /** Key into the dataset's repositories. */
  readonly repository: string;
  /** Path of the file inside its repository, with forward slashes. */
  readonly path: string;
  readonly language: Language;
  readonly prefix: string;
  /** The true text a completion is scored against. */
  readonly reference: string;
  readonly suffix: string;
  /**
   * Whether the hole uses an identifier that is declared in another file of the repository;
   * null where the benchmark does not say.
   */
  readonly crossFile: boolean | null;
  /**
   * The benchmark's own class of the hole, by which its harness averages: RepoBench's setting, Long
   * Code Arena's category of the line. Absent where the benchmark has none.
   */
  readonly category?: string;
  /** The benchmark's class of prompt length, such as RepoBench's `8k`. Absent where it has none. */
  readonly level?: string;
  /** Absent where the benchmark does not say; queries that look at the file then find the prompt by its text. */
  readonly lines?: FileLines;
  /** Chunks that the benchmark ships with the task, in its order. Absent where it ships none. */
  readonly shipped?: readonly RetrievedChunk[];
}

/** One file of a repository, as text. */
export interface SourceFile {
  /** Path inside the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** The files a retriever may look at; the file being completed is excluded per task, not here. */
export interface Repository {
  readonly name: string;
  readonly files: readonly SourceFile[];
}
