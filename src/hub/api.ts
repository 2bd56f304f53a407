/**
 * @file What the hub knows of a repository: its commit, its files, their sizes and hashes; sole
 * importer of `@huggingface/hub`.
 *
 * The package asks (model info, file tree). It does not fetch here: its download to the cache (2.17)
 * neither continues an interrupted file nor checks a hash, names snapshots by the last commit of a
 * file instead of the repository's, and writes no refs, so Python's library would not find its files.
 */

import { z } from 'zod';

import { type DownloadError, ModelError, type UserError } from '../domain/errors.js';
import { formatHubReference, type HubLocation } from './reference.js';
import { requestWithRetries, type RequestOptions } from './request.js';
import type { HubSettings } from './settings.js';

/** How the content of a file is known beforehand. */
export type ContentHash =
  /** SHA-256 of the bytes: large files. */
  | { readonly kind: 'sha256'; readonly hex: string }
  /** Git's own hash: files kept in git itself. */
  | { readonly kind: 'git-sha1'; readonly hex: string };

export interface RemoteFile {
  /** Inside the repository, with `/`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly hash: ContentHash;
}

export interface RemoteRepository {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly RemoteFile[];
}

const hex = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const size = z.number().int().nonnegative();
/** Longest path in a repository: that of Linux. Patterns look at paths, and a server may answer anything. */
const MOST_PATH_CHARACTERS = 4096;
/** A path that stays where it is put. */
const path = z
  .string()
  .min(1)
  .max(MOST_PATH_CHARACTERS)
  .refine((text) => !/^[\\/]|\\|(?:^|\/)\.{1,2}(?:\/|$)/.test(text), 'leaves the repository');
const fileSchema = z.looseObject({
  type: z.literal('file'),
  path,
  size,
  oid: hex(40),
  lfs: z.looseObject({ oid: hex(64), size }).optional(),
});
const infoSchema = z.looseObject({ sha: hex(40) });

/**
 * Asks the hub for the commit that a location stands for and the files there.
 *
 * @throws {ModelError} If the repository or revision does not exist, may not be read, or the hub
 *   answers something else than it should.
 * @throws {DownloadError} `unreachable` if there is no connection.
 */
export async function describeRepository(
  location: HubLocation,
  settings: HubSettings,
  options: RequestOptions,
): Promise<RemoteRepository> {
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  const common = {
    hubUrl: settings.endpoint,
    fetch: async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
      const address = url instanceof Request ? url.url : String(url);
      // Not left to the package, which refuses tokens that do not begin with "hf_"; mirrors have others.
      const headers = { accept: 'application/json', ...authorization(settings) };
      const response = await requestWithRetries(address, { ...init, headers }, options);
      if (response.ok) return response;
      await response.body?.cancel();
      throw refusalOf(response, location, settings);
    },
  };
  const name = formatHubReference({ ...location, path: '' });
  const checked = <S extends z.ZodType>(schema: S, value: unknown): z.infer<S> => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    throw new ModelError(`${name}: ${settings.endpoint} answers something that is not the hub's API`, [
      ...z.prettifyError(result.error).split('\n').slice(0, 4),
      'check HF_ENDPOINT, and whether a proxy or a login page of the network answers instead',
    ]);
  };
  try {
    const info = await modelInfo({
      ...common,
      name: location.id,
      ...(location.revision === null ? {} : { revision: location.revision }),
      additionalFields: ['sha'],
    });
    const commit = checked(infoSchema, info).sha;
    const files: RemoteFile[] = [];
    const repo = { type: 'model', name: location.id } as const;
    for await (const entry of listFiles({ ...common, repo, revision: commit, recursive: true })) {
      if (entry.type !== 'file') continue;
      const file = checked(fileSchema, entry);
      const hash: ContentHash =
        file.lfs === undefined ? { kind: 'git-sha1', hex: file.oid } : { kind: 'sha256', hex: file.lfs.oid };
      files.push({ path: file.path, size: file.lfs?.size ?? file.size, hash });
    }
    return { commit, files };
  } catch (error) {
    if (error instanceof SyntaxError) checked(infoSchema, 'not JSON');
    throw error;
  }
}

