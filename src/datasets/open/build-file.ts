/**
 * @file A dataset file of the lines of a repository, as other harnesses read it too.
 */

import { dirname, isAbsolute, relative, resolve } from 'node:path';
import type { Language } from '../../domain/languages.js';
import { writeAtomically } from '../../files/atomic-file.js';
import { makeFolders } from '../../files/folder.js';
import { recordOfTask } from '../formats/cceval.js';
import { DEFAULT_LINES, DEFAULT_SEED } from '../holes/built-lines.js';
import { requireFolder } from '../repository/source-folder.js';

/** What {@link buildDatasetFile} is asked. */
export interface BuildRequest {
  /** Folder of the repository. */
  readonly repo: string;
  /** File to write, one JSON record a line; its folder is made. */
  readonly out: string;
  /** Tasks wanted; fewer are made where the repository has fewer fair lines. */
  readonly lines?: number | undefined;
  /** Another seed chooses other lines. */
  readonly seed?: number | undefined;
  /** Every language that the folder has, unless one is stated. */
  readonly language?: Language | undefined;
  /** Told what was left out, one sentence without a newline at a time. */
  readonly onProgress?: ((note: string) => void) | undefined;
}

/** What was written. */
export interface BuiltFile {
  readonly tasks: number;
  readonly crossFile: number;
  /** Files with a task. */
  readonly files: number;
  /** Source files of the repository. */
  readonly repositoryFiles: number;
  /** Tasks of each language that has some, in the order of their names. */
  readonly languages: Readonly<Partial<Record<Language, number>>>;
}

/**
 * Makes a dataset file of one's own code.
 *
 * @throws {DataError} If the folder has no line that makes a fair task, or the file cannot be written.
 * @example
 * const { tasks } = await buildDatasetFile({ repo: '.', out: 'lines.jsonl', lines: 100 });
 */
export async function buildDatasetFile(request: BuildRequest): Promise<BuiltFile> {
  const { repo, out, lines = DEFAULT_LINES, seed = DEFAULT_SEED, language, onProgress } = request;
  await requireFolder(repo);
  // Loaded on demand: the parser is larger than the rest of the program together.
  const { buildFromFolder } = await import('../holes/own-folder.js');
  const { tasks, repository } = await buildFromFolder({ folder: repo, lines, seed, language, onProgress });
  const place = repositoryDir(repo, out);
  const records = tasks.map(({ task, line }) => `${JSON.stringify(recordOfTask(task, line, place))}\n`);
  await makeFolders(dirname(resolve(out)));
  await writeAtomically(out, records.join(''));
  return {
    tasks: tasks.length,
    crossFile: tasks.filter(({ task }) => task.crossFile === true).length,
    files: new Set(tasks.map(({ task }) => task.path)).size,
    repositoryFiles: repository.files.length,
    languages: countLanguages(tasks.map(({ task }) => task.language)),
  };
}

function countLanguages(languages: readonly Language[]): BuiltFile['languages'] {
  const counts: Partial<Record<Language, number>> = {};
  for (const language of languages.toSorted()) counts[language] = (counts[language] ?? 0) + 1;
  return counts;
}

/** The repository relative to the file; null between drives, where `--repos` then says where it is. */
function repositoryDir(repo: string, out: string): string | null {
  const path = relative(dirname(resolve(out)), resolve(repo)).replaceAll('\\', '/');
  if (isAbsolute(path)) return null;
  return path === '' ? '.' : path;
}
