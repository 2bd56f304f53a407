import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { DownloadError, type DownloadProblem } from '../../src/domain/errors.js';
import { download, type DownloadMeans, type DownloadRequest } from '../../src/download/download.js';
import { environmentFetch } from '../../src/download/fetch.js';
import { waitBeforeTry } from '../../src/download/retry.js';
import {
  inTurn,
  sendAndBreak,
  serveFile,
  serveStatus,
  serveTorn,
  startFileServer,
  type Answer,
  type FileServer,
} from '../support/file-server.js';

const CONTENT = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) % 251));
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const OTHER = Buffer.from(CONTENT.map((byte) => 255 - byte));

let root: string;
let folder: string;
let server: FileServer | null = null;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'llava-eval-download-'));
});
after(async () => {
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'case-'));
});
afterEach(async () => {
  await server?.close();
  server = null;
});

interface Attempt {
  readonly file: string;
  readonly waits: readonly number[];
  readonly notes: readonly string[];
  readonly server: FileServer;
  fetch(more?: Partial<DownloadRequest>, means?: DownloadMeans): ReturnType<typeof download>;
}

/** A server with the answers, and a download from it that never really waits. */
async function from(answer: Answer): Promise<Attempt> {
  const started = await startFileServer(answer);
  server = started;
  const file = join(folder, 'deep', 'file.bin');
  const waits: number[] = [];
  const notes: string[] = [];
  return {
    file,
    waits,
    notes,
    server: started,
    fetch: (more = {}, means = {}) =>
      download(
        {
          url: `${started.origin}/file.bin`,
          file,
          onNote: (note) => notes.push(note),
          ...more,
          onProgress: (at) => {
            started.client.receivedBytes = at.receivedBytes;
            more.onProgress?.(at);
          },
        },
        {
          wait: (ms) => {
            waits.push(ms);
            return Promise.resolve();
          },
          ...means,
        },
      ),
  };
}

async function problemOf(work: Promise<unknown>): Promise<{ problem: DownloadProblem; text: string }> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof DownloadError, String(error));
    return { problem: error.problem, text: error.render() };
  }
  return assert.fail('the download went through');
}

describe('a download', () => {
  test('arrives whole under its name, with its hash, and leaves nothing else', async () => {
    const attempt = await from(serveFile(CONTENT));
    const progress: unknown[] = [];
    const done = await attempt.fetch({ onProgress: (at) => progress.push(at) });
    assert.deepEqual(done, { file: attempt.file, bytes: 5000, sha256: SHA256 });
    assert.deepEqual(await readFile(attempt.file), CONTENT);
    assert.deepEqual(await readdir(join(folder, 'deep')), ['file.bin']);
    assert.deepEqual(progress.at(-1), { receivedBytes: 5000, totalBytes: 5000 });
  });

  test('that is there already asks the server nothing', async () => {
    const attempt = await from(serveFile(CONTENT));
    await attempt.fetch();
    assert.equal((await attempt.fetch({ sha256: SHA256 })).sha256, SHA256);
    assert.equal(attempt.server.requests.length, 1);
  });

  test('that is there but was changed is fetched again', async () => {
    const attempt = await from(serveFile(CONTENT));
    await attempt.fetch();
    await writeFile(attempt.file, 'spoiled');
    await attempt.fetch({ sha256: SHA256 });
    assert.deepEqual(await readFile(attempt.file), CONTENT);
    assert.match(attempt.notes[0]!, /is not the file that was fetched/);
  });

  test('of an empty file gives an empty file', async () => {
    const attempt = await from(serveFile(Buffer.alloc(0)));
    assert.equal((await attempt.fetch()).bytes, 0);
  });

  test('without a stated length ends with the body', async () => {
    const attempt = await from((_, response) => {
      response.writeHead(200);
      response.write(CONTENT.subarray(0, 100));
      response.end(CONTENT.subarray(100));
    });
    const progress: unknown[] = [];
    await attempt.fetch({ onProgress: (at) => progress.push(at) });
    assert.deepEqual(await readFile(attempt.file), CONTENT);
    assert.deepEqual(progress.at(-1), { receivedBytes: 5000, totalBytes: null });
  });

  test('waits for another one of the same file instead of fetching it twice', async () => {
    const attempt = await from((request, response, client) => {
      setTimeout(() => {
        serveFile(CONTENT)(request, response, client);
      }, 50);
    });
    const both = await Promise.all([attempt.fetch(), attempt.fetch()]);
    assert.deepEqual(both[0], both[1]);
    assert.equal(attempt.server.requests.length, 1);
    assert.match(attempt.notes[0]!, /another process is fetching it/);
  });
});

