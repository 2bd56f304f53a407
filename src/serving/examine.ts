/**
 * @file Finds out what a server is and can do, before anything is timed.
 *
 * Nothing is taken on trust that a question can settle: that it serves the model of the files, that it takes embeddings
 * of their width, that it remembers no prompt, and that several servers answer alike.
 */

import { randomInt } from 'node:crypto';

import { stopwatch, type Clock } from '../domain/clock.js';
import { DeviceLostError, messageOf, ModelError } from '../domain/errors.js';
import { tokenId, type TokenId } from '../domain/units.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import { createRng } from '../tensor/rng.js';
import type { Matrix } from '../tensor/matrix.js';
import { RequestRefusedError, type VllmServer } from './client.js';
import { infoOf, parseMetrics, totalOf, type Sample } from './metrics.js';
import { completionBody, type SentPrompt } from './prompt-body.js';
import { promptLogProbabilities } from './prompt-likelihood.js';
import type { Replica } from './vllm-decoder.js';
import { modelsSchema, serverInfoSchema, versionSchema, type ServedModel } from './wire.js';

/** What a server says of itself. */
export interface ServerDescription {
  readonly version: string;
  readonly model: string;
  /** Null where it does not say it. */
  readonly maxModelLength: number | null;
  /** Null where its metrics do not say it. */
  readonly prefixCaching: boolean | null;
  /** Null where it does not say it. */
  readonly dtype: string | null;
  readonly settings: Readonly<Record<string, string>>;
}

/** Labels of `vllm:cache_config_info` that can change a number, and do not change with the memory that is free. */
const SETTINGS: readonly string[] = ['cache_dtype', 'enable_prefix_caching', 'sliding_window'];

/**
 * @param wanted Name of the model; null for the base model.
 * @throws {ModelError} If the server has no such model, or is no vLLM.
 */
