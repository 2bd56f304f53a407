/**
 * @file What a dataset is to the rest of the program, and how a reference becomes one.
 *
 * The loaders live in files of their own; this one only picks. A dataset is complete once it is
 * open: tasks and repositories are in memory, nothing is read later.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../domain/errors.js';
import type { CompletionTask, Repository } from '../domain/task.js';
import { readDescription } from './description.js';
import { openRecordFile } from './record-file.js';
import { findRegistered, registeredFolder, REGISTERED, suggestId } from './registry.js';
import { nameOfFolder } from './source-folder.js';

/** Where a repository's text comes from. */
export interface RepositorySource {
  readonly repository: string;
  /** For people: a package with its version, or a folder. */
  readonly origin: string;
  /** SPDX expression as the source states it; null where it states none. */
  readonly licence: string | null;
  /** Source files and their characters; null where the repository's folder was not found. */
  readonly size: { readonly files: number; readonly characters: number } | null;
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
  /** Lines left out because of `skipInvalid`. */
  readonly skipped: number;
  /**
   * The files a retriever may look at, the files with the holes among them.
   *
   * @throws {DataError} If the repository's folder was not found when the dataset was opened.
   */
  repository(name: string): Promise<Repository>;
}

export interface DatasetOptions {
  /** Folder that holds one folder per repository. */
  readonly reposDir?: string;
  /** False where nobody will ask for a repository: record files then do not look for theirs. */
  readonly withRepositories?: boolean;
  /** Leave unusable lines out and count them, instead of refusing the file. */
  readonly skipInvalid?: boolean;
  /** Where fetched packages are kept; `defaultCacheDir()` if absent. */
  readonly cacheDir?: string;
  /** Told what is going on where it may take a while; one sentence without a newline. */
  readonly onProgress?: (note: string) => void;
  /** Told of each line that `skipInvalid` leaves out. */
  readonly onInvalid?: (problem: DataError) => void;
}

/**
 * Opens a dataset.
 *
 * @param reference One of, in this order:
 *   - the id of a registered set (`npm-ts-lines`, `tiny`);
 *   - a `.jsonl` file of records;
 *   - a folder with `tasks.jsonl`, repositories under `repos/<name>/` beside it;
 *   - any other folder: a repository of one's own, from which tasks are made on the fly.
 * @throws {DataError} If nothing of that name exists, or if what exists cannot be used.
 *
 * @example
 * const dataset = await openDataset('tiny');
 * const task = dataset.tasks[0]!;
 * const repository = await dataset.repository(task.repository);
 */
export async function openDataset(reference: string, options: DatasetOptions = {}): Promise<Dataset> {
  const registered = findRegistered(reference);
  if (registered !== undefined) return openFolder(registeredFolder(registered.id), registered.id, options);

  const kind = await kindOfPath(reference);
  if (kind === 'file') return openRecordFile(reference, reference, options);
  if (kind === 'folder') return openFolder(reference, nameOfFolder(reference), options);

  if (/[\\/]|\.jsonl?$|^\./.test(reference)) {
    throw new DataError(`${reference}: no such file or folder`, [
      `a dataset is a .jsonl file, a folder, or one of: ${REGISTERED.map(({ id }) => id).join(', ')}`,
    ]);
  }
  const suggestion = suggestId(reference);
  throw new DataError(`there is no dataset "${reference}"`, [
    ...(suggestion === null ? [] : [`did you mean "${suggestion}"?`]),
    `registered: ${REGISTERED.map(({ id }) => id).join(', ')}`,
    'a .jsonl file of records or the folder of a repository is a dataset as well',
  ]);
}

async function openFolder(folder: string, id: string, options: DatasetOptions): Promise<Dataset> {
  const description = await readDescription(folder);
  if (description?.kind === 'npm-lines') {
    const { openNpmLines } = await import('./npm-lines.js');
    return openNpmLines(folder, id, description, options);
  }
  const records = join(folder, 'tasks.jsonl');
  if ((await kindOfPath(records)) === 'file') {
    return openRecordFile(records, id, options, description?.licence ?? null);
  }
  // Loaded on demand: the parser is larger than the rest of the program together.
  const { openOwnFolder } = await import('./own-folder.js');
  return openOwnFolder(folder, id, options);
}

async function kindOfPath(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    const entry = await stat(path);
    return entry.isDirectory() ? 'folder' : 'file';
  } catch {
    return 'missing';
  }
}