/** Where a file is fetched from, and what to send along; redirects to other hosts do not get the token. */
export function fileAddress(
  id: string,
  commit: string,
  file: string,
  { endpoint, token }: HubSettings,
): { url: string; headers: Record<string, string> } {
  const escaped = file.split('/').map(encodeURIComponent).join('/');
  return {
    url: `${endpoint}/${id}/resolve/${commit}/${escaped}`,
    headers: authorization({ token }),
  };
}

function authorization({ token }: Pick<HubSettings, 'token'>): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/**
 * Bytes [start, start + length) of a remote file; fewer at its end.
 *
 * @throws {ModelError} If the server refuses or ignores the range of a large file.
 */
export async function readRemoteRange(
  location: HubLocation,
  commit: string,
  file: string,
  range: { readonly start: number; readonly length: number },
  settings: HubSettings,
  options: RequestOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { url, headers } = fileAddress(location.id, commit, file, settings);
  const { start, length } = range;
  const response = await requestWithRetries(
    url,
    {
      headers: { ...headers, 'accept-encoding': 'identity', range: `bytes=${start}-${start + length - 1}` },
    },
    options,
  );
  if (response.status !== 206 && response.status !== 200) {
    await response.body?.cancel();
    throw refusalOf(response, { ...location, path: file }, settings);
  }
  if (
    response.status === 200 &&
    Number(response.headers.get('content-length') ?? Infinity) > start + length
  ) {
    await response.body?.cancel();
    throw new ModelError(`${location.id}/${file}: ${settings.endpoint} cannot send a part of a file`, [
      'fetch the model first: llava-eval models pull, then inspect reads the local copy',
    ]);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  return response.status === 200 ? bytes.slice(start, start + length) : bytes;
}

/** The error a refused request means to a user. */
export function refusalOf(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  location: HubLocation,
  { endpoint, token }: HubSettings,
): UserError {
  const code = headers.get('x-error-code') ?? '';
  const name = formatHubReference(location);
  const page = `${endpoint}/${location.id}`;
  const who = token === null ? 'nobody is logged in: set HF_TOKEN or run `hf auth login`' : null;

  if (code === 'GatedRepo') {
    return new ModelError(`${name}: access to this model has to be granted first`, [
      `open ${page}, accept its terms, and wait for approval if it asks for one`,
      who ?? 'the token in use belongs to an account without access, or may not read gated models',
    ]);
  }
  if (code === 'RevisionNotFound') {
    return new ModelError(`${location.id}: has no revision "${location.revision ?? 'main'}"`, [
      `its branches and tags are listed at ${page}/tree/main`,
    ]);
  }
  if (code === 'EntryNotFound') {
    return new ModelError(`${name}: there is no such file on the hub`, [`its files: ${page}/tree/main`]);
  }
  if (code === 'DisabledRepo') {
    return new ModelError(`${name}: the hub has disabled this model`, [`see ${page}`]);
  }
  if (status === 404 || (status === 401 && (token === null || code === 'RepoNotFound'))) {
    return new ModelError(`${name}: not found on ${new URL(endpoint).host}`, [
      'the owner or the name may be misspelled (upper and lower case matter); no such path exists here either',
      `a private model looks the same: ${who ?? 'the token in use may not read it'}`,
    ]);
  }
  if (status === 401 || status === 403) {
    return new ModelError(`${name}: ${new URL(endpoint).host} refuses access (${status})`, [
      who ?? 'the token in HF_TOKEN or in the token file is wrong, expired, or may not read this model',
    ]);
  }
  if (status === 429) {
    return new ModelError(`${name}: ${new URL(endpoint).host} limits how much is asked of it (429)`, [
      'wait a few minutes and run the command again; what has arrived is kept',
      ...(who === null ? [] : [who]),
    ]);
  }
  return new ModelError(`${name}: ${new URL(endpoint).host} answers ${status}`, [
    status >= 500 ? 'the hub has a problem: try again later' : `see ${page}`,
  ]);
}

/** No connection, said with what can be done about it. */
export function unreachable(location: HubLocation, error: DownloadError, isCached: boolean): ModelError {
  return new ModelError(
    `${formatHubReference(location)}: the hub cannot be reached (${error.message})`,
    [
      isCached
        ? 'only some of its files are in the cache'
        : 'it is not in the cache; once it has been fetched, it works offline',
      'connect and run `llava-eval models pull`, set HF_ENDPOINT to a mirror, or HF_HUB_OFFLINE=1 for what is cached',
    ],
    { cause: error },
  );
}
