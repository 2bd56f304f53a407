/**
 * @file Opens servers as one decoder. Whatever makes them unfit for a run is found here, before its first task.
 */

import type { Clock } from '../domain/clock.js';
import { canonicalJson } from '../domain/canonical-json.js';
import { ModelError } from '../domain/errors.js';
import { sha256 } from '../domain/hash.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import { embeddingRows } from '../inference/embedding-rows.js';
import type { Matrix } from '../tensor/matrix.js';
import type { ServerAddress } from './address.js';
import { VllmServer, type ClientOptions } from './client.js';
import {
  describeServer,
  metricsOf,
  probeEmbeddings,
  probeIds,
  probeProbabilities,
  probePrompt,
  remembersPrompts,
  type EmbeddingAnswer,
  type ServerDescription,
} from './examine.js';
import type { ServedFacts, ServedTimes } from './facts.js';
import { serverTimes, timesBetween, together, type Sample, type ServerTimes } from './metrics.js';
import { VllmDecoder, type Replica } from './vllm-decoder.js';

/** What is known of the model on this machine. */
export interface LocalFacts {
  /** Embedding table, [V, C], and the hash of its numbers. */
  readonly embeddings: Matrix;
  readonly tableIdentity: string;
  readonly maxPositions: number;
  readonly tokenizer: Tokenizer;
}

/** What a run needs of the servers. */
export interface ServingNeeds {
  /** Whether prompts with soft tokens are sent. */
  readonly softTokens: boolean;
  /** Whether servers that remember prompts will do. */
  readonly allowsPrefixCache: boolean;
}

export interface OpenVllm {
  readonly decoder: VllmDecoder;
  readonly facts: ServedFacts;
  /** What the user should know, one sentence a line. */
  readonly notes: readonly string[];
  /** What the servers counted since they were opened; null where one counts nothing. */
  readonly times: () => Promise<ServedTimes | null>;
}

/** Names of servers for messages: addresses are written nowhere. */
export function openServers(
  addresses: readonly [ServerAddress, ...ServerAddress[]],
  options: ClientOptions,
): readonly [VllmServer, ...VllmServer[]] {
  const count = addresses.length;
  const open = (address: ServerAddress, i: number): VllmServer =>
    new VllmServer(address, count === 1 ? 'the server' : `server ${i + 1} of ${count}`, options);
  const [first, ...more] = addresses;
  return [open(first, 0), ...more.map((address, i) => open(address, i + 1))];
}

/**
 * Opens servers that hold one model.
 *
 * @throws {DeviceLostError} If one does not answer.
 * @throws {ModelError}      If one serves another model than the files are of, or than the others serve; if prompts with
 *   soft tokens are needed and it takes none; or if it remembers prompts and may not.
 */
export async function openVllm(
  addresses: readonly [ServerAddress, ...ServerAddress[]],
  local: LocalFacts,
  needs: ServingNeeds,
  clock: Clock,
  options: ClientOptions = {},
): Promise<OpenVllm> {
  const { embeddings, tokenizer } = local;
  const V = embeddings.rows;
  const [first, ...more] = openServers(addresses, options);
  const examine = async (server: VllmServer, i: number): Promise<Examined> => {
    const description = await describeServer(server, addresses[i]!.model);
    const replica = { server, model: description.model };
    const probe = await probeIds(replica, tokenizer, V);
    const inputs = embeddingRows(embeddings, probePrompt(tokenizer));
    return {
      ...{ replica, description, probe },
      embeddings: await probeEmbeddings(replica, inputs, probe),
      withoutProbabilities: await probeProbabilities(replica, tokenizer),
      remembers: await remembersPrompts(replica, description, V, clock),
    };
  };
  const leader = await examine(first, 0);
  const others: Examined[] = [];
  for (const [i, server] of more.entries()) others.push(await examine(server, i + 1));
  const all = [leader, ...others];
  for (const other of others) requireAlike(leader, other);
  const notes = all.flatMap((one) => [...requireEmbeddings(one, needs), ...requireForgetful(one, needs)]);
  const silent = all.find(({ withoutProbabilities }) => withoutProbabilities !== null);
  if (silent !== undefined) {
    notes.push(`${silent.replica.server.name} tells no probabilities: ${silent.withoutProbabilities!}`);
  }
  const facts = factsOf(all, local);
  const decoder = new VllmDecoder({
    replicas: [leader.replica, ...others.map(({ replica }) => replica)],
    embeddings,
    maxPositions: facts.maxModelLength,
    identity: sha256(canonicalJson({ table: local.tableIdentity, ...facts })),
    dtype: facts.dtype ?? 'unknown',
    // Half the bytes, where the server would round to it in any case.
    wireType: facts.dtype === 'bfloat16' ? 'bfloat16' : 'float32',
    takesEmbeddings: facts.promptEmbeddings,
    tellsProbabilities: silent === undefined,
  });
  const counters = async (): Promise<ServerTimes | null> => {
    const pages: Sample[][] = [];
    for (const { replica } of all) pages.push(await metricsOf(replica.server));
    return together(pages.map(serverTimes));
  };
  const before = await counters();
  const times = async (): Promise<ServedTimes | null> => {
    const after = await counters();
    return before === null || after === null ? null : timesBetween(before, after);
  };
  return { decoder, facts, notes, times };
}