describe('the lock of a download', () => {
  test('is taken over from a process that died', async () => {
    const attempt = await from(serveFile(CONTENT));
    await attempt.fetch();
    await rm(attempt.file);
    const lock = `${attempt.file}.lock`;
    await writeFile(lock, '');
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(lock, longAgo, longAgo);
    assert.equal((await attempt.fetch()).sha256, SHA256);
    assert.equal(existsSync(lock), false);
  });
});

describe('an interrupted download', () => {
  test('goes on where it broke off, within one call', async () => {
    const attempt = await from(inTurn(serveTorn(CONTENT, 2000), serveFile(CONTENT)));
    const done = await attempt.fetch();
    assert.equal(done.sha256, SHA256);
    const [, second] = attempt.server.requests;
    assert.deepEqual([second!.range, second!.ifRange], ['bytes=2000-', '"v1"']);
  });

  test('goes on where it broke off, in a later call', async () => {
    const stop = new AbortController();
    const attempt = await from(inTurn(serveTorn(CONTENT, 3000), serveFile(CONTENT)));
    const wait = (): Promise<void> => {
      stop.abort();
      return Promise.resolve();
    };
    const { problem, text } = await problemOf(attempt.fetch({ signal: stop.signal }, { wait }));
    assert.equal(problem, 'cancelled');
    assert.match(text, /goes on from there/);
    assert.deepEqual((await readdir(join(folder, 'deep'))).sort(), ['file.bin.part', 'file.bin.part.json']);
    assert.equal((await attempt.fetch()).sha256, SHA256);
    assert.equal(attempt.server.requests[1]!.range, 'bytes=3000-');
  });

  test('starts again when the file has changed on a server that knows If-Range', async () => {
    const attempt = await from(inTurn(serveTorn(CONTENT, 2000), serveFile(OTHER, '"v2"')));
    await attempt.fetch();
    assert.deepEqual(await readFile(attempt.file), OTHER);
    assert.match(attempt.notes.at(-1)!, /sends all of it again/);
  });

  test('starts again when the file has changed on a server that ignores If-Range', async () => {
    const ignorant: Answer = (request, response, client) => {
      delete request.headers['if-range'];
      serveFile(OTHER, '"v2"')(request, response, client);
    };
    const attempt = await from(inTurn(serveTorn(CONTENT, 2000), ignorant));
    await attempt.fetch();
    assert.deepEqual(await readFile(attempt.file), OTHER);
    assert.match(attempt.notes.at(-1)!, /has changed on the server; starting again/);
  });

  test('starts again on a server that ignores ranges', async () => {
    const attempt = await from(
      inTurn(serveTorn(CONTENT, 2000), (_, response) => {
        response.writeHead(200, { etag: '"v1"', 'content-length': CONTENT.length }).end(CONTENT);
      }),
    );
    assert.equal((await attempt.fetch()).sha256, SHA256);
  });

  test('starts again when the server sends another range than asked for', async () => {
    const wrongRange: Answer = (_, response) => {
      response
        .writeHead(206, { etag: '"v1"', 'content-range': 'bytes 10-4999/5000', 'content-length': 4990 })
        .end(CONTENT.subarray(10));
    };
    const attempt = await from(inTurn(serveTorn(CONTENT, 2000), wrongRange, serveFile(CONTENT)));
    assert.equal((await attempt.fetch()).sha256, SHA256);
    assert.equal(attempt.server.requests[2]!.range, undefined);
  });

  test('of unknown version is not gone on from, unless the hash of the whole is known', async () => {
    const torn = serveTorn(CONTENT, 2000, null);
    const blind = await from(inTurn(torn, serveFile(CONTENT)));
    await blind.fetch();
    assert.equal(blind.server.requests[1]!.range, undefined);
    await blind.server.close();
    await rm(blind.file);

    const known = await from(inTurn(torn, serveFile(CONTENT)));
    assert.equal((await known.fetch({ sha256: SHA256 })).sha256, SHA256);
    assert.equal(known.server.requests[1]!.range, 'bytes=2000-');
  });

  test('whose two halves do not fit together starts again once', async () => {
    const attempt = await from(inTurn(serveTorn(OTHER, 2000), serveFile(CONTENT)));
    assert.equal((await attempt.fetch({ sha256: SHA256 })).sha256, SHA256);
    assert.ok(attempt.notes.some((note) => note.includes('do not fit together')));
    assert.equal(attempt.server.requests.length, 3);
  });

  test('of which everything had come but the end is finished without its body', async () => {
    const attempt = await from(inTurn(serveTorn(CONTENT, 2000), serveFile(CONTENT)));
    await attempt.fetch();
    await rm(attempt.file);
    await writeFile(`${attempt.file}.part`, CONTENT);
    const note = { url: `${attempt.server.origin}/file.bin`, validator: '"v1"' };
    await writeFile(`${attempt.file}.part.json`, JSON.stringify(note));
    assert.equal((await attempt.fetch()).sha256, SHA256);
    assert.equal(attempt.server.requests.at(-1)!.range, 'bytes=5000-');
  });

  test('of another address is forgotten', async () => {
    const attempt = await from(serveFile(CONTENT));
    await attempt.fetch();
    await rm(attempt.file);
    await writeFile(`${attempt.file}.part`, OTHER.subarray(0, 10));
    await writeFile(`${attempt.file}.part.json`, JSON.stringify({ url: 'http://x/', validator: '"v1"' }));
    assert.equal((await attempt.fetch()).sha256, SHA256);
  });
});

