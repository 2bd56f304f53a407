/**
 * @file A web server on this machine that behaves as a test tells it to, request by request.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the download under test says it has received; a connection breaks only after that, see `sendAndBreak`. */
export interface Client {
  receivedBytes: number;
}

export type Answer = (request: IncomingMessage, response: ServerResponse, client: Client) => void;

export interface FileServer {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly origin: string;
  /** The requests so far: method and path, and the headers that matter here. */
  readonly requests: readonly SeenRequest[];
  /** For the test to keep up to date from the download's progress. */
  readonly client: Client;
  close(): Promise<void>;
}

export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly authorization: string | undefined;
}

/** Starts a server; `answer` is called for every request. */
export async function startFileServer(answer: Answer): Promise<FileServer> {
  const requests: SeenRequest[] = [];
  const client: Client = { receivedBytes: 0 };
  const server = createServer((request, response) => {
    const { range, authorization } = request.headers;
    const ifRange = request.headers['if-range'];
    requests.push({
      path: request.url ?? '',
      range,
      ifRange: typeof ifRange === 'string' ? ifRange : undefined,
      authorization,
    });
    client.receivedBytes = 0;
    answer(request, response, client);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    client,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

/** How a well-behaved server sends a file: entity tag, ranges, `If-Range`. */
export function serveFile(content: Buffer, tag = '"v1"'): Answer {
  return (request, response) => {
    const start = startOf(request);
    const wantsThisVersion = (request.headers['if-range'] ?? tag) === tag;
    if (start === null || !wantsThisVersion) {
      response.writeHead(200, { etag: tag, 'content-length': content.length }).end(content);
    } else if (start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    } else {
      const rest = content.subarray(start);
      response
        .writeHead(206, {
          etag: tag,
          'content-length': rest.length,
          'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
        })
        .end(rest);
    }
  };
}

/** Promises the whole file and closes the connection after its first bytes. */
export function serveTorn(content: Buffer, firstBytes: number, tag: string | null = '"v1"'): Answer {
  return (_, response, client) => {
    response.writeHead(200, {
      ...(tag === null ? {} : { etag: tag }),
      'content-length': content.length,
    });
    sendAndBreak(response, content.subarray(0, firstBytes), firstBytes, client);
  };
}

/** How long a connection is kept open for bytes whose arrival nobody reports. */
const PATIENCE_MS = 500;

/**
 * Sends some bytes, waits until they have arrived, and closes the connection without sending the rest.
 *
 * What lies in a client's buffers when a connection breaks is lost to it, so breaking earlier would make the
 * outcome a matter of luck on a busy machine.
 *
 * @param upTo Where in the file the bytes end.
 */
export function sendAndBreak(response: ServerResponse, bytes: Buffer, upTo: number, client: Client): void {
  const end = Date.now() + PATIENCE_MS;
  const look = (): void => {
    if (client.receivedBytes >= upTo || Date.now() > end) response.destroy();
    else setTimeout(look, 2);
  };
  response.write(bytes, look);
}

/** Each request gets the next answer; the last one serves all further requests. */
export function inTurn(...answers: readonly [Answer, ...Answer[]]): Answer {
  let next = 0;
  return (request, response, client) => {
    answers[Math.min(next++, answers.length - 1)]!(request, response, client);
  };
}

/** A bare status with headers. */
export function serveStatus(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_, response) => {
    response.writeHead(status, headers).end('sorry');
  };
}

function startOf(request: IncomingMessage): number | null {
  const found = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  return found === null ? null : Number(found[1]);
}
