/**
 * @file Folders for what the program writes.
 */

import { constants } from 'node:fs';
import { access, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError, messageOf } from '../domain/errors.js';
import { adviceFor } from './file-system-error.js';

/**
 * Makes sure that a folder could be made and written, without making it, so that long work does not find
 * out at its end.
 *
 * @param advice What else to do about a folder that cannot be written.
 * @throws {DataError} If the nearest ancestor that exists is no folder or is not writable.
 */
export async function requireWritableFolder(path: string, advice: readonly string[] = []): Promise<void> {
  let at = resolve(path);
  for (;;) {
    try {
      if (!(await stat(at)).isDirectory()) {
        throw unwritable(path, `${at} is a file, not a folder`, null, advice);
      }
      await access(at, constants.W_OK | constants.X_OK);
      return;
    } catch (error) {
      if (error instanceof DataError) throw error;
      const missing =
        error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
      if (!missing || at === dirname(at)) throw unwritable(path, messageOf(error), error, advice);
      at = dirname(at);
    }
  }
}

/**
 * Makes a folder and its parents; one that is there stays as it is.
 *
 * @param advice What else to do if it cannot be made.
 * @throws {DataError} If it cannot be made.
 */
export async function makeFolders(path: string, advice: readonly string[] = []): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw unwritable(path, messageOf(error), error, advice);
  }
}

/** No folder is filled for so long. */
const ABANDONED_MS = 24 * 60 * 60_000;

/**
 * Removes the temporary folders that killed processes left in a folder.
 *
 * @param prefix Of the names of temporary folders.
 */
export async function removeAbandoned(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found?.isDirectory() !== true || Date.now() - found.mtimeMs < ABANDONED_MS) continue;
    // What cannot be removed is in nobody's way.
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

function unwritable(path: string, reason: string, cause: unknown, advice: readonly string[]): DataError {
  const hints = advice.length > 0 ? advice : adviceFor(cause);
  return new DataError(`${path}: nothing can be written there: ${reason}`, hints, { cause });
}
