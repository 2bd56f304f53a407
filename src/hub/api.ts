/**
 * @file What the hub knows of a repository: its commit, its files, their sizes and hashes; sole
 * importer of `@huggingface/hub`.
 *
 * The package asks (model info, file tree). It does not fetch here: its download to the cache (2.17)
 * neither continues an interrupted file nor checks a hash, names snapshots by the last commit of a
 * file instead of the repository's, and writes no refs, so Python's library would not find its files.
 */

import { z } from 'zod';

import { ModelError, type UserError } from '../domain/errors.js';
import { authorization, fileAddress } from './address.js';
import { filesByHeads, lacksCall, plainInfo, type PlainInfo } from './mirror.js';
import { formatHubReference, type HubLocation } from './reference.js';
import { refusalOf } from './refusals.js';
import { commitSchema, hexSchema, pathSchema, type ContentHash, type RemoteFile } from './remote-file.js';
import { requestWithRetries, type RequestOptions } from './request.js';
import type { HubSettings } from './settings.js';

export interface RemoteRepository {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly RemoteFile[];
}

const size = z.number().int().nonnegative();
const fileSchema = z.looseObject({
  type: z.literal('file'),
  path: pathSchema,
  size,
  oid: hexSchema(40),
  lfs: z.looseObject({ oid: hexSchema(64), size }).optional(),
});
const infoSchema = z.looseObject({ sha: commitSchema });

/** The server does not know a call, as mirrors do not know all of the hub's. */
class CallLacking extends Error {
  readonly refusal: UserError;

  constructor(refusal: UserError) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/**
 * Asks the hub for the commit that a location stands for and the files there. A mirror that lacks these calls is asked
 * what it can answer (`mirror.ts`).
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
      const refusal = refusalOf(response, location, settings);
      throw lacksCall(response, location.revision === null) ? new CallLacking(refusal) : refusal;
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
    let plain: PlainInfo | null = null;
    const info = await unlessLacking(() =>
      modelInfo({
        ...common,
        name: location.id,
        ...(location.revision === null ? {} : { revision: location.revision }),
        additionalFields: ['sha'],
      }),
    );
    if (info === null) plain = await plainInfo(location, settings, options);
    const commit = plain?.commit ?? checked(infoSchema, info).sha;
    const files = await unlessLacking(async () => {
      const found: RemoteFile[] = [];
      const repo = { type: 'model', name: location.id } as const;
      for await (const entry of listFiles({ ...common, repo, revision: commit, recursive: true })) {
        if (entry.type !== 'file') continue;
        const file = checked(fileSchema, entry);
        const hash: ContentHash =
          file.lfs === undefined
            ? { kind: 'git-sha1', hex: file.oid }
            : { kind: 'sha256', hex: file.lfs.oid };
        found.push({ path: file.path, size: file.lfs?.size ?? file.size, hash });
      }
      return found;
    });
    if (files !== null) return { commit, files };
    plain ??= await plainInfo({ ...location, revision: commit }, settings, options);
    return { commit: plain.commit, files: await filesByHeads(plain, location, settings, options) };
  } catch (error) {
    if (error instanceof SyntaxError) checked(infoSchema, 'not JSON');
    throw error;
  }
}

/** What a call answers; null where the server does not know the call. */
async function unlessLacking<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof CallLacking) return null;
    throw error;
  }
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
