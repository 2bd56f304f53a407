/**
 * @file Reads the source files of a folder into a `Repository`.
 *
 * Symbolic links, ignored folders, files above 1 MiB and files that are not UTF-8 text are passed
 * over, unless the repository is a published benchmark's. Files come in code-point order of their paths, whatever order the disk gives.
 */

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DataError } from '../../domain/errors.js';
import { parseForeignJson } from '../../domain/foreign-json.js';
import type { Language, Repository, SourceFile } from '../../domain/task.js';
import { compareCodePoints } from '../../domain/text.js';
import { isMachineWritten, isSearchedFolder, isSourcePath, languageOfPath } from './source-path.js';
import { decodeSource } from './source-text.js';

/**
 * Which files count: what a person wrote (`written`), or every file with the language's ending
 * (`published`), as the published harnesses have it.
 */
export type SourceRule = 'written' | 'published';

const LARGEST_WRITTEN_BYTES = 1024 * 1024;
/** No benchmark's repository has a larger source file; what is larger is not read into memory. */
const LARGEST_PUBLISHED_BYTES = 64 * 1024 * 1024;

/** Whether a path inside a repository is looked at. */
export function isRepositoryPath(path: string, languages: ReadonlySet<Language>, rule: SourceRule): boolean {
  const folders = path.split('/').slice(0, -1);
  if (rule === 'published') {
    const language = languageOfPath(path);
    return language !== null && languages.has(language) && !folders.some((name) => name.startsWith('.'));
  }
  return (
    folders.every((name) => isSearchedFolder(name)) &&
    [...languages].some((language) => isSourcePath(path, language))
  );
}

/** The text of a repository's file; null where it is passed over. */
export function repositoryText(bytes: Uint8Array, rule: SourceRule): string | null {
  if (bytes.byteLength > largestBytes(rule)) return null;
  const text = decodeSource(bytes);
  return text === null || (rule === 'written' && isMachineWritten(text)) ? null : text;
}

function largestBytes(rule: SourceRule): number {
  return rule === 'written' ? LARGEST_WRITTEN_BYTES : LARGEST_PUBLISHED_BYTES;
}

/** A repository of files found in any order. */
export function repositoryOf(name: string, files: readonly SourceFile[]): Repository {
  return { name, files: [...files].sort((a, b) => compareCodePoints(a.path, b.path)) };
}

/** Paths of all regular files below a folder, relative, with forward slashes. */
async function listFiles(
  folder: string,
  rule: SourceRule,
  below = '',
  found: string[] = [],
): Promise<string[]> {
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    const isSearched = rule === 'written' ? isSearchedFolder(entry.name) : !entry.name.startsWith('.');
    if (entry.isDirectory() && isSearched) await listFiles(folder, rule, path, found);
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
  rule: SourceRule = 'written',
): Promise<Repository> {
  const files: SourceFile[] = [];
  for (const path of await listFiles(folder, rule)) {
    if (!isRepositoryPath(path, languages, rule)) continue;
    const file = join(folder, path);
    if ((await stat(file)).size > largestBytes(rule)) continue;
    const text = repositoryText(await readFile(file), rule);
    if (text !== null) files.push({ path, text });
  }
  return repositoryOf(name, files);
}

/** The licence that a folder's package.json states, or null. */
export async function statedLicence(folder: string): Promise<string | null> {
  try {
    const manifest: unknown = parseForeignJson(await readFile(join(folder, 'package.json'), 'utf8'));
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
