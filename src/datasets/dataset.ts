/**
 * @file What a dataset is to the rest of the program.
 *
 * The loaders live in rooms of their own, and `open/open-dataset.ts` picks one. A dataset is complete once it
 * is open: tasks and repositories are in memory, nothing is read later.
 */

import { DataError } from '../domain/errors.js';
import type { Language } from '../domain/languages.js';
import type { CompletionTask, Repository } from '../domain/task.js';
import type { FormatName } from './formats/all.js';
import type { LeftOut } from './repository/left-out.js';

/** Where a repository's text comes from. */
export interface RepositorySource {
  readonly repository: string;
  /** For people: a package with its version, or a folder. */
  readonly origin: string;
  /** SPDX expression as the source states it; null where it states none. */
  readonly licence: string | null;
  /** Whether there are no files: nothing of that name was found. */
  readonly isMissing: boolean;
  /** Source files and their characters; null where there are none or they have not been read yet. */
  readonly size: { readonly files: number; readonly characters: number } | null;
  /** What its folder holds besides, by reason. */
  readonly leftOut: readonly LeftOut[];
}

export interface Dataset {
  readonly id: string;
  /** SHA-256, hexadecimal, over all tasks and repository texts: everything that can change a number. */
  readonly contentHash: string;
  /**
   * Tasks in an order of which every beginning is a fair sample: the sets made by this program go
   * round the repositories, and within each repository the order is random.
   */
  readonly tasks: readonly CompletionTask[];
  /** One entry per repository, in order of first use by the tasks. */
  readonly sources: readonly RepositorySource[];
  /** Rows left out because of `skipInvalid`. */
  readonly skipped: number;
  /** The name of the format of the records; null where tasks were made from code. */
  readonly format: string | null;
  /** Where rows can be used but are not as their benchmark describes them, one sentence a kind. */
  readonly deviations: readonly string[];
  /**
   * The files a retriever may look at, the files with the holes among them.
   *
   * @throws {DataError} If the repository's folder was not found when the dataset was opened.
   */
  repository(name: string): Promise<Repository>;
}

/** Files of records in which no line can be used. */
export class NoTasksError extends DataError {
  /** Lines that were left out because of `skipInvalid`. */
  readonly skipped: number;

  constructor(message: string, hints: readonly string[], skipped: number) {
    super(message, hints);
    this.skipped = skipped;
  }
}

export interface DatasetOptions {
  /** Folder that holds one folder per repository. */
  readonly reposDir?: string;
  /** Rows to read at most; the rest is not looked at. */
  readonly mostRows?: number;
  /** The schema of the records, where it is not to be told from them. */
  readonly format?: FormatName;
  /** Whether to keep the chunks that records ship. They are often larger than everything else. */
  readonly withShipped?: boolean;
  /** False where nobody will ask for a repository: record files then do not look for theirs. */
  readonly withRepositories?: boolean;
  /**
   * What to keep of each task of a record file, where that is not all: the text around the holes is most of a
   * dataset, and scoring needs little of it.
   */
  readonly trim?: (task: CompletionTask) => CompletionTask;
  /** How many lines to cut out of a folder of code; 200 if absent. */
  readonly lines?: number;
  /** Only files of this language, where tasks are made of a folder of code. */
  readonly language?: Language;
  /** Leave unusable lines out and count them, instead of refusing the file. */
  readonly skipInvalid?: boolean;
  /** Where fetched packages are kept; `defaultCacheDir()` if absent. */
  readonly cacheDir?: string;
  /** Told what is going on where it may take a while; one sentence without a newline. */
  readonly onProgress?: (note: string) => void;
  /** Told of each line that `skipInvalid` leaves out. */
  readonly onInvalid?: (problem: DataError) => void;
}
