/**
 * @file One vLLM server: requests, streams, and what a failure of one means.
 *
 * A request that the server refuses has failed by itself. A server that no longer answers is a lost device: no other
 * request can be answered then. So after a broken connection and after an answer of 5xx the server is asked whether it is
 * well.
 */

import type { z } from 'zod';

import { DeviceLostError, messageOf } from '../domain/errors.js';
import { printable, shortened } from '../domain/foreign-text.js';
import { parseJson } from '../domain/json.js';
import { reasonOf, statusOf } from '../download/failures.js';
import { environmentFetch, type Fetch } from '../download/fetch.js';
import type { ServerAddress } from './address.js';
import { eventData } from './event-stream.js';
import { completionSchema, errorSchema, type CompletionChoice } from './wire.js';

/** Longest silence of a server that is at work: a long queue, or a long prompt on a slow device. */
const PATIENCE_MS = 240_000;
/** The same for questions that cost nothing to answer. */
const QUESTION_MS = 30_000;
/** Times that a request is sent whose connection was closed before an answer. */
const MOST_TRIES = 3;
const CLOSED: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
/** Characters of a server's own words in a message. */
const MOST_QUOTED = 500;

/** The server refuses a request, and lives on. */
export class RequestRefusedError extends Error {
  /** HTTP status; 0 for an error in the middle of a stream. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'RequestRefusedError';
    this.status = status;
  }
}

export interface ClientOptions {
  /** Sent as a bearer token; shown in no message. */
  readonly apiKey?: string | undefined;
  readonly patienceMs?: number;
  readonly fetch?: Fetch;
}

/** A running request. */
export interface CompletionStream {
  /** The next event; null when the server has said all. @throws {Error} As {@link VllmServer.complete}. */
  next(): Promise<CompletionChoice | null>;
  /** Ends the request, also on the server. Idempotent. */
  abort(): void;
}

/** One server. It holds connections, which end with the process. */
export class VllmServer {
  /** For messages that are written down: which of the servers it is, without its address. */
  readonly name: string;
  /** For messages to the user alone. */
  readonly url: string;
  readonly #options: ClientOptions;
  readonly #patienceMs: number;

