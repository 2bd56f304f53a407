/**
 * @file One file of the hub into its blob: the program's resumable download, with the hub's hashes and
 * the hub's reasons for refusing.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, rm, stat } from 'node:fs/promises';

import { DownloadError, ModelError, type UserError } from '../domain/errors.js';
import { download } from '../download/download.js';
import { partPath } from '../download/part-file.js';
import { isTemporary } from '../download/retry.js';
import { fileAddress } from './address.js';
import type { HubLocation } from './reference.js';
import { refusalOf } from './refusals.js';
import type { RemoteFile } from './remote-file.js';
import { hubFetch, type RequestOptions } from './request.js';
import type { HubSettings } from './settings.js';

/**
 * Fetches a file unless its blob is there.
 *
 * @param onBytes Told of bytes as they arrive, those of an earlier attempt first; negative if some turn
 *   out to be worthless.
 * @throws {ModelError | DownloadError} If the hub refuses, cannot be reached, or sends something else
 *   than it announced; a blob is then not made.
 */
export async function fetchBlob(
  from: { readonly location: HubLocation; readonly commit: string; readonly file: RemoteFile },
  blob: string,
  settings: HubSettings,
  options: RequestOptions,
  onBytes?: (bytes: number) => void,
): Promise<void> {
  if (existsSync(blob)) return;
  const { location, commit, file } = from;
  const { hash } = file;
  // Git's hash can only be checked when all is there, so such a file is not put in its place before that.
  const target = hash.kind === 'sha256' ? blob : `${blob}.unchecked`;
  const fetch = await hubFetch();
  const refusals: UserError[] = [];
  let reported = 0;
  const report = (received: number): void => {
    onBytes?.(received - reported);
    reported = received;
  };
  try {
    await download(
      {
        ...fileAddress(location.id, commit, file.path, settings),
        file: target,
        bytes: file.size,
        ...(hash.kind === 'sha256' ? { sha256: hash.hex } : {}),
        onProgress: ({ receivedBytes }) => {
          report(receivedBytes);
        },
        ...(options.onNote === undefined ? {} : { onNote: options.onNote }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      {
        stallMs: settings.timeoutMs,
        ...(options.wait === undefined ? {} : { wait: options.wait }),
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          if (![200, 206, 416].includes(response.status) && !isTemporary(response.status)) {
            refusals.push(refusalOf(response, { ...location, path: file.path }, settings));
          }
          return response;
        },
      },
    );
  } catch (error) {
    report(0);
    const isRefusal =
      error instanceof DownloadError && ['unauthorized', 'not-found', 'refused'].includes(error.problem);
    throw (isRefusal ? refusals.at(-1) : undefined) ?? error;
  }
  if (hash.kind === 'git-sha1') {
    const found = await gitHashOf(target);
    if (found !== hash.hex) {
      await rm(target);
      report(0);
      throw new ModelError(`${location.id}/${file.path}: what arrived is not what the hub announced`, [
        `expected git hash ${hash.hex}`,
        `got      git hash ${found}`,
        'nothing of it was kept; a proxy or a mirror may have changed it',
      ]);
    }
    await rename(target, blob);
  }
  report(file.size);
}

/** Bytes of a blob that an earlier attempt left behind. */
export async function arrivedBytes(blob: string): Promise<number> {
  return stat(partPath(blob)).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Git's name of a small file's content: SHA-1 of `blob <size>\0` and the bytes. */
export async function gitHashOf(path: string): Promise<string> {
  const bytes = await readFile(path);
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