describe('an answer that means "not now"', () => {
  test('is tried again after growing pauses, or after the pause the server asks for', async () => {
    const attempt = await from(
      inTurn(
        serveStatus(503),
        serveStatus(429, { 'retry-after': '7' }),
        serveStatus(500),
        serveFile(CONTENT),
      ),
    );
    await attempt.fetch();
    assert.deepEqual(attempt.waits, [500, 7000, 2000]);
  });

  test('is given up after five tries without a byte', async () => {
    const attempt = await from(serveStatus(502));
    const { problem, text } = await problemOf(attempt.fetch());
    assert.equal(problem, 'unreachable');
    assert.match(text, /the server answered 502 Bad Gateway \(5 tries\)/);
    assert.equal(attempt.server.requests.length, 5);
    assert.deepEqual(attempt.waits, [500, 1000, 2000, 4000]);
  });

  test('counts from the start again whenever bytes have come', async () => {
    const torn =
      (from_: number): Answer =>
      (_, response, client) => {
        response.writeHead(206, {
          etag: '"v1"',
          'content-range': `bytes ${from_}-4999/5000`,
          'content-length': CONTENT.length - from_,
        });
        sendAndBreak(response, CONTENT.subarray(from_, from_ + 500), from_ + 500, client);
      };
    const busy = serveStatus(503);
    const attempt = await from(
      inTurn(
        serveTorn(CONTENT, 500),
        busy,
        busy,
        torn(500),
        busy,
        busy,
        torn(1000),
        busy,
        busy,
        serveFile(CONTENT),
      ),
    );
    assert.equal((await attempt.fetch()).sha256, SHA256);
  });

  test('waits a minute at most', () => {
    assert.equal(waitBeforeTry(1, '3600', 0), 60_000);
    assert.equal(waitBeforeTry(1, 'Thu, 01 Jan 1970 00:00:09 GMT', 2000), 7000);
    assert.equal(waitBeforeTry(2, 'soon', 0), 1000);
  });

  test('is also a connection that brings nothing any more', async () => {
    const silent: Answer = (_, response) => {
      response.writeHead(200, { etag: '"v1"', 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 10));
    };
    const attempt = await from(inTurn(silent, serveFile(CONTENT)));
    assert.equal((await attempt.fetch({}, { stallMs: 40, wait: () => Promise.resolve() })).sha256, SHA256);
    assert.match(attempt.notes[0]!, /nothing came for 0\.04 s; trying again/);
  });
});

