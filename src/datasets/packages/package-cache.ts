/**
 * @file Source files of pinned packages on this machine: fetched once, then read from the cache.
 *
 * A package's folder appears in the cache by one rename, after its hash has been checked and all its
 * files are written: an interrupted or parallel fetch never leaves half a package there.
 */

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Repository } from '../../domain/task.js';
import { removeAbandoned } from '../../files/folder.js';
import type { PinnedPackage } from '../description.js';
import { readPackageSources, verifyIntegrity } from './package-file.js';
import type { HashForm, PackageRegistry } from './registry.js';
import { isFolder, readSourceFolder } from '../repository/source-folder.js';

/** Beginning of the names of folders that are being filled. */
const TEMPORARY = '.fetch-';

/** The part of a pin that decides what is fetched. */
export type PackagePin = Pick<
  PinnedPackage,
  'repository' | 'package' | 'version' | 'integrity' | 'sourceRoot'
>;

/** Where packages are read from. */
export interface PackageReading {
  readonly registry: PackageRegistry;
  readonly cacheDir: string;
  /** Told before something is fetched. */
  readonly onProgress?: ((note: string) => void) | undefined;
}

/** The folder of a package in the cache; other contents have another folder. */
export function cachedFolder(cacheDir: string, pin: PackagePin, hash: HashForm): string {
  const digest = Buffer.from(pin.integrity.slice(hash.prefix.length), hash.encoding).toString('hex');
  return join(cacheDir, 'packages', `${pin.repository}-${pin.version}-${digest.slice(0, 16)}`);
}

/**
 * The sources of a package in the language of its registry.
 *
 * @throws {DataError} If the package cannot be fetched or is not the pinned one; nothing is kept then.
 */
export async function readPackage(pin: PackagePin, reading: PackageReading): Promise<Repository> {
  const { registry, cacheDir, onProgress } = reading;
  const folder = cachedFolder(cacheDir, pin, registry.hash);
  if (!(await isFolder(folder))) {
    onProgress?.(`fetching ${registry.spec(pin.package, pin.version)} with ${registry.tool}`);
    await fetchPackage(pin, folder, registry);
  }
  const { repository } = await readSourceFolder({
    folder,
    name: pin.repository,
    languages: new Set([registry.language]),
    rule: 'written',
    asksGit: false,
  });
  return repository;
}

/** Removes a package from the cache, so that the next use fetches it again. */
export async function forgetPackage(pin: PackagePin, { registry, cacheDir }: PackageReading): Promise<void> {
  await rm(cachedFolder(cacheDir, pin, registry.hash), { recursive: true, force: true });
}

async function fetchPackage(pin: PackagePin, folder: string, registry: PackageRegistry): Promise<void> {
  const spec = registry.spec(pin.package, pin.version);
  await mkdir(dirname(folder), { recursive: true });
  await removeAbandoned(dirname(folder), TEMPORARY);
  const work = await mkdtemp(join(dirname(folder), TEMPORARY));
  try {
    const download = join(work, 'download');
    const unpacked = join(work, 'unpacked');
    await mkdir(download);
    const file = await registry.fetch(pin.package, pin.version, download);
    await verifyIntegrity(file, spec, pin.integrity, registry);
    const sources = await readPackageSources(file, spec, pin.sourceRoot, registry);
    await mkdir(unpacked);
    for (const [path, bytes] of sources) {
      const target = join(unpacked, path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, bytes);
    }
    await moveIntoPlace(unpacked, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Another process may have finished the same package first; its copy is as good. */
async function moveIntoPlace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(await isFolder(to))) throw error;
  }
}
