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
import { isSourcePath } from '../repository/source-path.js';
import type { PackageRegistry } from './registry.js';

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
 * @param integrity In the registry's form.
 * @throws {DataError} With both hashes if they differ.
 */
export async function verifyIntegrity(
  file: string,
  spec: string,
  integrity: string,
  registry: Pick<PackageRegistry, 'hash' | 'showsSource'>,
): Promise<void> {
  const { algorithm, prefix, encoding } = registry.hash;
  const hash = createHash(algorithm);
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  const actual = `${prefix}${hash.digest(encoding)}`;
  if (actual === integrity) return;
  throw new DataError(`${spec}: the fetched package is not the pinned one`, [
    `expected ${integrity}`,
    `got      ${actual}`,
    'numbers from other sources would not be comparable, so nothing of it was kept',
    registry.showsSource,
  ]);
}

/**
 * The sources below one folder of a package, by path inside the package.
 *
 * @param sourceRoot Folder inside the package, without slashes at the ends.
 * @throws {DataError} If the archive is damaged, holds something other than plain files under
 *                     `sourceRoot`, or is larger than any source package.
 */
export async function readPackageSources(
  file: string,
  spec: string,
  sourceRoot: string,
  { pathInside, language }: Pick<PackageRegistry, 'pathInside' | 'language'>,
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  await readArchive({
    file,
    name: spec,
    limits: PACKAGE_LIMITS,
    refuseLinks: true,
    isWanted(path) {
      const inside = pathInside(path);
      return inside.startsWith(`${sourceRoot}/`) && isSourcePath(inside, language);
    },
    async onEntry({ path, content }) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      found.set(pathInside(path), Buffer.concat(pieces));
    },
  });
  return found;
}
