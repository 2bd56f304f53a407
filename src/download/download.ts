/**
 * @file Fetches one file over HTTP so that it is there completely and correctly, or not at all.
 *
 * It serves data sets and models alike, and knows nothing of either. The contract:
 *
 * - The file appears under its name by one rename, after size and hash have been checked. A file that is
 *   there already is complete: it is returned without a request (its hash is checked if one is given).
 * - An interrupted download leaves what it received in `<file>.part`. The next call, of this process or of a later one,
 *   asks for the rest with `Range` and `If-Range`. It starts again if the server ignores ranges or its file has changed
 *   in between. It never mixes two versions: if the server names no version, it goes on from a part only if the hash of
 *   the whole is known.
 * - After a broken connection, a short body, or an answer that means "not now", the call tries again. Its pauses grow
 *   (it honours `Retry-After`), and it gives up when several tries in a row bring no byte.
 * - Parallel calls for one file, also of other processes and machines, wait for each other.
 * - Every failure is a `DownloadError` with a `problem` to branch on.
 *
 * `fetch` follows redirects and drops credentials on the way to another host. A redirect from https to http is refused.
 *
 * Source: RFC 9110 sections 13.1.5 (If-Range), 14 (Range), 10.2.3 (Retry-After).
 */

import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DownloadError } from '../domain/errors.js';
import { notWritable, reasonOf, refusal, RESUME, statusOf, tooLarge, unreachable } from './failures.js';
import { environmentFetch, type Fetch } from './fetch.js';
import { fileHash } from '../files/file-hash.js';
import { withLock } from '../files/file-lock.js';
import {
  dropNote,
  dropPart,
  NOTHING,
  notePart,
  partPath,
  readPart,
  validatorOf,
  type Part,
} from './part-file.js';
import { isTemporary, MOST_FRUITLESS_TRIES, waitBeforeTry } from './retry.js';

/** A connection that brings no byte for this long counts as broken. */
const STALL_MS = 60_000;

export interface DownloadProgress {
  /** Of the whole file, those of an earlier part included. */
  readonly receivedBytes: number;
  /** null where the server does not say. */
  readonly totalBytes: number | null;
}

export interface DownloadRequest {
  readonly url: string;
  /** Path of the finished file. Its folder is made if it is not there. */
  readonly file: string;
  /** For the host of `url` alone, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the whole file, hexadecimal, where it is known beforehand. */
  readonly sha256?: string;
  /** Bytes of the whole file, where they are known beforehand. */
  readonly bytes?: number;
  /** More than this is refused, whatever the server says. */
  readonly mostBytes?: number;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Called with one sentence for each retry, restart and wait. */
  readonly onNote?: (note: string) => void;
  /** Ends the work; the part stays. */
  readonly signal?: AbortSignal;
}

/** The outside world, which tests replace. */
export interface DownloadMeans {
  readonly fetch?: Fetch;
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  readonly stallMs?: number;
}

export interface Downloaded {
  readonly file: string;
  readonly bytes: number;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
}

/**
 * Fetches a file, under the contract at the top of this file.
 *
 * @throws {DownloadError} If the file cannot be had or is not the one that was meant.
 *
 * @example
 * const { sha256 } = await download({ url: 'https://example.org/a.zip', file: 'cache/a.zip' });
 */
export async function download(request: DownloadRequest, means: DownloadMeans = {}): Promise<Downloaded> {
  const { file, signal, onNote } = request;
  const { url, headers } = withoutCredentials(request.url);
  const job: Job = {
    ...request,
    url,
    headers: { ...headers, ...request.headers },
    fetch: means.fetch ?? (await environmentFetch()),
    wait: means.wait ?? ((ms, until) => sleep(ms, undefined, until === undefined ? {} : { signal: until })),
    stallMs: means.stallMs ?? STALL_MS,
  };
  try {
    await mkdir(dirname(file), { recursive: true });
    return await withLock(file, async () => (await present(job)) ?? (await fetchFile(job)), {
      signal,
      onWait: () => onNote?.(`${job.url}: another process is fetching it; waiting`),
    });
  } catch (error) {
    if (error instanceof DownloadError) throw error;
    if (signal?.aborted === true) throw new DownloadError('cancelled', `${job.url}: cancelled`, [RESUME]);
    if (error instanceof Error && 'syscall' in error) throw notWritable(job, error);
    throw error;
  }
}

interface Job extends DownloadRequest, Required<DownloadMeans> {}

/** `fetch` takes no address with a name and a password in it. So they travel as a header, and no message shows them. */
function withoutCredentials(address: string): { url: string; headers: Record<string, string> } {
  const url = new URL(address);
  if (url.username === '') return { url: url.href, headers: {} };
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  const authorization = `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`;
  return { url: url.href, headers: { authorization } };
}

