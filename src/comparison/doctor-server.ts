/**
 * @file What servers of a decoder can do: the questions that a run asks, each answered by itself.
 */

import type { Clock } from '../domain/clock.js';
import { embeddingRows } from '../inference/embedding-rows.js';
import { UserError } from '../domain/errors.js';
import { resolveModel, type ResolveOptions } from '../hub/resolve.js';
import { decoderFiles } from '../model/decoder-files.js';
import { readEmbeddingTable } from '../model/embedding-table.js';
import { parseServers } from '../serving/address.js';
import {
  describeServer,
  probeEmbeddings,
  probeIds,
  probeProbabilities,
  probePrompt,
  remembersPrompts,
  type ServerDescription,
} from '../serving/examine.js';
import { openServers, type LocalFacts } from '../serving/open-vllm.js';
import type { Replica } from '../serving/vllm-decoder.js';
import { unusable, type Finding } from './finding.js';
import { serverKey } from './models/open-served.js';

/** What is asked about. */
export interface ServersInQuestion {
  /** `vllm:URL`, or several. */
  readonly decoder: string;
  /** Files of the model; without them only the server's own words can be had. */
  readonly decoderFiles: string | undefined;
}

/**
 * Asks each server.
 *
 * @throws {UsageError} If an address is none.
 * @throws {ModelError} If the files cannot be used.
 */
export async function examineServers(
  { decoder, decoderFiles: reference }: ServersInQuestion,
  clock: Clock,
  fetching: ResolveOptions = {},
): Promise<Finding[]> {
  const addresses = parseServers(decoder);
  const local = reference === undefined ? null : await localFacts(reference, fetching);
  const servers = openServers(addresses, { apiKey: serverKey() });
  const findings: Finding[] = [];
  for (const [i, server] of servers.entries()) {
    const named = (name: string): string => (servers.length === 1 ? name : `${name} ${i + 1}`);
    let description: ServerDescription;
    try {
      description = await describeServer(server, addresses[i]!.model);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      findings.push(unusable(named('vllm'), error));
      continue;
    }
    findings.push(usable(named('vllm'), describe(description)));
    if (local === null) continue;
    const replica = { server, model: description.model };
    findings.push(...(await answers(replica, description, local, clock, named)));
  }
  return findings;
}

async function localFacts(reference: string, fetching: ResolveOptions): Promise<LocalFacts> {
  const { path } = await resolveModel(reference, 'decoder', fetching);
  const { rows, identity, maxPositions } = await readEmbeddingTable(path);
  const tokenizer = await decoderFiles(path).loadTokenizer();
  return { embeddings: rows, tableIdentity: identity, maxPositions, tokenizer };
}

function describe({ version, model, maxModelLength, dtype }: ServerDescription): string {
  const length = maxModelLength === null ? 'sequences of unknown length' : `up to ${maxModelLength} tokens`;
  return `vLLM ${version} serves ${model}, ${length}, dtype ${dtype ?? 'not said'}`;
}

/** What only requests can tell. */
async function answers(
  replica: Replica,
  description: ServerDescription,
  { embeddings, tokenizer }: LocalFacts,
  clock: Clock,
  named: (name: string) => string,
): Promise<Finding[]> {
  let probe: Awaited<ReturnType<typeof probeIds>>;
  try {
    probe = await probeIds(replica, tokenizer, embeddings.rows);
  } catch (error) {
    return [unusable(named('model'), error)];
  }
  const attempt = async (name: string, ask: () => Promise<Finding>): Promise<Finding> => {
    try {
      return await ask();
    } catch (error) {
      return unusable(named(name), error);
    }
  };
  return [
    usable(named('model'), 'the model of the files: its greedy tokens spell the same text here'),
    await attempt('soft', async () => {
      const answer = await probeEmbeddings(replica, embeddingRows(embeddings, probePrompt(tokenizer)), probe);
      return answer.isTaken
        ? usable(named('soft'), `soft tokens: it goes on alike behind embeddings ${embeddings.cols} wide`)
        : missing(named('soft'), answer.why, 'start vLLM with --enable-prompt-embeds');
    }),
    await attempt('nats', async () => {
      const why = await probeProbabilities(replica, tokenizer);
      return why === null
        ? usable(named('nats'), 'likelihood of the true completions behind text')
        : missing(named('nats'), why, 'runs work without it; vLLM tells it since 0.32');
    }),
    await attempt('fresh', async () =>
      (await remembersPrompts(replica, description, embeddings.rows, clock))
        ? missing(named('fresh'), 'it remembers prompts', 'start vLLM with --no-enable-prefix-caching')
        : usable(named('fresh'), 'it remembers no prompt'),
    ),
  ];
}

function usable(name: string, detail: string): Finding {
  return { name, isUsable: true, detail, hints: [] };
}

function missing(name: string, detail: string, hint: string): Finding {
  return { name, isUsable: false, detail, hints: [hint] };
}
