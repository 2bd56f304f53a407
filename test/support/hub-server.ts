/**
 * @file A small Hugging Face hub on this machine: model info, file tree, resolve with the LFS redirect,
 * ranges, the hub's own headers and error codes, and whatever misbehaviour a test asks for.
 *
 * LFS files are redirected to another origin (`localhost` instead of `127.0.0.1`), as the hub redirects
 * them to its storage.
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ServedRepository {
  /** Commit by branch or tag; `main` is the default branch. */
  readonly refs: Readonly<Record<string, string>>;
  /** Content by path; the same at every commit. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Needs this token. */
  readonly token?: string;
  readonly isGated?: boolean;
}

export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
  /** `127.0.0.1` for the hub, `localhost` for its storage. */
  readonly host: string;
}

/** Files of at least this size are LFS files. */
export const LFS_BYTES = 64;

export class HubServer {
  readonly repositories = new Map<string, ServedRepository>();
  readonly requests: ServedRequest[] = [];
  /** Asked first; true if it has answered. */
  misbehave: ((request: IncomingMessage, response: ServerResponse, seen: ServedRequest) => boolean) | null =
    null;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<HubServer> {
    const server = createServer((request, response) => {
      hub.#answer(request, response);
    });
    const hub = new HubServer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return hub;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The requests whose path contains the text. */
  seen(part: string): ServedRequest[] {
    return this.requests.filter(({ path }) => path.includes(part));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURI(request.url ?? '/');
    const seen: ServedRequest = {
      method: request.method ?? 'GET',
      path,
      range: request.headers.range ?? null,
      authorization: request.headers.authorization ?? null,
      host: (request.headers.host ?? '').replace(/:\d+$/, ''),
    };
    this.requests.push(seen);
    if (this.misbehave?.(request, response, seen) === true) return;

    const [, kind, hash] = /^\/(cdn)\/([0-9a-f]{64})/.exec(path) ?? [];
    if (kind !== undefined) {
      const bytes = [...this.repositories.values()]
        .flatMap(({ files }) => Object.values(files))
        .find((content) => sha256(content) === hash);
      if (bytes === undefined) refuse(response, 403, 'AccessDenied');
      else sendBytes(request, response, bytes, {});
      return;
    }
    const found =
      /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/revision\/(?<revision>[^?]+)/.exec(path) ??
      /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/(?<tree>tree)\/(?<revision>[^?]+)/.exec(path) ??
      /^\/api\/models\/(?<id>[^/?]+\/[^/?]+)$/.exec(path) ??
      /^\/(?<id>[^/]+\/[^/]+)\/resolve\/(?<revision>[^/]+)\/(?<file>.+)/.exec(path);
    const { id = '', revision: escaped = 'HEAD', tree, file } = found?.groups ?? {};
    const revision = decodeURIComponent(escaped);
    const repository = this.repositories.get(id);
    if (repository === undefined) {
      // As the hub does: without a token one cannot tell a private repository from none.
      refuse(response, seen.authorization === null ? 401 : 404, 'RepoNotFound');
      return;
    }
    if (repository.token !== undefined && seen.authorization !== `Bearer ${repository.token}`) {
      const isAnonymous = seen.authorization === null;
      if (repository.isGated === true) refuse(response, isAnonymous ? 401 : 403, 'GatedRepo');
      else refuse(response, isAnonymous ? 401 : 404, 'RepoNotFound');
      return;
    }
    const commits = Object.values(repository.refs);
    const commit =
      revision === 'HEAD'
        ? repository.refs['main']
        : (repository.refs[revision] ?? commits.find((c) => c === revision));
    if (commit === undefined) {
      refuse(response, 404, 'RevisionNotFound');
    } else if (tree !== undefined) {
      sendJson(
        response,
        Object.entries(repository.files).map(([name, bytes]) => treeEntry(name, bytes)),
      );
    } else if (file !== undefined) {
      const bytes = repository.files[file];
      if (bytes === undefined) refuse(response, 404, 'EntryNotFound');
      else this.#resolve(request, response, commit, bytes);
    } else {
      sendJson(response, {
        _id: '1',
        id,
        sha: commit,
        private: false,
        gated: false,
        lastModified: '2026-01-01',
        // Chosen fields leave the list of files out.
        ...(path.includes('expand')
          ? {}
          : { siblings: Object.keys(repository.files).map((rfilename) => ({ rfilename })) }),
      });
    }
  }

  #resolve(request: IncomingMessage, response: ServerResponse, commit: string, bytes: Uint8Array): void {
    const headers = { 'X-Repo-Commit': commit };
    if (bytes.length < LFS_BYTES) {
      sendBytes(request, response, bytes, { ...headers, ETag: `"${gitHash(bytes)}"` });
      return;
    }
    const storage = this.endpoint.replace('127.0.0.1', 'localhost');
    response.writeHead(302, {
      ...headers,
      'X-Linked-ETag': `"${sha256(bytes)}"`,
      'X-Linked-Size': String(bytes.length),
      Location: `${storage}/cdn/${sha256(bytes)}?signature=x`,
    });
    response.end();
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Git's name of a file's content. */
export function gitHash(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

function treeEntry(path: string, bytes: Uint8Array): unknown {
  const isLfs = bytes.length >= LFS_BYTES;
  return {
    type: 'file',
    path,
    size: bytes.length,
    oid: gitHash(isLfs ? Buffer.from(`pointer to ${path}`) : bytes),
    ...(isLfs ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {}),
  };
}

export function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  headers: Record<string, string>,
): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (from === undefined) {
    response.writeHead(200, { ...headers, 'Content-Length': String(bytes.length), 'Accept-Ranges': 'bytes' });
    response.end(request.method === 'HEAD' ? undefined : bytes);
    return;
  }
  const start = Number(from);
  const end = to === undefined || to === '' ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1);
  if (start >= bytes.length) {
    response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` });
    response.end();
    return;
  }
  response.writeHead(206, {
    ...headers,
    'Content-Length': String(end - start + 1),
    'Content-Range': `bytes ${start}-${end}/${bytes.length}`,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes.subarray(start, end + 1));
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
}

export function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'X-Error-Code': code, 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ error: code }));
}