export async function describeServer(server: VllmServer, wanted: string | null): Promise<ServerDescription> {
  const models = await asked(server, () => server.question('/v1/models', modelsSchema));
  if (models === null) throw noVllm(server, 'it has no /v1/models');
  const model = chooseModel(server, models.data, wanted);
  const version = await asked(server, () => server.question('/version', versionSchema));
  const samples = await metricsOf(server);
  const cache = infoOf(samples, 'vllm:cache_config_info') ?? new Map<string, string>();
  const caching = cache.get('enable_prefix_caching');
  const { dtype, settings } = await settingsOf(server);
  return {
    version: version?.version ?? 'unknown',
    model: model.id,
    maxModelLength: model.max_model_len ?? null,
    prefixCaching: caching === undefined ? null : caching === 'True',
    dtype,
    settings: {
      ...Object.fromEntries(
        SETTINGS.flatMap((name) => {
          const value = cache.get(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      ...settings,
    },
  };
}

/** What a server in developer's mode says of its own settings; nothing but a null dtype of others. */
async function settingsOf(
  server: VllmServer,
): Promise<{ readonly dtype: string | null; readonly settings: Readonly<Record<string, string>> }> {
  const unknown = { dtype: null, settings: {} };
  try {
    const info = await server.question('/server_info?config_format=json', serverInfoSchema);
    if (info === null) return unknown;
    const { model_config: model, parallel_config: parallel } = info.vllm_config;
    return {
      dtype: model.dtype.replace(/^torch\./, ''),
      settings: {
        quantization: model.quantization ?? 'none',
        tensor_parallel_size: String(parallel.tensor_parallel_size),
        pipeline_parallel_size: String(parallel.pipeline_parallel_size),
      },
    };
  } catch (error) {
    if (error instanceof RequestRefusedError) return unknown;
    throw error;
  }
}

/** The metrics of a server; none where it hides them. */
export async function metricsOf(server: VllmServer): Promise<Sample[]> {
  try {
    return parseMetrics((await server.page('/metrics')) ?? '');
  } catch (error) {
    if (error instanceof RequestRefusedError) return [];
    throw error;
  }
}

function chooseModel(server: VllmServer, models: readonly ServedModel[], wanted: string | null): ServedModel {
  const found =
    wanted === null
      ? models.find(({ parent }) => parent === null || parent === undefined)
      : models.find(({ id }) => id === wanted);
  if (found !== undefined) return found;
  throw new ModelError(
    wanted === null
      ? `${server.name} at ${server.url} serves no model`
      : `${server.name} at ${server.url} serves no model called ${wanted}`,
    [`it serves: ${models.map(({ id }) => id).join(', ') || 'none'}`, 'name one behind "#": vllm:URL#MODEL'],
  );
}

/** A question that the server must answer. @throws {ModelError} If it refuses it. */
async function asked<T>(server: VllmServer, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof RequestRefusedError)) throw error;
    if (error.status === 401 || error.status === 403) {
      throw new ModelError(
        `${server.name} at ${server.url} refuses to answer: ${error.message}`,
        ['give its key in the environment variable VLLM_API_KEY'],
        { cause: error },
      );
    }
    throw noVllm(server, error.message, error);
  }
}

function noVllm(server: VllmServer, why: string, cause?: unknown): ModelError {
  return new ModelError(
    `${server.name} at ${server.url} is no server of vLLM that this program can use: ${why}`,
    ['give the address of `vllm serve`, without a path: vllm:http://HOST:PORT'],
    { cause },
  );
}

/** Code that any decoder of code goes on with, and whose likeliest tokens are far ahead of the others. */
const PROBE =
  'def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    return a - b\n\n\ndef multiply(a, b):\n';
const PROBE_TOKENS = 16;
/** Tokens that ids and embeddings must agree in. Later ones may differ by a tie that rounding decides. */
const EQUAL_TOKENS = 4;

/** The prompt of the probe. */
export function probePrompt(tokenizer: Tokenizer): readonly TokenId[] {
  return tokenizer.encode(PROBE);
}

/**
 * What a server goes on with behind the probe.
 *
 * @throws {ModelError} If it cannot be what the files say: an id is beyond the table, or spells something else here.
 */
export async function probeIds(
  replica: Replica,
  tokenizer: Tokenizer,
  vocabularySize: number,
): Promise<readonly TokenId[]> {
  const { server, model } = replica;
  const { ids, text } = await asked(server, () =>
    continued(replica, { kind: 'ids', ids: probePrompt(tokenizer) }),
  );
  const beyond = ids.find((id) => id >= vocabularySize);
  if (beyond !== undefined) {
    throw otherModel(
      replica,
      `it chose token ${beyond}, and the embedding table of the files has ${vocabularySize}`,
    );
  }
  const ours = plain(tokenizer.decode(ids));
  if (ours !== plain(text)) {
    throw otherModel(
      replica,
      `its tokens spell ${JSON.stringify(plain(text))} there and ${JSON.stringify(ours)} by the tokenizer of the files`,
    );
  }
  if (ids.length < PROBE_TOKENS)
    throw noVllm(server, `${model} ends a completion after ${ids.length} tokens`);
  return ids;
}

/** Without what tokenizers do to the edges of a text. */
function plain(text: string): string {
  return text.replace(/\ufffd/g, '').trim();
}

function otherModel({ server, model }: Replica, why: string): ModelError {
  return new ModelError(`${server.name} serves ${model}, which is not the model of --decoder-files: ${why}`, [
    'give the files of the model that the server was started with',
  ]);
}

/** What a server said about prompts as embeddings. */
export type EmbeddingAnswer = { readonly isTaken: true } | { readonly isTaken: false; readonly why: string };

/**
 * Sends the probe as embeddings of the files.
 *
 * @param inputs   The rows of the probe, [T, C].
 * @param expected What the server goes on with behind the same prompt as ids.
 * @throws {ModelError} If the server takes embeddings, but of another width, or goes on with something else.
 */
export async function probeEmbeddings(
  replica: Replica,
  inputs: Matrix,
  expected: readonly TokenId[],
): Promise<EmbeddingAnswer> {
  let got: readonly TokenId[];
  try {
    got = (await continued(replica, { kind: 'embeddings', inputs })).ids;
  } catch (error) {
    if (!(error instanceof RequestRefusedError)) throw error;
    if (error.status === 401 || error.status === 403) throw error;
    if (/enable[-_]prompt[-_]embeds/i.test(error.message)) return { isTaken: false, why: error.message };
    throw new ModelError(
      `${replica.server.name} refuses embeddings that are ${inputs.cols} wide: ${error.message}`,
      ['the files of --decoder-files may belong to a model of another width'],
      { cause: error },
    );
  }
  if (expected.slice(0, EQUAL_TOKENS).every((id, i) => id === got[i])) return { isTaken: true };
  throw otherModel(
    replica,
    `behind one prompt it goes on with the tokens ${expected.join(' ')} where the prompt is ids, and with ` +
      `${got.join(' ')} where it is embeddings of the files`,
  );
}

/** Whether a server tells the probabilities of a prompt's ids; else why not. */
export async function probeProbabilities(replica: Replica, tokenizer: Tokenizer): Promise<string | null> {
  const prompt = probePrompt(tokenizer);
  const rest = { ids: prompt.slice(-2), end: new Set(prompt.slice(0, 2)) };
  try {
    await promptLogProbabilities(replica, prompt.slice(0, -2), rest);
    return null;
  } catch (error) {
    if (error instanceof DeviceLostError) throw error;
    return messageOf(error);
  }
}

/** The first tokens behind a prompt, and what they spell. */
async function continued(
  { server, model }: Replica,
  prompt: SentPrompt,
): Promise<{ readonly ids: TokenId[]; readonly text: string }> {
  const ids: TokenId[] = [];
  let text = '';
  const stream = await server.complete(
    completionBody(model, prompt, PROBE_TOKENS, 'float32', { skip_special_tokens: true }),
  );
  for (let choice = await stream.next(); choice !== null; choice = await stream.next()) {
    ids.push(...(choice.token_ids ?? []).map(tokenId));
    text += choice.text;
  }
  return { ids, text };
}

/** Tokens of a prompt that is long enough for a cache to show, and cheap on any device. */
const CACHED_TOKENS = 512;
/** A second run of a prompt that takes less of the time of a new prompt than this was not computed. */
const CACHED_SHARE = 0.5;

/**
 * Whether a server remembers prompts: as its metrics say it. Where they do not, it does if its counter of hits grows, or if
 * the same prompt is much quicker a second time, three times in a row.
 *
 * @param description What its metrics said at first.
 */
export async function remembersPrompts(
  replica: Replica,
  { prefixCaching, maxModelLength }: ServerDescription,
  vocabularySize: number,
  clock: Clock,
): Promise<boolean> {
  if (prefixCaching !== null) return prefixCaching;
  // Other prompts each time: those of an earlier examination would all be known.
  const rng = createRng(randomInt(2 ** 31));
  const tokens = Math.min(CACHED_TOKENS, (maxModelLength ?? CACHED_TOKENS) - 1);
  const fresh = (): TokenId[] => Array.from({ length: tokens }, () => tokenId(rng.int(vocabularySize)));
  const timed = async (ids: readonly TokenId[]): Promise<number> => {
    const elapsed = stopwatch(clock);
    const stream = await replica.server.complete(
      completionBody(replica.model, { kind: 'ids', ids }, 1, 'float32'),
    );
    while ((await stream.next()) !== null);
    return elapsed();
  };
  const hitsBefore = hits(await metricsOf(replica.server));
  await timed(fresh());
  const isQuicker = async (): Promise<boolean> => {
    const prompt = fresh();
    const once = await timed(prompt);
    const again = await timed(prompt);
    return again < CACHED_SHARE * Math.min(once, await timed(fresh()));
  };
  // Once or twice may be chance on a busy machine.
  const remembers = (await isQuicker()) && (await isQuicker()) && (await isQuicker());
  return remembers || hits(await metricsOf(replica.server)) > hitsBefore;
}

/** Tokens that a server did not compute, since it knew them. */
function hits(samples: readonly Sample[]): number {
  return totalOf(samples, 'vllm:prefix_cache_hits_total', 'vllm:gpu_prefix_cache_hits_total') ?? 0;
}
