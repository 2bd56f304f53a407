/**
 * @file Requests to the hub: through the proxy of the environment, tried again while the hub is busy.
 *
 * What is not worth trying again (401, 404, …) is returned as it is; the caller knows what it means.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { DownloadError, messageOf } from '../domain/errors.js';
import { environmentFetch, type Fetch } from '../download/fetch.js';
import { isTemporary, MOST_FRUITLESS_TRIES, waitBeforeTry } from '../download/retry.js';

export interface RequestOptions {
  /** Longest silence before a request counts as failed, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told in one sentence of retries and waiting. */
  readonly onNote?: ((line: string) => void) | undefined;
  /** Waits; replaced in tests. */
  readonly wait?: ((ms: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
}

/** Shorter pauses pass without a word. */
const NOTABLE_MS = 2000;

/**
 * One request, repeated while the server is busy or cannot be reached.
 *
 * @returns The response; its status may be any that is not worth trying again, or 429 or 5xx if that is
 *   all the server said.
 * @throws {DownloadError} `unreachable` if no try got a response, `cancelled` if the user asked to stop.
 */
export async function requestWithRetries(
  url: string,
  init: RequestInit,
  options: RequestOptions,
): Promise<Response> {
  const fetch = await hubFetch();
  const host = new URL(url).host;
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt === MOST_FRUITLESS_TRIES;
    let response: Response | null = null;
    let why = '';
    try {
      response = await requestOnce(fetch, url, init, options);
      if (!isTemporary(response.status) || isLast) return response;
      why = `${host} answers ${response.status}`;
      await response.body?.cancel();
    } catch (error) {
      assertNotStopped(url, options);
      why = `${host}: ${reasonOf(error)}`;
      if (isLast || isHopeless(error)) {
        throw new DownloadError('unreachable', why, [], { cause: error });
      }
    }
    const waitMs = waitBeforeTry(attempt, response?.headers.get('retry-after') ?? null, Date.now());
    if (waitMs >= NOTABLE_MS) {
      options.onNote?.(`${why}; trying again in ${Math.ceil(waitMs / 1000)} s`);
    }
    await (options.wait ?? ((ms) => sleep(ms)))(waitMs, options.signal);
    assertNotStopped(url, options);
  }
}

function assertNotStopped(url: string, { signal }: RequestOptions): void {
  if (signal?.aborted === true) throw new DownloadError('cancelled', `${url}: cancelled`);
}

/** One try; fails if no response begins within the timeout. */
async function requestOnce(
  fetch: Fetch,
  url: string,
  init: RequestInit,
  options: RequestOptions,
): Promise<Response> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort(new Error(`no answer within ${options.timeoutMs / 1000} s`));
  }, options.timeoutMs);
  const signals = [silence.signal, ...(options.signal === undefined ? [] : [options.signal])];
  try {
    return await fetch(url, { ...init, signal: AbortSignal.any(signals) });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The program's `fetch`, with the hub's way of limiting told in the standard one: a 429 of the hub
 * names the seconds to its next window in `RateLimit` and sends no `Retry-After`.
 */
export async function hubFetch(): Promise<Fetch> {
  const fetch = await environmentFetch();
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.status !== 429 || response.headers.has('retry-after')) return response;
    const seconds = secondsToNextWindow(response.headers);
    if (seconds === null) return response;
    const headers = new Headers(response.headers);
    headers.set('retry-after', String(seconds));
    return new Response(response.body, { status: 429, headers });
  };
}

/** @example secondsToNextWindow(new Headers({ ratelimit: '"api";r=0;t=55' })); // => 55 */
export function secondsToNextWindow(headers: Headers): number | null {
  const window = /(?:^|;)\s*t=(\d+)/.exec(headers.get('ratelimit') ?? '');
  return window === null ? null : Number(window[1]);
}

/** Whether the next try cannot do better: no such host, nobody listens, the certificate is wrong. */
function isHopeless(error: unknown): boolean {
  return /^(?:ENOTFOUND|ECONNREFUSED|ERR_INVALID_URL|CERT_|DEPTH_ZERO|SELF_SIGNED|ERR_TLS)/.test(
    codeOf(error),
  );
}

function codeOf(error: unknown): string {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if ('code' in inner && typeof inner.code === 'string') return inner.code;
  }
  return '';
}

/** The innermost reason: fetch itself only says "fetch failed". */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  const code = codeOf(error);
  const text = messageOf(reason);
  return text === '' || text.includes(code) ? text || code : `${text} (${code})`;
}
