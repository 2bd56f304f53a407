/**
 * @file Reads the source files of a folder into a `Repository`.
 *
 * Where the folder is somebody's own repository (`written`), git decides which files belong to it. Links,
 * ignored folders, tests, files that a program wrote, files above 1 MiB and files that are not UTF-8 text are
 * left out and counted. A published benchmark's repository (`published`) is read as its harness reads it.
 * What cannot be read is left out and counted in both: one locked folder must not cost the rest.
 *
 * Files come in code-point order of their paths, whatever order the disk gives.
 */

import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DataError, messageOf } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { languageOfPath, type Language } from '../../domain/languages.js';
import type { Repository, SourceFile } from '../../domain/task.js';
import { compareCodePoints } from '../../domain/text.js';
import { readForeignText } from '../../files/foreign-text-file.js';
import { gitPath, listGitFiles, type GitListing } from './git-files.js';
import { LeftOutTally, type LeftOut } from './left-out.js';
import { isBuiltFolder, isMachineWritten, isSourcePath, mayHoldSource, unwantedBy } from './source-path.js';
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
    folders.every((name) => mayHoldSource(name) && !isBuiltFolder(name)) &&
    [...languages].some((language) => isSourcePath(path, language))
  );
}

/** The text of a repository's file; null where it is passed over. */
export function repositoryText(bytes: Uint8Array, rule: SourceRule): string | null {
  const text = judgeText(bytes, rule);
  return typeof text === 'string' ? text : null;
}

function judgeText(
  bytes: Uint8Array,
  rule: SourceRule,
): string | { readonly reason: 'large' | 'binary' | 'generated' } {
  if (bytes.byteLength > largestBytes(rule)) return { reason: 'large' };
  const text = decodeSource(bytes);
  if (text === null) return { reason: 'binary' };
  return rule === 'written' && isMachineWritten(text) ? { reason: 'generated' } : text;
}

function largestBytes(rule: SourceRule): number {
  return rule === 'written' ? LARGEST_WRITTEN_BYTES : LARGEST_PUBLISHED_BYTES;
}

/** A repository of files found in any order. */
export function repositoryOf(name: string, files: readonly SourceFile[]): Repository {
  return { name, files: [...files].sort((a, b) => compareCodePoints(a.path, b.path)) };
}

/** What to read of a folder. */
export interface FolderReading {
  readonly folder: string;
  /** The repository's name in its dataset. */
  readonly name: string;
  /** Files of any of these languages are read. */
  readonly languages: ReadonlySet<Language>;
  readonly rule: SourceRule;
  /** Whether git is asked which files belong to the folder. Pinned packages are checked by hash instead. */
  readonly asksGit: boolean;
}

