/**
 * @file Reads the source files of a folder into a `Repository`.
 *
 * Symbolic links, ignored folders, files above 1 MiB and files that are not UTF-8 text are passed
 * over. Files come in code-point order of their paths, whatever order the disk gives.
 */

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DataError } from '../domain/errors.js';
import type { Language, Repository, SourceFile } from '../domain/task.js';
import { compareCodePoints } from '../domain/text.js';
import { isMachineWritten, isSearchedFolder, isSourcePath } from './source-path.js';
import { decodeSource } from './source-text.js';

const LARGEST_FILE_BYTES = 1024 * 1024;

/** Paths of all regular files below a folder, relative, with forward slashes. */
async function listFiles(folder: string, below = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory() && isSearchedFolder(entry.name)) found.push(...(await listFiles(folder, path)));
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

/**
 * Reads a folder's source files.
 *
 * @param name      The repository's name in its dataset.
 * @param languages Files of any of these languages are read.
 */
export async function readSourceFolder(
  folder: string,
  name: string,
  languages: ReadonlySet<Language>,
): Promise<Repository> {
  const wanted = [...languages];
  const paths = (await listFiles(folder))
    .filter((path) => wanted.some((language) => isSourcePath(path, language)))
    .sort(compareCodePoints);
  const files: SourceFile[] = [];
  for (const path of paths) {
    const file = join(folder, path);
    if ((await stat(file)).size > LARGEST_FILE_BYTES) continue;
    const text = decodeSource(await readFile(file));
    if (text !== null && !isMachineWritten(text)) files.push({ path, text });
  }
  return { name, files };
}

/** The licence that a folder's package.json states, or null. */
export async function statedLicence(folder: string): Promise<string | null> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    if (typeof manifest !== 'object' || manifest === null || !('license' in manifest)) return null;
    return typeof manifest.license === 'string' ? manifest.license : null;
  } catch {
    // No manifest, or one that cannot be read: nothing is stated.
    return null;
  }
}

/** The name a repository gets from its folder. */
export function nameOfFolder(folder: string): string {
  return basename(resolve(folder)) || 'repository';
}

/** Whether a path is a folder; a missing path is not. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Refuses a path that is not a folder.
 *
 * @throws {DataError} If it is missing or a file.
 */
export async function requireFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  throw new DataError(`${path}: not a folder`, ['give the folder that holds the repository']);
}
