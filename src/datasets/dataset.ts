/**
 * @file What a dataset is to the rest of the program, and how a reference becomes one.
 *
 * The loaders live in files of their own; this one only picks. A dataset is complete once it is
 * open: tasks and repositories are in memory, nothing is read later.
 */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../domain/errors.js';
import type { CompletionTask, Repository } from '../domain/task.js';
import { readDescription } from './description.js';
import { openRecordFiles } from './record-file.js';
import type { FormatName } from './format.js';
import { findPublished } from './published/catalog.js';
import { openPublished } from './published/open.js';
import { findRegistered, knownIds, registeredFolder, suggestId } from './registry.js';
import { PARQUET_NAME } from './rows.js';
import { nameOfFolder } from './source-folder.js';

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
  /** The schema of the records; null where tasks were made from code. */
  readonly format: FormatName | null;
  /** Where rows can be used but are not as their benchmark describes them, one sentence a kind. */
  readonly deviations: readonly string[];
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
 *   - the id of a set that comes with the program (`npm-ts-lines`, `tiny`);
 *   - the id of a published set that was pulled, with a part or without (`repobench-python:in_file`);
 *   - a file of records, JSON lines or Parquet, of any schema in `formats/`;
 *   - a folder with `tasks.jsonl`, repositories under `repos/<name>/` beside it;
 *   - a folder with Parquet files in it or in its `data/`, which are the parts of one dataset;
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

  const published = findPublished(reference);
  if (published !== null) return openPublished(published, options);

  const kind = await kindOfPath(reference);
  if (kind === 'file') return openRecordFiles([reference], { id: reference }, options);
  if (kind === 'folder') return openFolder(reference, nameOfFolder(reference), options);

  if (/[\\/]|\.(jsonl?|ndjson|parquet)$|^\./.test(reference)) {
    throw new DataError(`${reference}: no such file or folder`, [
      'a dataset is a .jsonl or .parquet file, a folder, or one of those in `llava-eval datasets list`',
    ]);
  }
  const suggestion = suggestId(reference);
  throw new DataError(`there is no dataset "${reference}"`, [
    ...(suggestion === null ? [] : [`did you mean "${suggestion}"?`]),
    `known: ${knownIds().join(', ')}`,
    'a .jsonl or .parquet file of records or the folder of a repository is a dataset as well',
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
    return openRecordFiles([records], { id, licence: description?.licence ?? null }, options);
  }
  const parquet = await recordFilesIn(folder);
  if (parquet.length > 0)
    return openRecordFiles(parquet, { id, licence: description?.licence ?? null }, options);
  // Loaded on demand: the parser is larger than the rest of the program together.
  const { openOwnFolder } = await import('./own-folder.js');
  return openOwnFolder(folder, id, options);
}

/** The Parquet files of a folder or of its `data/`, in the order of their names. */
async function recordFilesIn(folder: string): Promise<string[]> {
  for (const place of [folder, join(folder, 'data')]) {
    if ((await kindOfPath(place)) !== 'folder') continue;
    const names = (await readdir(place)).sort();
    const found = names.filter((name) => PARQUET_NAME.test(name)).map((name) => join(place, name));
    if (found.length > 0) return found;
    if (names.some((name) => name.endsWith('.arrow'))) {
      throw new DataError(`${place}: holds Arrow files, as \`datasets.save_to_disk\` writes them`, [
        'Parquet and JSON lines are read; in Python: load_from_disk(folder).to_parquet("rows.parquet")',
      ]);
    }
  }
  return [];
}

async function kindOfPath(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    const entry = await stat(path);
    return entry.isDirectory() ? 'folder' : 'file';
  } catch {
    return 'missing';
  }
}