/** What was found out about one server. */
interface Examined {
  readonly replica: Replica;
  readonly description: ServerDescription;
  readonly probe: readonly number[];
  readonly embeddings: EmbeddingAnswer;
  /** Null where it tells them. */
  readonly withoutProbabilities: string | null;
  readonly remembers: boolean;
}

function factsOf(all: readonly Examined[], { maxPositions }: LocalFacts): ServedFacts {
  const { description } = all[0]!;
  const remembers = all.some((one) => one.remembers);
  return {
    engine: 'vllm',
    version: description.version,
    model: description.model,
    dtype: description.dtype,
    maxModelLength: description.maxModelLength ?? maxPositions,
    prefixCaching: remembers ? true : description.prefixCaching,
    promptEmbeddings: all.every(({ embeddings }) => embeddings.isTaken),
    settings: { ...description.settings },
  };
}

/** @throws {ModelError} If two servers do not hold the same model under the same settings. */
function requireAlike(leader: Examined, other: Examined): void {
  const facts = ({ description, embeddings, probe }: Examined): Record<string, string> => ({
    version: description.version,
    model: description.model,
    dtype: description.dtype ?? 'unknown',
    'longest sequence': String(description.maxModelLength),
    settings: JSON.stringify(description.settings),
    'prompts as embeddings': String(embeddings.isTaken),
    'greedy tokens of a probe': probe.join(' '),
  });
  const [a, b] = [facts(leader), facts(other)];
  const differing = Object.keys(a).filter((name) => a[name] !== b[name]);
  if (differing.length === 0) return;
  throw new ModelError(
    `${other.replica.server.name} is not as ${leader.replica.server.name}, so they are no replicas of one model`,
    differing.map((name) => `${name}: ${a[name]!} and ${b[name]!}`),
  );
}

/** @throws {ModelError} If soft tokens are needed. @returns What to note else. */
function requireEmbeddings({ embeddings, replica }: Examined, { softTokens }: ServingNeeds): string[] {
  if (embeddings.isTaken) return [];
  const { name } = replica.server;
  if (!softTokens) {
    return [`${name} takes no prompt as embeddings, so that their transport is not timed: ${embeddings.why}`];
  }
  throw new ModelError(
    `${name} takes no prompt as embeddings, and soft tokens have no ids: ${embeddings.why}`,
    ['start vLLM with --enable-prompt-embeds', 'or leave pipelines with soft tokens out of --pipelines'],
  );
}

/** @throws {ModelError} If the server remembers prompts and may not. @returns What to note if it may. */
function requireForgetful({ remembers, replica }: Examined, { allowsPrefixCache }: ServingNeeds): string[] {
  if (!remembers) return [];
  const { name } = replica.server;
  if (allowsPrefixCache)
    return [`${name} remembers prompts: what begins as an earlier prompt is not computed again`];
  throw new ModelError(
    `${name} remembers prompts (prefix caching), so that a prompt would be timed that is not computed`,
    [
      'start vLLM with --no-enable-prefix-caching',
      'or accept it with --allow-prefix-cache; the run says so then',
    ],
  );
}