describe('a file that cannot be had', () => {
  test('is refused at once, with the reason as a word to branch on', async () => {
    for (const [status, problem] of [
      [401, 'unauthorized'],
      [403, 'unauthorized'],
      [404, 'not-found'],
      [410, 'not-found'],
      [400, 'refused'],
      [204, 'refused'],
    ] as const) {
      const attempt = await from(serveStatus(status));
      assert.equal((await problemOf(attempt.fetch())).problem, problem, String(status));
      assert.equal(attempt.server.requests.length, 1);
      assert.equal(existsSync(attempt.file), false);
      await attempt.server.close();
    }
  });

  test('is named without the password in its address, which is sent as a header', async () => {
    const attempt = await from(serveStatus(404));
    const url = attempt.server.origin.replace('http://', 'http://me:secret@');
    const { text } = await problemOf(attempt.fetch({ url: `${url}/x` }));
    assert.doesNotMatch(text, /secret/);
    // base64 of "me:secret"
    assert.equal(attempt.server.requests[0]!.authorization, 'Basic bWU6c2VjcmV0');
  });

  test('with the wrong hash is not kept', async () => {
    const attempt = await from(serveFile(OTHER));
    const { problem, text } = await problemOf(attempt.fetch({ sha256: SHA256 }));
    assert.equal(problem, 'wrong-content');
    assert.match(text, new RegExp(`expected ${SHA256}`));
    assert.deepEqual(await readdir(join(folder, 'deep')), []);
  });

  test('of the wrong size is refused before its body is received', async () => {
    const attempt = await from(serveFile(CONTENT));
    const { problem, text } = await problemOf(attempt.fetch({ bytes: 4999 }));
    assert.equal(problem, 'wrong-content');
    assert.match(text, /has 5000 bytes, expected 4999/);
    assert.equal((await problemOf(attempt.fetch({ mostBytes: 100 }))).problem, 'too-large');
  });

  test('that never ends is cut off at the largest size accepted', async () => {
    const attempt = await from((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(CONTENT), 1);
      response.on('close', () => {
        clearInterval(timer);
      });
    });
    assert.equal((await problemOf(attempt.fetch({ mostBytes: 20_000 }))).problem, 'too-large');
    assert.deepEqual(await readdir(join(folder, 'deep')), []);
  });

  test('from nobody is reported with the reason of the operating system', async () => {
    const attempt = await from(serveFile(CONTENT));
    await attempt.server.close();
    const { problem, text } = await problemOf(attempt.fetch());
    assert.equal(problem, 'unreachable');
    assert.match(text, /ECONNREFUSED/);
    assert.match(text, /HTTPS_PROXY/);
  });

  test('in a folder that is a file is reported as not writable', async () => {
    await writeFile(join(folder, 'deep'), '');
    const attempt = await from(serveFile(CONTENT));
    assert.equal((await problemOf(attempt.fetch())).problem, 'not-writable');
  });
});

describe('a redirect', () => {
  test('is followed, and credentials stay with the host they were meant for', async () => {
    const target = await startFileServer(serveFile(CONTENT));
    // The other host is the same machine under another name.
    const elsewhere = target.origin.replace('127.0.0.1', 'localhost');
    try {
      const attempt = await from(serveStatus(302, { location: `${elsewhere}/real.bin` }));
      await attempt.fetch({ headers: { authorization: 'Bearer token' } });
      assert.equal(attempt.server.requests[0]!.authorization, 'Bearer token');
      assert.equal(target.requests[0]!.authorization, undefined);
      assert.deepEqual(await readFile(attempt.file), CONTENT);
    } finally {
      await target.close();
    }
  });

  test('without an end is given up', async () => {
    const attempt = await from(serveStatus(302, { location: '/file.bin' }));
    assert.equal((await problemOf(attempt.fetch())).problem, 'unreachable');
  });
});

describe('a proxy that the environment names', () => {
  test('does the talking, except for the hosts of NO_PROXY', async () => {
    const attempt = await from(serveFile(CONTENT));
    const proxy = await startProxy(attempt.server.origin);
    try {
      const through = await environmentFetch({ HTTP_PROXY: proxy.origin });
      // A host that only the proxy can reach.
      await attempt.fetch({ url: 'http://inside.invalid/file.bin' }, { fetch: through });
      assert.deepEqual(await readFile(attempt.file), CONTENT);
      assert.deepEqual(proxy.tunnels, ['inside.invalid:80']);

      await rm(attempt.file);
      const around = await environmentFetch({ HTTP_PROXY: proxy.origin, no_proxy: '127.0.0.1' });
      await attempt.fetch({}, { fetch: around });
      assert.equal(proxy.tunnels.length, 1);
    } finally {
      await proxy.close();
    }
  });

  test('is not looked for where none is named', async () => {
    assert.equal(await environmentFetch({ HTTPS_PROXY: '' }), globalThis.fetch);
  });
});

/** A proxy whose every tunnel leads to one place. */
async function startProxy(
  to: string,
): Promise<{ origin: string; tunnels: readonly string[]; close: () => Promise<void> }> {
  const tunnels: string[] = [];
  const open = new Set<Duplex>();
  const proxy = createServer();
  proxy.on('connect', (request, socket: Duplex) => {
    tunnels.push(request.url ?? '');
    const beyond = connect(Number(new URL(to).port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      beyond.pipe(socket).pipe(beyond);
    });
    open.add(socket).add(beyond);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    tunnels,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        proxy.close(() => {
          resolve();
        });
      }),
  };
}