/** The finished file of an earlier call, if it is there and right. */
async function present(job: Job): Promise<Downloaded | null> {
  let bytes: number;
  try {
    bytes = (await stat(job.file)).size;
  } catch {
    return null;
  }
  const sha256 = await fileHash(job.file);
  if (job.sha256 === undefined || job.sha256 === sha256) return { file: job.file, bytes, sha256 };
  job.onNote?.(`${job.file} is not the file that was fetched; fetching it again`);
  await rm(job.file);
  return null;
}

/** How one request ended. */
type Outcome =
  | { readonly kind: 'complete'; readonly bytes: number; readonly wasResumed: boolean }
  | {
      readonly kind: 'broken';
      readonly gained: number;
      readonly why: string;
      readonly retryAfter: string | null;
    }
  /** The part turned out to be of another version, and is gone. */
  | { readonly kind: 'restart'; readonly why: string };

async function fetchFile(job: Job): Promise<Downloaded> {
  let fruitless = 0;
  for (;;) {
    const outcome = await requestOnce(job, await usablePart(job));
    switch (outcome.kind) {
      case 'complete': {
        const finished = await finish(job, outcome.bytes, outcome.wasResumed);
        if (finished !== null) return finished;
        job.onNote?.(`${job.url}: the parts do not fit together; starting again`);
        break;
      }
      case 'restart':
        fruitless++;
        if (fruitless >= MOST_FRUITLESS_TRIES) throw unreachable(job, outcome.why, fruitless);
        job.onNote?.(`${job.url}: ${outcome.why}; starting again`);
        break;
      case 'broken': {
        fruitless = outcome.gained > 0 ? 1 : fruitless + 1;
        if (fruitless >= MOST_FRUITLESS_TRIES) throw unreachable(job, outcome.why, fruitless);
        const waitMs = waitBeforeTry(fruitless, outcome.retryAfter, Date.now());
        job.onNote?.(`${job.url}: ${outcome.why}; trying again in ${(waitMs / 1000).toFixed(1)} s`);
        await job.wait(waitMs, job.signal);
        break;
      }
      default:
        outcome satisfies never;
    }
  }
}

/** A part of unknown version is only of use if the hash of the whole is known and so decides in the end. */
async function usablePart(job: Job): Promise<Part> {
  const part = await readPart(job.file, job.url);
  return part.validator === null && job.sha256 === undefined ? NOTHING : part;
}

async function requestOnce(job: Job, part: Part): Promise<Outcome> {
  job.signal?.throwIfAborted();
  const stall = new AbortController();
  const timer = setTimeout(() => {
    stall.abort(new Error(`nothing came for ${job.stallMs / 1000} s`));
  }, job.stallMs);
  const signal = job.signal === undefined ? stall.signal : AbortSignal.any([job.signal, stall.signal]);
  try {
    let response: Response;
    try {
      response = await job.fetch(job.url, { headers: requestHeaders(job, part), signal });
    } catch (error) {
      job.signal?.throwIfAborted();
      return { kind: 'broken', gained: 0, why: reasonOf(error), retryAfter: null };
    }
    const answer = await readAnswer(job, part, response);
    if ('kind' in answer) return answer;
    return await receive(job, answer, response, () => timer.refresh());
  } finally {
    clearTimeout(timer);
  }
}

function requestHeaders(job: Job, part: Part): Record<string, string> {
  return {
    // A compressed body would have other lengths than the file, and no ranges.
    'accept-encoding': 'identity',
    ...(part.bytes === 0 ? {} : { range: `bytes=${part.bytes}-` }),
    ...(part.bytes === 0 || part.validator === null ? {} : { 'if-range': part.validator }),
    ...job.headers,
  };
}

/** A body that is about to be received. */
interface Body {
  /** Bytes that are here already. */
  readonly start: number;
  readonly totalBytes: number | null;
}

