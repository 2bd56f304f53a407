/**
 * @file How a reference becomes a dataset: picks the loader.
 */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, UsageError } from '../../domain/errors.js';
import { nearestName } from '../../metrics/nearest-name.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import { isOfPackages, readDescription } from '../description.js';
import { findPublished } from '../published/catalog.js';
import { openPublished } from '../published/open.js';
import { openRecordFiles } from '../records/record-file.js';
import { nameOfFolder } from '../repository/source-folder.js';
import { PARQUET_NAME } from '../rows/rows.js';
import { findRegistered, knownIds, registeredFolder } from './registry.js';

/**
 * Opens a dataset.
 *
 * @param reference One of, in this order:
 *   - the id of a set that comes with the program (`npm-ts-lines`, `pypi-py-lines`, `tiny`);
 *   - the id of a published set that was pulled, with a part or without (`repobench-python:in_file`);
 *   - a file of records, JSON lines or Parquet, of any schema in `formats/`;
 *   - a folder with `tasks.jsonl`, repositories under `repos/<name>/` beside it;
 *   - a folder with Parquet files in it or in its `data/`, which are the parts of one dataset;
 *   - any other folder: a repository of one's own, from which tasks are made on the fly.
 * @throws {DataError} If nothing of that name exists, or if what exists cannot be used.
 * @throws {UsageError} If a published set has no such part, or rows are counted where there are none.
 *
 * @example
 * const dataset = await openDataset('tiny');
 * const task = dataset.tasks[0]!;
 * const repository = await dataset.repository(task.repository);
 */
export async function openDataset(reference: string, options: DatasetOptions = {}): Promise<Dataset> {
  if (options.language !== undefined && !(await isOwnFolder(reference))) {
    throw new UsageError(`--language does not apply to ${reference}`, [
      'it chooses among the files of a folder of code; records state the language of each task',
    ]);
  }
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
  const suggestion = nearestName(reference, knownIds());
  throw new DataError(`there is no dataset "${reference}"`, [
    ...(suggestion === null ? [] : [`did you mean "${suggestion}"?`]),
    `known: ${knownIds().join(', ')}`,
    'a .jsonl or .parquet file of records or the folder of a repository is a dataset as well',
  ]);
}

/** Whether tasks are made of what a reference names, rather than read from it. */
async function isOwnFolder(reference: string): Promise<boolean> {
  if (findRegistered(reference) !== undefined || findPublished(reference) !== null) return false;
  if ((await kindOfPath(reference)) !== 'folder') return false;
  const isDescribed = isOfPackages(await readDescription(reference));
  const hasRecords = (await kindOfPath(join(reference, 'tasks.jsonl'))) === 'file';
  return !isDescribed && !hasRecords && (await recordFilesIn(reference)).length === 0;
}

async function openFolder(folder: string, id: string, options: DatasetOptions): Promise<Dataset> {
  const description = await readDescription(folder);
  if (isOfPackages(description)) {
    const { openPackageLines } = await import('../packages/package-lines.js');
    return openPackageLines(folder, id, description, options);
  }
  const records = join(folder, 'tasks.jsonl');
  if ((await kindOfPath(records)) === 'file') {
    return openRecordFiles([records], { id, licence: description?.licence ?? null }, options);
  }
  const parquet = await recordFilesIn(folder);
  if (parquet.length > 0)
    return openRecordFiles(parquet, { id, licence: description?.licence ?? null }, options);
  if (options.mostRows !== undefined) {
    throw new UsageError(`${folder}: has no rows: its tasks are made from the code of the folder`, [
      'leave --rows out',
    ]);
  }
  // Loaded on demand: the parser is larger than the rest of the program together.
  const { openOwnFolder } = await import('../holes/own-folder.js');
  return openOwnFolder(folder, id, options);
}

/** The Parquet files of a folder or of its `data/`, in the order of their names. */
async function recordFilesIn(folder: string): Promise<string[]> {
  for (const place of [folder, join(folder, 'data')]) {
    const names = (await namesIn(place)).sort();
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

/** The names in a folder; none where it cannot be read, which whoever reads its files reports. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

async function kindOfPath(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    const entry = await stat(path);
    return entry.isDirectory() ? 'folder' : 'file';
  } catch {
    return 'missing';
  }
}
