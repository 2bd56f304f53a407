/**
 * @file Which files a set consists of at its source, with sizes, and hashes where the source states them.
 *
 * GitHub's raw files state a size alone. The hub states the commit behind a revision and, for files kept
 * outside git, their SHA-256; files are then fetched at that commit, so that a set is never half old.
 *
 * Source: the hub's documented web interface, `/api/datasets/…/revision/…` and `/api/datasets/…/tree/…`.
 */

import { z } from 'zod';
import { DataError, DownloadError, messageOf } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import type { Fetch } from '../../download/fetch.js';
import type { GitHubFile, HubFiles, PublishedSet } from './catalog.js';
import type { Hosts } from './hosts.js';

export interface RemoteFile {
  /** Path in the cache folder of the set, with forward slashes. */
  readonly path: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly holds: 'records' | 'repositories';
}

/**
 * Asks the sources of a set.
 *
 * @throws {DownloadError} If a source cannot be reached or does not have it.
 * @throws {DataError} If a source has no file that the set needs.
 */
export async function remoteFiles(set: PublishedSet, hosts: Hosts, fetch: Fetch): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  for (const source of set.sources) {
    if (source.kind === 'github') files.push(await gitHubFile(source, hosts, fetch));
    else files.push(...(await hubFiles(source, hosts, fetch)));
  }
  return files;
}

async function gitHubFile(source: GitHubFile, hosts: Hosts, fetch: Fetch): Promise<RemoteFile> {
  const url = `${hosts.gitHubRaw}/${source.repository}/${source.revision}/${source.path}`;
  const response = await ask(url, {}, fetch, 'HEAD');
  const length = response.headers.get('content-length');
  return {
    path: source.path.slice(source.path.lastIndexOf('/') + 1),
    url,
    headers: {},
    bytes: length === null ? null : Number(length),
    sha256: null,
    holds: source.holds,
  };
}

const revisionSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const treeSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string().min(1),
    size: z.int().min(0),
    lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).optional(),
  }),
);

async function hubFiles(source: HubFiles, hosts: Hosts, fetch: Fetch): Promise<RemoteFile[]> {
  const { dataset, revision, pattern } = source;
  const api = `${hosts.hub}/api/datasets/${dataset}`;
  const headers = hosts.hubHeaders;
  const { sha } = await askJson(`${api}/revision/${revision}`, headers, fetch, revisionSchema);
  const entries: z.output<typeof treeSchema> = [];
  let page: string | null = `${api}/tree/${sha}?recursive=true`;
  while (page !== null) {
    const response: Response = await ask(page, headers, fetch, 'GET');
    entries.push(...parseAnswer(page, await response.text(), treeSchema));
    page = nextPage(page, response.headers.get('link'));
  }
  const found = entries.filter(({ type, path }) => type === 'file' && pattern.test(path) && !isHidden(path));
  if (found.length === 0) {
    throw new DataError(`${hosts.hub}/datasets/${dataset}: no file matches ${String(pattern)}`, [
      `it has ${entries
        .map(({ path }) => path)
        .slice(0, 10)
        .join(', ')}`,
      'the set is laid out differently than when this program was written; please report it',
    ]);
  }
  return found.map(({ path, size, lfs }) => ({
    path,
    url: `${hosts.hub}/datasets/${dataset}/resolve/${sha}/${path.split('/').map(encodeURIComponent).join('/')}`,
    headers,
    bytes: lfs?.size ?? size,
    sha256: lfs?.oid ?? null,
    holds: 'records',
  }));
}

/** Paths come from a stranger and become paths in the cache. */
function isHidden(path: string): boolean {
  return /\\|^[A-Za-z]:/.test(path) || path.split('/').some((part) => part === '' || part.startsWith('.'));
}

/** @example nextPage(…, '<https://…?cursor=x>; rel="next"') // the address */
function nextPage(base: string, link: string | null): string | null {
  const found = /<([^>]+)>;\s*rel="next"/.exec(link ?? '')?.[1];
  if (found === undefined) return null;
  const next = new URL(found, base);
  // A page elsewhere would be handed the token.
  return next.origin === new URL(base).origin ? next.href : null;
}

async function askJson<Schema extends z.ZodType>(
  url: string,
  headers: Readonly<Record<string, string>>,
  fetch: Fetch,
  schema: Schema,
): Promise<z.output<Schema>> {
  return parseAnswer(url, await (await ask(url, headers, fetch, 'GET')).text(), schema);
}

function parseAnswer<Schema extends z.ZodType>(url: string, text: string, schema: Schema): z.output<Schema> {
  try {
    return schema.parse(parseJson(text));
  } catch (error) {
    throw new DownloadError('refused', `${url}: the answer is not what the hub sends`, [
      'if HF_ENDPOINT names a mirror, it has to speak the hub’s language',
      messageOf(error).split('\n')[0]!,
    ]);
  }
}

async function ask(
  url: string,
  headers: Readonly<Record<string, string>>,
  fetch: Fetch,
  method: 'GET' | 'HEAD',
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { 'accept-encoding': 'identity', ...headers }, method });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new DownloadError('unreachable', `${url}: cannot be reached: ${messageOf(cause)}`, OFFLINE, {
      cause: error,
    });
  }
  if (response.ok) return response;
  await response.body?.cancel().catch(() => undefined);
  const message = `${url}: the server answered ${response.status}`;
  switch (response.status) {
    case 401:
    case 403:
      throw new DownloadError('unauthorized', message, [
        'the set may need a login: accept its terms on its page and set HF_TOKEN',
      ]);
    case 404:
    case 410:
      throw new DownloadError('not-found', message, [
        'the set has moved, or a mirror does not have it; please report it if it is gone from its page',
      ]);
    default:
      throw new DownloadError('unreachable', message, OFFLINE);
  }
}

const OFFLINE = [
  'mirrors are set with HF_ENDPOINT and LLAVA_EVAL_GITHUB_RAW, a proxy with HTTPS_PROXY',
  'a set fetched elsewhere can be used by its path: --dataset FILE',
];
