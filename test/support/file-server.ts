/**
 * @file A web server on this machine that behaves as a test tells it to, request by request.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface FileServer {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly origin: string;
  /** The requests so far: method and path, and the headers that matter here. */
  readonly requests: readonly SeenRequest[];
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
  const server = createServer((request, response) => {
    const { range, authorization } = request.headers;
    const ifRange = request.headers['if-range'];
    requests.push({
      path: request.url ?? '',
      range,
      ifRange: typeof ifRange === 'string' ? ifRange : undefined,
      authorization,
    });
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
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
  return (_, response) => {
    response.writeHead(200, {
      ...(tag === null ? {} : { etag: tag }),
      'content-length': content.length,
    });
    sendAndBreak(response, content.subarray(0, firstBytes));
  };
}

/** Sends some bytes, gives them time to arrive, and closes the connection without sending the rest. */
export function sendAndBreak(response: ServerResponse, bytes: Buffer): void {
  response.write(bytes, () => {
    setTimeout(() => response.destroy(), 30);
  });
}

/** Each request gets the next answer; the last one serves all further requests. */
export function inTurn(...answers: readonly [Answer, ...Answer[]]): Answer {
  let next = 0;
  return (request, response) => {
    answers[Math.min(next++, answers.length - 1)]!(request, response);
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
