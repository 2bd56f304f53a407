/**
 * @file Checks a package file against its pinned hash and takes the source files out of it.
 *
 * Nothing is written here, and only regular files with plain relative names count: links, absolute
 * names and names that climb out are refused even though the hash has been checked before.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { list } from 'tar';
import type { ReadEntry } from 'tar';
import { DataError, messageOf } from '../domain/errors.js';

const LARGEST_FILE_BYTES = 8 * 2 ** 20;
const LARGEST_TOTAL_BYTES = 256 * 2 ** 20;
const MOST_FILES = 20_000;

/**
 * Compares a file with its pinned hash.
 *
 * @param integrity "sha512-" and the base64 digest.
 * @throws {DataError} With both hashes if they differ.
 */
export async function verifyIntegrity(file: string, spec: string, integrity: string): Promise<void> {
  const hash = createHash('sha512');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  const actual = `sha512-${hash.digest('base64')}`;
  if (actual === integrity) return;
  throw new DataError(`${spec}: the fetched package is not the pinned one`, [
    `expected ${integrity}`,
    `got      ${actual}`,
    'numbers from other sources would not be comparable, so nothing of it was kept',
    'look at the registry or mirror that npm is set to: npm config get registry',
  ]);
}

/**
 * The files below one folder of a package, by path inside the package.
 *
 * @param sourceRoot Folder inside the package, without slashes at the ends.
 * @param isWanted   Which paths to keep.
 * @throws {DataError} If the archive is damaged, holds something other than plain files under
 *                     `sourceRoot`, or is larger than any source package.
 */
export async function readPackageSources(
  file: string,
  spec: string,
  sourceRoot: string,
  isWanted: (path: string) => boolean,
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  let problem: string | null = null;
  let totalBytes = 0;

  const takeEntry = (entry: ReadEntry): void => {
    const parts = entry.path.split('/');
    const path = parts.slice(1).join('/');
    if (problem !== null) return;
    if (parts.includes('..') || entry.path.startsWith('/') || /[\\\0]|^[A-Za-z]:/.test(entry.path)) {
      problem = `the name "${entry.path}" leads out of the package`;
      return;
    }
    if (!path.startsWith(`${sourceRoot}/`) || entry.type === 'Directory') return;
    if (entry.type !== 'File' && entry.type !== 'OldFile') {
      problem = `"${entry.path}" is a ${entry.type}, not a file`;
      return;
    }
    if (!isWanted(path)) return;
    totalBytes += entry.size;
    if (entry.size > LARGEST_FILE_BYTES || totalBytes > LARGEST_TOTAL_BYTES || found.size >= MOST_FILES) {
      problem = `it is too large (at "${entry.path}")`;
      return;
    }
    const pieces: Buffer[] = [];
    entry.on('data', (piece) => pieces.push(piece));
    entry.on('end', () => found.set(path, Buffer.concat(pieces)));
  };

  try {
    await list({ file, onReadEntry: takeEntry, strict: true });
  } catch (error) {
    throw new DataError(`${spec}: the package file cannot be read: ${messageOf(error)}`, [], {
      cause: error,
    });
  }
  const refused = problem as string | null;
  if (refused !== null) {
    throw new DataError(`${spec}: the package is refused: ${refused}`, ['nothing of it was kept']);
  }
  return found;
}
