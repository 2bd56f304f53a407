/**
 * @file A server on this machine that speaks as vLLM does, and fails as a test tells it to.
 *
 * Its model is a function from ids to the next id. A prompt of embeddings is looked up in the table, row by row; a row
 * that is no token's is an id beyond the table.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Matrix } from '../../src/tensor/matrix.js';

export interface FakeModel {
  /** [V, C]. */
  readonly table: Matrix;
  /** The greedy choice behind some ids. */
  readonly next: (ids: readonly number[]) => number;
  readonly decode: (ids: readonly number[]) => string;
}

/** How the server behaves; a test changes it while the server runs. */
export interface Behaviour {
  name: string;
  version: string;
  maxModelLength: number;
  /** The key that it wants; null for none. */
  apiKey: string | null;
  takesEmbeddings: boolean;
  /** What its metrics say; null for a server that hides them. */
  prefixCaching: boolean | null;
  /** Whether it really remembers prompts. */
  remembers: boolean;
  /** Milliseconds that the prefill of a new prompt counts for; nobody waits for them. */
  prefillMs: number;
  tellsProbabilities: boolean;
  /** Whether the engine is well. */
  isHealthy: boolean;
  /** What goes wrong with a completion; null for nothing. */
  fault: (body: FakeBody) => Fault | null;
}

export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly body: string }
  /** The connection breaks before an answer. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'silent' }
  /** After so many tokens nothing comes any more. */
  | { readonly kind: 'stuck'; readonly tokens: number }
  /** After so many tokens, the connection breaks or the stream says an error. */
  | { readonly kind: 'torn'; readonly tokens: number; readonly error: string | null };

export interface FakeBody {
  readonly prompt?: readonly number[];
  readonly prompt_embeds?: string;
  readonly max_tokens: number;
  readonly stream: boolean;
  readonly prompt_logprobs?: number;
  readonly logprob_token_ids?: readonly number[];
  readonly [setting: string]: unknown;
}

export interface FakeVllm {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly behaviour: Behaviour;
  /** Bodies of the completions so far. */
  readonly asked: readonly FakeBody[];
  /** Keys that were sent. */
  readonly keys: ReadonlySet<string | undefined>;
  /** What the prefills so far count for in all. */
  readonly computedMs: () => number;
  /** Streams that the client ended before their last token. */
  readonly aborted: () => number;
  close(): Promise<void>;
}