/** Decides from status and headers what the body is, or that there is no body to receive. */
async function readAnswer(job: Job, part: Part, response: Response): Promise<Body | Outcome> {
  const leave = async <T>(value: T): Promise<T> => {
    await response.body?.cancel().catch(() => undefined);
    return value;
  };
  if (job.url.startsWith('https:') && response.url.startsWith('http:')) {
    throw await leave(
      new DownloadError('refused', `${job.url}: was redirected from https to http`, [
        'anyone on the way could have changed the file, so nothing of it was kept',
      ]),
    );
  }
  const restart = async (why: string): Promise<Outcome> => {
    await dropPart(job.file);
    return leave({ kind: 'restart', why });
  };
  switch (response.status) {
    case 200: {
      await dropPart(job.file);
      await notePart(job.file, job.url, validatorOf(response.headers));
      if (part.bytes > 0) job.onNote?.(`${job.url}: the server sends all of it again`);
      const totalBytes = lengthOf(response.headers);
      await checkSize(job, totalBytes, leave);
      return { start: 0, totalBytes };
    }
    case 206: {
      const range = contentRange(response.headers);
      if (range === null || range.start !== part.bytes) return restart('the server sent another range');
      // A server may ignore If-Range. Its answer then still names its version, if it names any.
      const validator = validatorOf(response.headers);
      if (part.validator !== null && validator !== null && validator !== part.validator) {
        return restart('the file has changed on the server');
      }
      await checkSize(job, range.total, leave);
      return { start: part.bytes, totalBytes: range.total };
    }
    case 416: {
      const total = /^bytes \*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
      if (total === undefined || Number(total) !== part.bytes) return restart('the server has no such range');
      return leave({ kind: 'complete', bytes: part.bytes, wasResumed: true });
    }
    default:
      if (isTemporary(response.status)) {
        const retryAfter = response.headers.get('retry-after');
        return leave({ kind: 'broken', gained: 0, why: statusOf(response), retryAfter });
      }
      throw await leave(refusal(job, response));
  }
}

/** Refuses a file of the wrong size before its body is received. */
async function checkSize(
  job: Job,
  totalBytes: number | null,
  leave: <T>(value: T) => Promise<T>,
): Promise<void> {
  if (totalBytes === null) return;
  if (job.bytes !== undefined && totalBytes !== job.bytes) {
    await dropPart(job.file);
    throw await leave(
      new DownloadError('wrong-content', `${job.url}: has ${totalBytes} bytes, expected ${job.bytes}`, [
        'it is not the file that was meant, so nothing of it was kept',
      ]),
    );
  }
  if (job.mostBytes !== undefined && totalBytes > job.mostBytes) {
    throw await leave(tooLarge(job, totalBytes, job.mostBytes));
  }
}

async function receive(job: Job, body: Body, response: Response, onAlive: () => void): Promise<Outcome> {
  const { start, totalBytes } = body;
  let received = start;
  let broken: string | null = null;
  const file = await open(partPath(job.file), start === 0 ? 'w' : 'a');
  try {
    const reader = response.body?.getReader();
    while (reader !== undefined) {
      let piece: { done: boolean; value?: Uint8Array | undefined };
      try {
        piece = await reader.read();
      } catch (error) {
        job.signal?.throwIfAborted();
        broken = reasonOf(error);
        break;
      }
      onAlive();
      if (piece.done || piece.value === undefined) break;
      await file.writeFile(piece.value);
      received += piece.value.byteLength;
      job.onProgress?.({ receivedBytes: received, totalBytes });
      if (job.mostBytes !== undefined && received > job.mostBytes) {
        await reader.cancel().catch(() => undefined);
        await dropPart(job.file);
        throw tooLarge(job, received, job.mostBytes);
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (broken === null && totalBytes !== null && received < totalBytes) {
    broken = `the connection ended after ${received} of ${totalBytes} bytes`;
  }
  if (broken !== null) return { kind: 'broken', gained: received - start, why: broken, retryAfter: null };
  return { kind: 'complete', bytes: received, wasResumed: start > 0 };
}

/** @returns null if a resumed file is wrong: its first part may be to blame, so the caller starts again. */
async function finish(job: Job, bytes: number, wasResumed: boolean): Promise<Downloaded | null> {
  const sha256 = await fileHash(partPath(job.file));
  const isWrong =
    (job.sha256 !== undefined && job.sha256 !== sha256) || (job.bytes !== undefined && job.bytes !== bytes);
  if (!isWrong) {
    await rename(partPath(job.file), job.file);
    await dropNote(job.file);
    return { file: job.file, bytes, sha256 };
  }
  await dropPart(job.file);
  if (wasResumed) return null;
  throw new DownloadError('wrong-content', `${job.url}: is not the file that was meant`, [
    `expected ${job.sha256 ?? 'any hash'}${job.bytes === undefined ? '' : `, ${job.bytes} bytes`}`,
    `got      ${sha256}, ${bytes} bytes`,
    'nothing of it was kept; the file was changed at its source, or something on the way changed it',
  ]);
}

/** Bytes of a body as it will be received. Null if it is compressed after all. */
function lengthOf(headers: Headers): number | null {
  const encoding = headers.get('content-encoding') ?? 'identity';
  const length = headers.get('content-length');
  return encoding !== 'identity' || length === null ? null : Number(length);
}

/** @example contentRange of "bytes 5-9/10" is { start: 5, total: 10 } */
function contentRange(headers: Headers): { start: number; total: number | null } | null {
  const found = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  if (found === null) return null;
  return { start: Number(found[1]), total: found[2] === '*' ? null : Number(found[2]) };
}
