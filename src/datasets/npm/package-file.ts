/**
 * @file Checks a package file against its pinned hash and takes the source files out of it.
 *
 * Nothing is written here, and only regular files with plain relative names count: links, absolute
 * names and names that climb out are refused even though the hash has been checked before.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { ArchiveLimits } from '../../archive/limits.js';
import { readArchive } from '../../archive/read.js';
import { DataError } from '../../domain/errors.js';

/** No package of sources comes near any of these. */
const PACKAGE_LIMITS: ArchiveLimits = {
  mostEntries: 50_000,
  mostEntryBytes: 8 * 2 ** 20,
  mostBytes: 256 * 2 ** 20,
  mostRatio: 100,
};

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
  const insidePackage = (path: string): string => path.slice(path.indexOf('/') + 1);
  await readArchive({
    file,
    name: spec,
    limits: PACKAGE_LIMITS,
    refuseLinks: true,
    isWanted(path) {
      const inside = insidePackage(path);
      return inside.startsWith(`${sourceRoot}/`) && isWanted(inside);
    },
    async onEntry({ path, content }) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      found.set(insidePackage(path), Buffer.concat(pieces));
    },
  });
  return found;
}
