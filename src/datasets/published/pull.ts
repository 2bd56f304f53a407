/**
 * @file Fetches a published set into the cache: asked for first, hashes checked or recorded, unpacked
 * safely, each step whole or not at all.
 */

import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD_LIMITS } from '../../archive/limits.js';
import { ARCHIVE_NAME } from '../../archive/read.js';
import { unpackArchive } from '../../archive/unpack.js';
import { DataError } from '../../domain/errors.js';
import { download, type DownloadMeans, type DownloadProgress } from '../../download/download.js';
import { environmentFetch } from '../../download/fetch.js';
import { fetchedFiles, recordFetched, setFolder, unpackedName } from './cache.js';
import type { PublishedSet } from './catalog.js';
import { hostsOf } from './hosts.js';
import { remoteFiles, type RemoteFile } from './remote-files.js';

/** No published set is larger; a server that sends more sends something else. */
const MOST_BYTES = 64 * 2 ** 30;

export interface PullPlan {
  readonly set: PublishedSet;
  readonly folder: string;
  readonly files: readonly RemoteFile[];
  /** Bytes still to be fetched; null where a source does not state a size. */
  readonly bytesToFetch: number | null;
  /** Files of the plan that are here already. */
  readonly present: number;
}

export interface PullOptions {
  readonly cacheDir: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Fetch again what is here, and compare it with the recorded hash. */
  readonly again?: boolean;
  readonly means?: DownloadMeans;
  readonly signal?: AbortSignal;
}

export interface PullHooks {
  readonly onNote?: (note: string) => void;
  readonly onProgress?: (file: string, progress: DownloadProgress) => void;
}

/**
 * Finds out what would be fetched.
 *
 * @throws {DownloadError} If a source cannot be reached.
 */
export async function planPull(set: PublishedSet, options: PullOptions): Promise<PullPlan> {
  const environment = options.environment ?? process.env;
  const fetch = options.means?.fetch ?? (await environmentFetch(environment));
  const folder = setFolder(options.cacheDir, set);
  const files = await remoteFiles(set, hostsOf(environment), fetch);
  let bytesToFetch: number | null = 0;
  let present = 0;
  for (const file of files) {
    if (options.again !== true && (await isPresent(folder, file))) present++;
    else bytesToFetch = file.bytes === null || bytesToFetch === null ? null : bytesToFetch + file.bytes;
  }
  return { set, folder, files, bytesToFetch, present };
}

/** Whether a file was fetched in this version, and is still there (unpacked, if it is unpacked). */
async function isPresent(folder: string, file: RemoteFile): Promise<boolean> {
  const known = (await fetchedFiles(folder)).find(({ path }) => path === file.path);
  if (known === undefined || (file.sha256 !== null && known.sha256 !== file.sha256)) return false;
  return exists(join(folder, placeOf(file)));
}

/** What is kept of a file: the folder it was unpacked into, or itself. */
function placeOf(file: Pick<RemoteFile, 'path' | 'holds'>): string {
  return file.holds === 'records' && ARCHIVE_NAME.test(file.path) ? unpackedName(file.path) : file.path;
}

/**
 * Carries a plan out. What is here already is not fetched again; what was begun is gone on with.
 *
 * @throws {DownloadError} If a file cannot be had.
 * @throws {DataError} If an archive is refused, or a file is not the one that was fetched before.
 */
export async function carryOut(plan: PullPlan, options: PullOptions, hooks: PullHooks = {}): Promise<void> {
  for (const file of plan.files) {
    if (options.again !== true && (await isPresent(plan.folder, file))) continue;
    await fetchOne(plan, file, options, hooks);
  }
}

async function fetchOne(
  { folder, set }: PullPlan,
  file: RemoteFile,
  { signal, means, again, environment }: PullOptions,
  { onNote, onProgress }: PullHooks,
): Promise<void> {
  const target = join(folder, file.path);
  const known = (await fetchedFiles(folder)).find(({ path }) => path === file.path);
  const place = join(folder, placeOf(file));
  // An earlier copy stays where it is until the new one has been checked.
  const incoming = again === true ? `${target}.again` : target;
  const done = await download(
    {
      url: file.url,
      file: incoming,
      headers: file.headers,
      mostBytes: MOST_BYTES,
      ...(file.bytes === null ? {} : { bytes: file.bytes }),
      ...(file.sha256 === null ? {} : { sha256: file.sha256 }),
      ...(signal === undefined ? {} : { signal }),
      ...(onNote === undefined ? {} : { onNote }),
      ...(onProgress === undefined
        ? {}
        : {
            onProgress: (progress: DownloadProgress) => {
              onProgress(file.path, progress);
            },
          }),
    },
    { fetch: await environmentFetch(environment), ...means },
  );
  if (known !== undefined && known.sha256 !== done.sha256) {
    const isNewVersion = file.sha256 !== null;
    if (!isNewVersion) {
      await rm(incoming);
      throw new DataError(`${file.url}: is not the file that was fetched before`, [
        `recorded ${known.sha256}`,
        `got      ${done.sha256}`,
        `numbers of the two are not comparable; to take the new one, remove ${folder} and pull again`,
      ]);
    }
    onNote?.(`${set.id}: the source has a new version of ${file.path}`);
  }
  if (incoming !== target) await replace(incoming, target);
  if (place !== target) {
    onNote?.(`unpacking ${file.path}`);
    const { links } = await unpackArchive(target, place, RECORD_LIMITS);
    if (links > 0) onNote?.(`${file.path}: ${links} links in it were left out`);
    await rm(target);
  }
  const { path, url, holds, sha256 } = file;
  const hashStated = sha256 !== null;
  await recordFetched(folder, { path, url, bytes: done.bytes, sha256: done.sha256, holds, hashStated });
  onNote?.(
    hashStated
      ? `${path}: its hash is the one that the source states`
      : known === undefined
        ? `${path}: no hash is stated for it; recorded sha256 ${done.sha256} at this first use`
        : `${path}: its hash is the recorded one`,
  );
}

async function replace(from: string, to: string): Promise<void> {
  const { rename } = await import('node:fs/promises');
  await rename(from, to);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