/** Starts a server that does nothing wrong. @param port To come back where another one stood. */
export async function startFakeVllm(model: FakeModel, port = 0): Promise<FakeVllm> {
  const behaviour: Behaviour = {
    ...{ name: 'fake', version: '0.32.0', maxModelLength: 4096, apiKey: null, takesEmbeddings: true },
    ...{ prefixCaching: false, remembers: false, prefillMs: 0, tellsProbabilities: true, isHealthy: true },
    fault: () => null,
  };
  const asked: FakeBody[] = [];
  const keys = new Set<string | undefined>();
  const state: State = {
    model,
    behaviour,
    rows: rowsOf(model.table),
    aborted: 0,
    seen: new Set(),
    hits: 0,
    first: 0,
    computedMs: 0,
  };
  const server = createServer((request, response) => {
    keys.add(request.headers.authorization);
    const wanted = behaviour.apiKey === null ? null : `Bearer ${behaviour.apiKey}`;
    if (
      request.url?.startsWith('/v1/') === true &&
      wanted !== null &&
      request.headers.authorization !== wanted
    ) {
      json(response, 401, { error: 'Unauthorized' });
      return;
    }
    switch (request.url) {
      case '/health':
        response.writeHead(behaviour.isHealthy ? 200 : 503).end();
        return;
      case '/version':
        json(response, 200, { version: behaviour.version });
        return;
      case '/v1/models':
        json(response, 200, {
          data: [{ id: behaviour.name, parent: null, max_model_len: behaviour.maxModelLength }],
        });
        return;
      case '/metrics':
        if (behaviour.prefixCaching === null) response.writeHead(404).end();
        else response.writeHead(200).end(metricsPage(state));
        return;
      case '/v1/completions':
        void readBody(request).then((body) => {
          asked.push(body);
          return complete(state, body, response);
        });
        return;
      case undefined:
      default:
        json(response, 404, { detail: 'Not Found' });
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ behaviour, asked, keys },
    aborted: () => state.aborted,
    computedMs: () => state.computedMs,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

interface State {
  readonly model: FakeModel;
  readonly behaviour: Behaviour;
  readonly rows: ReadonlyMap<string, number>;
  aborted: number;
  readonly seen: Set<string>;
  hits: number;
  first: number;
  computedMs: number;
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

async function readBody(request: IncomingMessage): Promise<FakeBody> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString()) as FakeBody;
}

function metricsPage({ behaviour, hits, first }: State): string {
  return [
    '# TYPE vllm:cache_config_info gauge',
    `vllm:cache_config_info{block_size="16",cache_dtype="auto",enable_prefix_caching="${behaviour.prefixCaching === true ? 'True' : 'False'}"} 1.0`,
    `vllm:prefix_cache_hits_total{model_name="fake"} ${hits}.0`,
    `vllm:time_to_first_token_seconds_count{model_name="fake"} ${first}.0`,
    `vllm:time_to_first_token_seconds_sum{model_name="fake"} ${first * 0.25}`,
    '',
  ].join('\n');
}

async function complete(state: State, body: FakeBody, response: ServerResponse): Promise<void> {
  const { behaviour, model } = state;
  const fault = behaviour.fault(body);
  if (fault?.kind === 'status') {
    response.writeHead(fault.status, { 'content-type': 'application/json' }).end(fault.body);
    return;
  }
  if (fault?.kind === 'reset') {
    response.destroy();
    return;
  }
  if (fault?.kind === 'silent') return;
  if (body.prompt_embeds !== undefined && !behaviour.takesEmbeddings) {
    json(response, 400, {
      error: { message: 'You must set `--enable-prompt-embeds` to input `prompt_embeds`', code: 400 },
    });
    return;
  }
  if (body.prompt_logprobs !== undefined) {
    tellProbabilities(state, body, response);
    return;
  }
  const ids = promptIds(state, body);
  if (typeof ids === 'string') {
    json(response, 400, { error: { message: ids, code: 400 } });
    return;
  }
  const key = ids.join();
  if (behaviour.remembers && state.seen.has(key)) state.hits += 16;
  else state.computedMs += behaviour.prefillMs;
  state.seen.add(key);
  state.first++;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.on('close', () => {
    if (!response.writableEnded) state.aborted++;
  });
  for (let made = 0; made < body.max_tokens && !response.destroyed; made++) {
    if (fault?.kind === 'torn' && made === fault.tokens) {
      if (fault.error === null) response.destroy();
      else response.end(`data: ${JSON.stringify({ error: { message: fault.error, code: 500 } })}\n\n`);
      return;
    }
    if (fault?.kind === 'stuck' && made === fault.tokens) return;
    const token = model.next(ids);
    ids.push(token);
    const isLast = made + 1 === body.max_tokens;
    const choice = {
      ...{ index: 0, text: model.decode([token]), token_ids: [token] },
      finish_reason: isLast ? 'length' : null,
      ...(made === 0 ? { prompt_token_ids: ids.slice(0, -1) } : {}),
    };
    response.write(`data: ${JSON.stringify({ id: 'c', choices: [choice] })}\n\n`);
    await new Promise(setImmediate);
  }
  response.end('data: [DONE]\n\n');
}

/** The ids of a prompt, or why there are none. */
function promptIds({ model, rows }: State, { prompt, prompt_embeds: embeds }: FakeBody): number[] | string {
  if (embeds === undefined) return [...(prompt ?? [])];
  const { type, rows: count, cols, numbers } = readTensor(Buffer.from(embeds, 'base64'));
  if (cols !== model.table.cols) return `Expected hidden size ${model.table.cols}, got ${cols}`;
  if (type !== 'FloatStorage') return `unexpected ${type}`;
  return Array.from({ length: count }, (_, t) => {
    const row = numbers.subarray(t * cols, (t + 1) * cols);
    return rows.get(row.join()) ?? model.table.rows + Math.abs(Math.trunc(1000 * row[0]!));
  });
}

function rowsOf({ rows, cols, data }: Matrix): Map<string, number> {
  return new Map(Array.from({ length: rows }, (_, r) => [data.subarray(r * cols, (r + 1) * cols).join(), r]));
}

/** A tensor as `torch.save` writes it, read by what its bytes have at fixed places. */
function readTensor(file: Buffer): {
  readonly type: string;
  readonly rows: number;
  readonly cols: number;
  readonly numbers: Float32Array;
} {
  const records = new Map<string, Buffer>();
  for (let at = 0; file.readUInt32LE(at) === 0x04034b50;) {
    const [size, nameBytes, extra] = [
      file.readUInt32LE(at + 18),
      file.readUInt16LE(at + 26),
      file.readUInt16LE(at + 28),
    ];
    const start = at + 30 + nameBytes + extra;
    records.set(file.toString('utf8', at + 30, at + 30 + nameBytes), file.subarray(start, start + size));
    at = start + size;
  }
  const pickle = records.get('archive/data.pkl')!;
  const type = /torch\n(\w+Storage)\n/.exec(pickle.toString('latin1'))![1]!;
  // Behind the storage: its offset, then the rows and the columns, each as `J` and four bytes.
  const shape = pickle.indexOf('tQ') + 2 + 5;
  const numbers = records.get('archive/data/0')!;
  return {
    type,
    rows: pickle.readInt32LE(shape + 1),
    cols: pickle.readInt32LE(shape + 6),
    numbers: new Float32Array(new Uint8Array(numbers).buffer),
  };
}

/** Position i of a prompt has the log-probability -i / 8, the first none; the ids asked for behind it -1, -2, … */
function tellProbabilities(
  { behaviour }: State,
  { prompt, logprob_token_ids: wanted }: FakeBody,
  response: ServerResponse,
): void {
  if (!behaviour.tellsProbabilities) {
    json(response, 400, { error: { message: 'prompt_logprobs are not available', code: 400 } });
    return;
  }
  const asked = Object.fromEntries((wanted ?? []).map((id, k) => [`token_id:${id}`, -1 - k]));
  const choice = {
    ...{ index: 0, text: '', token_ids: [0], finish_reason: 'length' },
    prompt_logprobs: (prompt ?? []).map((id, i) =>
      i === 0 ? null : { [String(id)]: { logprob: -i / 8, rank: 1 } },
    ),
    logprobs: wanted === undefined ? null : { top_logprobs: [asked] },
  };
  json(response, 200, { id: 'c', choices: [choice] });
}
