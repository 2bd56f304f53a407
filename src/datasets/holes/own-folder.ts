/**
 * @file Makes a dataset of any folder with TypeScript or JavaScript in it, without writing anything.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../../domain/errors.js';
import type { Repository } from '../../domain/task.js';
import { assembleDataset } from '../assemble.js';
import { buildTasks } from './build-tasks.js';
import { DEFAULT_LINES, DEFAULT_SEED } from './built-lines.js';
import type { BuildLanguage, BuiltTask } from './build-tasks.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import type { PathAliases } from './module-resolution.js';
import { nameOfFolder, readSourceFolder, statedLicence } from '../repository/source-folder.js';
import { readPathAliases } from './typescript-lines.js';

/** What to build from a folder. */
export interface FolderRequest {
  readonly folder: string;
  readonly lines: number;
  readonly seed: number;
  /** TypeScript if the folder has any, else JavaScript, unless stated. */
  readonly language?: BuildLanguage | undefined;
}

/** Tasks of a folder, and the repository they were cut from. */
export interface BuiltFolder {
  readonly repository: Repository;
  readonly tasks: readonly BuiltTask[];
}

/**
 * Builds tasks from a folder.
 *
 * @throws {DataError} If the folder has no file of the language, or no line that makes a fair task.
 */
export async function buildFromFolder({
  folder,
  lines,
  seed,
  language,
}: FolderRequest): Promise<BuiltFolder> {
  const { repository, language: found } = await readOwnSources(folder, language);
  const aliases = await readAliases(folder);
  const tasks = buildTasks({ repository, language: found, aliases, count: lines, seed });
  if (tasks.length === 0) {
    throw new DataError(
      `${folder}: no line of its ${repository.files.length} ${found} files makes a fair task`,
      [
        'a hole needs at least 5 tokens and 12 characters, and no comment, import or multi-line text on its line',
        'give a folder with more code',
      ],
    );
  }
  return { repository, tasks };
}

/** Opens a folder as a dataset. */
export async function openOwnFolder(folder: string, id: string, options: DatasetOptions): Promise<Dataset> {
  options.onProgress?.(`cutting lines out of ${folder}`);
  const { repository, tasks } = await buildFromFolder({ folder, lines: DEFAULT_LINES, seed: DEFAULT_SEED });
  return assembleDataset({
    id,
    tasks: tasks.map(({ task }) => task),
    repositories: [
      {
        name: repository.name,
        origin: folder,
        licence: await statedLicence(folder),
        content: repository,
      },
    ],
    skipped: 0,
  });
}

async function readOwnSources(
  folder: string,
  wanted: BuildLanguage | undefined,
): Promise<{ repository: Repository; language: BuildLanguage }> {
  const candidates: readonly BuildLanguage[] = wanted === undefined ? ['typescript', 'javascript'] : [wanted];
  for (const language of candidates) {
    const repository = await readSourceFolder(folder, nameOfFolder(folder), new Set([language]));
    if (repository.files.length > 0) return { repository, language };
  }
  throw new DataError(`${folder}: no ${candidates.join(' or ')} source file found`, [
    'declarations, tests, generated files and folders such as node_modules and dist are not searched',
    'give the folder of a repository, or a .jsonl file of records',
  ]);
}

async function readAliases(folder: string): Promise<PathAliases> {
  for (const name of ['tsconfig.json', 'jsconfig.json']) {
    try {
      return readPathAliases(await readFile(join(folder, name), 'utf8'));
    } catch {
      // Not there: try the next name.
    }
  }
  return {};
}
