/**
 * @file Opens a published set, or one part of it, from the cache.
 */

import { join } from 'node:path';
import { DataError, UsageError } from '../../domain/errors.js';
import { defaultCacheDir } from '../../files/cache-dir.js';
import { nearestName } from '../../metrics/nearest-name.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import { openRecordFiles } from '../records/record-file.js';
import { fetchedFiles, filesOfPart, isPulled, setFolder } from './cache.js';
import type { PublishedSet } from './catalog.js';

/**
 * Opens a part of a set.
 *
 * @param part   One of the set's parts; null if the reference names none of them.
 * @param wanted What the reference names.
 * @throws {UsageError} If the set has no such part.
 * @throws {DataError} If the set has not been fetched, or is laid out differently than expected.
 */
export async function openPublished(
  {
    set,
    part,
    wanted,
  }: { readonly set: PublishedSet; readonly part: string | null; readonly wanted: string },
  options: DatasetOptions,
): Promise<Dataset> {
  if (part === null) {
    const parts = Object.keys(set.parts);
    const meant = nearestName(wanted, parts);
    throw new UsageError(`${set.id} has no part "${wanted}"`, [
      ...(meant === null ? [] : [`did you mean "${set.id}:${meant}"?`]),
      `its parts: ${parts.join(', ')}`,
    ]);
  }
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const folder = setFolder(cacheDir, set);
  if (!(await isPulled(cacheDir, set))) {
    throw new DataError(`${set.id} has not been fetched yet`, [
      `llava-eval datasets pull ${set.id} shows its size and licence, and fetches it`,
      `its page: ${set.page}`,
    ]);
  }
  const pattern = set.parts[part]!;
  const files = await filesOfPart(folder, pattern);
  if (files.length === 0) {
    throw new DataError(`${set.id}: no file for the part "${part}" in ${folder}`, [
      `files there: ${(await filesOfPart(folder, /./)).slice(0, 10).join(', ')}`,
      'the set is laid out differently than when this program was written; open the right file by its path',
    ]);
  }
  const own = set.sources.flatMap((source) => (source.kind === 'github' ? [source.path] : []));
  const repositories = (await fetchedFiles(folder)).find(
    ({ holds, path }) => holds === 'repositories' && own.some((name) => name.endsWith(`/${path}`)),
  );
  const isDefault = part === Object.keys(set.parts)[0];
  return openRecordFiles(
    files,
    { id: isDefault ? set.id : `${set.id}:${part}`, licence: set.licence },
    {
      ...(repositories === undefined ? {} : { reposDir: join(folder, repositories.path) }),
      ...options,
    },
  );
}