  constructor({ url }: ServerAddress, name: string, options: ClientOptions = {}) {
    this.name = name;
    this.url = url;
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /**
   * A page of the server; null where it has none.
   *
   * @throws {DeviceLostError} If nobody answers.
   * @throws {RequestRefusedError} If the server refuses it.
   */
  async page(path: string): Promise<string | null> {
    const signal = AbortSignal.timeout(Math.min(QUESTION_MS, this.#patienceMs));
    try {
      const response = await this.#request(path, { signal });
      const text = await response.text();
      if (response.ok) return text;
      if (response.status === 404 || response.status === 405) return null;
      throw this.#refusal(response, text);
    } catch (error) {
      if (error instanceof RequestRefusedError) throw error;
      throw this.#lost(error);
    }
  }

  /**
   * A page as checked JSON; null where the server has none.
   *
   * @throws {RequestRefusedError} Also if the page is something else.
   */
  async question<S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S> | null> {
    const text = await this.page(path);
    return text === null ? null : this.#checked(text, schema, path);
  }

  /**
   * Starts a completion.
   *
   * @param body JSON.
   * @returns When the server has begun to answer.
   * @throws {RequestRefusedError} If the server refuses it.
   * @throws {DeviceLostError}     If the server is gone, or says that its engine is.
   * @throws {Error}               If the connection breaks, or the server is silent for too long.
   */
  async complete(body: string): Promise<CompletionStream> {
    const silence = new Silence(this.#patienceMs, this.name);
    try {
      const response = await this.#post(body, silence);
      if (response.body === null) throw new RequestRefusedError(0, `${this.name} answered without a body`);
      silence.heard();
      const reader = response.body.getReader();
      // Ended through its body: Node 20 forgets the signal of a request whose object was collected.
      silence.onEnd(() => {
        reader.cancel().catch(() => undefined);
      });
      const events = eventData(bytesOf(reader));
      return {
        next: () => this.#next(events, silence),
        abort: () => {
          silence.end();
        },
      };
    } catch (error) {
      silence.end();
      throw await this.#meaningOf(silence.cause(error));
    }
  }

  /**
   * A completion as one reply.
   *
   * @param body JSON; `stream` is false.
   * @throws {Error} As {@link complete}.
   */
  async reply(body: string): Promise<readonly CompletionChoice[]> {
    const silence = new Silence(this.#patienceMs, this.name);
    try {
      const response = await this.#post(body, silence);
      return this.#checked(await response.text(), completionSchema, 'a completion').choices;
    } catch (error) {
      throw await this.#meaningOf(silence.cause(error));
    } finally {
      silence.end();
    }
  }

  async #post(body: string, { signal }: Silence): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    const response = await this.#request('/v1/completions', { method: 'POST', headers, body, signal });
    if (!response.ok) throw this.#refusal(response, await response.text());
    return response;
  }

  async #next(events: AsyncGenerator<string, void>, silence: Silence): Promise<CompletionChoice | null> {
    try {
      silence.waiting();
      const event = await events.next();
      silence.heard();
      if (event.done === true) {
        silence.throwIfSilent();
        silence.end();
        return null;
      }
      const json = parseJson(event.value);
      const problem = errorSchema.safeParse(json);
      if (problem.success)
        throw new RequestRefusedError(0, this.#quoted('ended a stream with', problem.data));
      const parsed = completionSchema.safeParse(json);
      if (!parsed.success) throw new RequestRefusedError(0, this.#unknown('an event', parsed.error));
      // The last event may have no choice, but counts.
      return parsed.data.choices[0] ?? (await this.#next(events, silence));
    } catch (error) {
      silence.end();
      throw await this.#meaningOf(silence.cause(error));
    }
  }

  async #request(path: string, init: RequestInit): Promise<Response> {
    const fetch = this.#options.fetch ?? (await environmentFetch());
    const { apiKey } = this.#options;
    const headers = new Headers(init.headers);
    if (apiKey !== undefined && apiKey !== '') headers.set('authorization', `Bearer ${apiKey}`);
    for (let attempt = 1; ; attempt++) {
      try {
        return await fetch(`${this.url}${path}`, { ...init, headers, redirect: 'error' });
      } catch (error) {
        if (attempt === MOST_TRIES || !wasClosed(error)) throw error;
      }
    }
  }

  #checked<S extends z.ZodType>(text: string, schema: S, path: string): z.infer<S> {
    let json: unknown;
    try {
      json = parseJson(text);
    } catch (error) {
      throw new RequestRefusedError(0, `${this.name}: ${path} is not JSON: ${messageOf(error)}`);
    }
    const parsed = schema.safeParse(json);
    if (!parsed.success) throw new RequestRefusedError(0, this.#unknown(path, parsed.error));
    return parsed.data;
  }

  #unknown(what: string, error: z.ZodError): string {
    const issue = error.issues[0];
    return `${this.name}: ${what} is not as vLLM has it: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  }

  #refusal(response: Response, text: string): RequestRefusedError {
    let problem = text;
    try {
      problem = errorSchema.parse(parseJson(text));
    } catch {
      // The words of a gateway are no JSON; they are shown as they are.
    }
    const status = statusOf(response).replace(/^the server/, this.name);
    return new RequestRefusedError(
      response.status,
      problem === '' ? status : this.#quoted(`${status}:`, problem),
    );
  }

  /** A server's own words, without the key, should it repeat it. */
  #quoted(lead: string, words: string): string {
    const { apiKey } = this.#options;
    const clean = apiKey === undefined || apiKey === '' ? words : words.replaceAll(apiKey, '…');
    const text = shortened(printable(clean).replace(/\s+/g, ' ').trim(), MOST_QUOTED);
    return lead.startsWith(this.name) ? `${lead} ${text}` : `${this.name} ${lead} ${text}`;
  }

  /** What a failed request means for those that follow. */
  async #meaningOf(error: unknown): Promise<unknown> {
    if (error instanceof SilenceError || error instanceof DeviceLostError) return error;
    const isRefusal = error instanceof RequestRefusedError;
    if (isRefusal && error.status < 500) return error;
    const health = await this.#health();
    if (health !== null) return this.#lost(isRefusal ? new Error(`${error.message}; ${health}`) : error);
    if (isRefusal) return error;
    return new Error(`the connection to ${this.name} broke: ${reasonOf(error)}`, { cause: error });
  }

  /** Why the server cannot go on; null if it says that it is well, or does not say. */
  async #health(): Promise<string | null> {
    try {
      await this.page('/health');
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  #lost(error: unknown): DeviceLostError {
    return new DeviceLostError(
      `${this.name} at ${this.url} does not answer: ${reasonOf(error)}`,
      [
        'start it (docs/servers.md has the commands), and look at what it printed last',
        'a run that it was in the middle of goes on with --resume',
      ],
      { cause: error },
    );
  }
}

/**
 * Whether a connection was closed before an answer. vLLM closes one that was idle for five seconds, and a request that is
 * sent at that moment meets a closed door. Sent again, it asks for the same greedy completion.
 */
function wasClosed(error: unknown): boolean {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error && 'code' in inner && CLOSED.has(String(inner.code));
}

/** The parts of a body as they come. */
async function* bytesOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** A server said nothing for longer than it may. */
class SilenceError extends Error {}

/** Ends a request whose server is silent for too long. */
class Silence {
  readonly #controller = new AbortController();
  readonly #patienceMs: number;
  readonly #name: string;
  #timer: NodeJS.Timeout | undefined;
  #close: () => void = () => undefined;

  constructor(patienceMs: number, name: string) {
    this.#patienceMs = patienceMs;
    this.#name = name;
    this.waiting();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What closes the answer, from now on. */
  onEnd(close: () => void): void {
    this.#close = close;
  }

  /** Why a request failed: the silence that ended it, or what it failed with. */
  cause(error: unknown): unknown {
    const reason: unknown = this.#controller.signal.reason;
    return reason instanceof SilenceError ? reason : error;
  }

  /** @throws {SilenceError} If the answer was closed since nothing came. */
  throwIfSilent(): void {
    const reason: unknown = this.#controller.signal.reason;
    if (reason instanceof SilenceError) throw reason;
  }

  /** Something is waited for from now on. */
  waiting(): void {
    this.heard();
    this.#timer = setTimeout(() => {
      this.#abort(new SilenceError(`${this.#name} was silent for ${Math.round(this.#patienceMs / 1000)} s`));
    }, this.#patienceMs);
  }

  /** Something came, and nobody waits. */
  heard(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the request, if it still runs. */
  end(): void {
    this.heard();
    this.#abort(new Error('the request was ended'));
  }

  #abort(reason: Error): void {
    this.#controller.abort(reason);
    this.#close();
  }
}