/** A repository, and what was left out of it. */
export interface ReadFolder {
  readonly repository: Repository;
  readonly leftOut: readonly LeftOut[];
  /** What a user should know of how the folder was read, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Reads a folder's source files.
 *
 * @throws {DataError} If the folder itself cannot be read.
 */
export async function readSourceFolder(reading: FolderReading): Promise<ReadFolder> {
  const { folder, name, rule, asksGit } = reading;
  await requireReadable(folder);
  const git = asksGit ? await listGitFiles(folder) : ({ kind: 'none' } as const);
  const tally = new LeftOutTally();
  const walk = new Walk(reading, git.kind === 'listed' ? git : null, tally);
  await walk.folder('');
  const files: SourceFile[] = [];
  for (const path of walk.found) {
    const text = await readText(join(folder, path), rule);
    if (typeof text === 'string') files.push({ path, text });
    else if (text !== null) tally.add(text.reason, path);
  }
  const notes =
    git.kind === 'failed'
      ? [`${folder}: git cannot say which files belong to it (${git.reason}); files that it ignores are read`]
      : [];
  return { repository: repositoryOf(name, files), leftOut: tally.list(), notes };
}

async function requireReadable(folder: string): Promise<void> {
  try {
    await readdir(folder);
  } catch (error) {
    throw new DataError(
      `${folder}: the folder cannot be read: ${messageOf(error)}`,
      ['check the path and its permissions'],
      { cause: error },
    );
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

type GitPaths = Pick<Extract<GitListing, { kind: 'listed' }>, 'paths' | 'tracked'>;

/** Looks for the source files below a folder. */
class Walk {
  /** Paths of files to read, relative, with forward slashes. */
  readonly found: string[] = [];
  readonly #reading: FolderReading;
  readonly #listed: GitPaths | null;
  readonly #tally: LeftOutTally;

  constructor(reading: FolderReading, listed: GitPaths | null, tally: LeftOutTally) {
    this.#reading = reading;
    this.#listed = listed;
    this.#tally = tally;
  }

  /**
   * @param below   Path of a folder inside the repository; "" for the repository itself.
   * @param isBuilt Whether it lies in a folder of built files.
   */
  async folder(below: string, isBuilt = false): Promise<void> {
    for (const entry of await this.#entries(below)) {
      const name = nameOf(entry.name);
      const path = below === '' ? name.text : `${below}/${name.text}`;
      if (entry.isDirectory()) {
        if (!this.#isSearched(name.text)) continue;
        if (!name.isWhole) this.#tally.add('unnamed', path);
        else if (this.#listed?.paths.has(gitPath(path)) === true) this.#tally.add('nested', path);
        else await this.folder(path, isBuilt || this.#isBuilt(name.text));
      } else {
        if (isBuilt && this.#listed?.tracked.has(gitPath(path)) !== true) continue;
        this.#addFile(path, name.isWhole, entry.isFile(), entry.isSymbolicLink());
      }
    }
  }

  /** Bytes, since a name need not be UTF-8. */
  async #entries(below: string): Promise<Dirent<Buffer>[]> {
    try {
      return await readdir(join(this.#reading.folder, below), { withFileTypes: true, encoding: 'buffer' });
    } catch {
      // Locked, or gone since its parent was read.
      this.#tally.add('unreadable', `${below}/`);
      return [];
    }
  }

  /** Without git nothing tells sources in a folder of built files from the rest, so it is not looked into. */
  #isSearched(name: string): boolean {
    if (this.#reading.rule === 'published') return !name.startsWith('.');
    return mayHoldSource(name) && (this.#listed !== null || !isBuiltFolder(name));
  }

  #isBuilt(name: string): boolean {
    return this.#reading.rule === 'written' && isBuiltFolder(name);
  }

  #addFile(path: string, isWhole: boolean, isFile: boolean, isLink: boolean): void {
    const { languages, rule } = this.#reading;
    const language = languageOfPath(path);
    if (language === null || !languages.has(language) || (!isFile && !isLink)) return;
    const unwanted = rule === 'written' ? unwantedBy(path, language) : null;
    if (this.#listed?.paths.has(gitPath(path)) === false && isWhole) this.#tally.add('ignored', path);
    else if (unwanted !== null) this.#tally.add(unwanted, path);
    else if (isLink) this.#tally.add('link', path);
    else if (!isWhole) this.#tally.add('unnamed', path);
    else this.found.push(path);
  }
}

/** A name as text, with marks in the place of bytes that are not UTF-8. */
function nameOf(bytes: Buffer): { readonly text: string; readonly isWhole: boolean } {
  try {
    return { text: UTF8.decode(bytes), isWhole: true };
  } catch {
    return { text: bytes.toString('utf8'), isWhole: false };
  }
}

/** The text of a file, why it has none, or null where it is gone since its folder was read. */
async function readText(
  file: string,
  rule: SourceRule,
): Promise<ReturnType<typeof judgeText> | { readonly reason: 'unreadable' } | null> {
  try {
    if ((await stat(file)).size > largestBytes(rule)) return { reason: 'large' };
    return judgeText(await readFile(file), rule);
  } catch (error) {
    return isMissing(error) ? null : { reason: 'unreadable' };
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** The licence that a folder's package.json states, or null. */
export async function statedLicence(folder: string): Promise<string | null> {
  try {
    const manifest: unknown = parseJson(await readForeignText(join(folder, 'package.json')));
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
