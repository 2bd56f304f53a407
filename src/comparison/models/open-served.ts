/**
 * @file A decoder that a server runs: its table and tokenizer from files of this machine, all else from the server.
 */

import type { Clock } from '../../domain/clock.js';
import { UsageError } from '../../domain/errors.js';
import type { DeviceProof } from '../../inference/device-proof.js';
import { decoderFiles } from '../../model/decoder-files.js';
import { readEmbeddingTable } from '../../model/embedding-table.js';
import { parseServers } from '../../serving/address.js';
import { openVllm, type OpenVllm, type ServingNeeds } from '../../serving/open-vllm.js';

/** Name of the environment variable with the key of a server. Nothing writes its value. */
const KEY_VARIABLE = 'VLLM_API_KEY';

/** The key of the servers; undefined where the environment has none. */
export function serverKey(): string | undefined {
  return process.env[KEY_VARIABLE];
}

/** What is asked of a server. */
export interface ServedRequest extends ServingNeeds {
  /** `vllm:URL`, or several. */
  readonly reference: string;
  /** The files of its model on this machine, and of a tokenizer in place of theirs. */
  readonly path: string;
  readonly tokenizerPath: string | undefined;
  /** Whether the user wants it proven where the decoder runs. */
  readonly isDeviceRequired: boolean;
}

/**
 * Opens the servers of a reference as one decoder.
 *
 * @throws {UsageError}      If an address is none, or it is to be proven where the decoder runs.
 * @throws {DeviceLostError} If a server does not answer.
 * @throws {ModelError}      If the files cannot be used, or a server is not fit.
 */
export async function openServed(
  { reference, path, tokenizerPath, isDeviceRequired, ...needs }: ServedRequest,
  clock: Clock,
): Promise<OpenVllm & { readonly proof: DeviceProof }> {
  const addresses = parseServers(reference);
  if (isDeviceRequired) {
    throw new UsageError('--require-device: where a server runs a decoder cannot be proven from here', [
      'leave it out; what the server says of itself is in run.json',
    ]);
  }
  const tokenizer = await decoderFiles(path, tokenizerPath).loadTokenizer();
  const { rows, identity, maxPositions } = await readEmbeddingTable(path);
  const local = { embeddings: rows, tableIdentity: identity, maxPositions, tokenizer };
  const opened = await openVllm(addresses, local, needs, clock, { apiKey: serverKey() });
  return { ...opened, proof: { device: 'vllm', source: 'server', graphics: [], stages: [] } };
}

/** For people. */
export function servedName({ model, version }: OpenVllm['facts']): string {
  return `${model} on vLLM ${version}`;
}
