/**
 * @file What a mirror is asked that lacks a part of the hub's API: the calls that every mirror must answer for
 * Python's `hf_hub_download` to work.
 *
 * Some mirrors know neither the file tree nor fields chosen by `?expand=` nor the revision `HEAD`. The plain model info
 * still names commit and files, and the head of each file says its size and its hash.
 */

import { z } from 'zod';

import { ModelError } from '../domain/errors.js';
import { authorization, fileAddress } from './address.js';
import { formatHubReference, DEFAULT_REVISION, type HubLocation } from './reference.js';
import { refusalOf } from './refusals.js';
import { commitSchema, hashOf, pathSchema, type RemoteFile } from './remote-file.js';
import { requestWithRetries, type RequestOptions } from './request.js';
import type { HubSettings } from './settings.js';

const infoSchema = z.looseObject({
  sha: commitSchema,
  siblings: z.array(z.looseObject({ rfilename: pathSchema })),
});

/** What the plain model info says. */
export interface PlainInfo {
  readonly commit: string;
  /** Paths of all files. */
  readonly paths: readonly string[];
}

/** Heads asked for at once. */
const HEADS_AT_ONCE = 8;

/** Redirects that are followed for the head of one file. */
const MOST_REDIRECTS = 5;

/**
 * Whether a refusal means that the server does not know the call, and not that the repository is not there.
 *
 * @param asksForHead Whether the revision asked for was `HEAD`, which the user did not write.
 */
export function lacksCall({ status, headers }: Response, asksForHead: boolean): boolean {
  const code = headers.get('x-error-code') ?? '';
  if (status === 404)
    return ['', 'EntryNotFound'].includes(code) || (asksForHead && code === 'RevisionNotFound');
  return status === 405 || status === 501;
}

/**
 * The model info without chosen fields, at a revision that every mirror knows.
 *
 * @throws {ModelError} If the repository is not there, may not be read, or the server has no such call either.
 */
export async function plainInfo(
  location: HubLocation,
  settings: HubSettings,
  options: RequestOptions,
): Promise<PlainInfo> {
  const revision = encodeURIComponent(location.revision ?? DEFAULT_REVISION);
  const base = `${settings.endpoint}/api/models/${location.id}`;
  const addresses = [`${base}/revision/${revision}`, ...(location.revision === null ? [base] : [])];
  for (const address of addresses) {
    const headers = { accept: 'application/json', ...authorization(settings) };
    const response = await requestWithRetries(address, { headers }, options);
    if (response.ok) {
      const result = infoSchema.safeParse(await response.json());
      if (result.success) {
        return { commit: result.data.sha, paths: result.data.siblings.map(({ rfilename }) => rfilename) };
      }
      throw new ModelError(
        `${formatHubReference({ ...location, path: '' })}: ${settings.endpoint} does not say which files there are`,
        z.prettifyError(result.error).split('\n').slice(0, 4),
      );
    }
    await response.body?.cancel();
    if (!lacksCall(response, false)) throw refusalOf(response, location, settings);
  }
  throw refusalOf({ status: 404, headers: new Headers() }, location, settings);
}

/**
 * Sizes and hashes of files, from their heads.
 *
 * @throws {ModelError} If a file may not be read, or the server does not say its size and hash.
 */
export async function filesByHeads(
  { commit, paths }: PlainInfo,
  location: HubLocation,
  settings: HubSettings,
  options: RequestOptions,
): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  for (let first = 0; first < paths.length; first += HEADS_AT_ONCE) {
    const some = paths.slice(first, first + HEADS_AT_ONCE);
    files.push(
      ...(await Promise.all(some.map((path) => fileByHead(path, commit, location, settings, options)))),
    );
  }
  return files;
}

async function fileByHead(
  path: string,
  commit: string,
  location: HubLocation,
  settings: HubSettings,
  options: RequestOptions,
): Promise<RemoteFile> {
  const { url, headers } = fileAddress(location.id, commit, path, settings);
  let address = new URL(url);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const ask = async (more: { readonly method: string; readonly range?: string }): Promise<Response> => {
      const { method, range } = more;
      const sent = { ...headers, 'accept-encoding': 'identity', ...(range === undefined ? {} : { range }) };
      const answer = await requestWithRetries(
        address.href,
        { method, redirect: 'manual', headers: sent },
        options,
      );
      await answer.body?.cancel();
      return answer;
    };
    let response = await ask({ method: 'HEAD' });
    // A server that knows no HEAD says the same with the first byte.
    if (response.status === 405) response = await ask({ method: 'GET', range: 'bytes=0-0' });
    if (response.status >= 400) throw refusalOf(response, { ...location, path }, settings);
    const named = describedBy(response.headers, path);
    if (named !== null) return named;
    // A repository that was renamed is redirected on the same server. Storage elsewhere does not know the hub's hashes.
    const next = response.headers.get('location');
    const target = next === null ? null : new URL(next, address);
    if (target?.origin !== address.origin) break;
    address = target;
  }
  throw new ModelError(
    `${location.id}/${path}: ${settings.endpoint} does not say size and hash of this file`,
    ['without them nobody can tell whether what arrives is whole; use another mirror (HF_ENDPOINT)'],
  );
}

/** What the headers of a file say; null if they lack its size or its hash. */
function describedBy(headers: Headers, path: string): RemoteFile | null {
  // The hub's own headers stand in a redirect to storage; a mirror that sends the file itself has the usual ones.
  const tag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '')
    .replace(/^W\//, '')
    .replaceAll('"', '');
  const whole = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
  const length = headers.get('x-linked-size') ?? whole ?? headers.get('content-length');
  const hash = hashOf(tag);
  const isRedirect = headers.has('location') && !headers.has('x-linked-etag');
  if (hash === null || length === null || !/^\d+$/.test(length) || isRedirect) return null;
  return { path, size: Number(length), hash };
}
