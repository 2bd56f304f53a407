/**
 * @file A decoder and the proof of where it runs.
 */

import type { Clock } from '../../domain/clock.js';
import { ModelError } from '../../domain/errors.js';
import { openBundle } from '../../hub/bundle-parts.js';
import { resolveHashed } from '../../hub/content-hashes.js';
import type { LocalModel, ResolveOptions } from '../../hub/resolve.js';
import type { Decoder, FirstTokenRunner } from '../../inference/decoder.js';
import type { Device, Dtype } from '../../inference/device.js';
import type { DeviceProof } from '../../inference/device-proof.js';
import { isSynthetic, syntheticShape } from '../../model/architecture/synthetic.js';
import { resolveDevice } from '../../model/ort/probe.js';
import type { ModelOptions } from '../../model/ort/session.js';
import {
  openSource,
  proveDevice,
  requireProof,
  type DecoderSource,
} from '../../model/ort/proof/device-proof.js';
import { isServed } from '../../serving/address.js';
import type { ServedFacts } from '../../serving/facts.js';
import { openServed, servedName } from './open-served.js';
import type { DeviceSelection, ModelSelection } from './selection.js';

/** How a model runs, as far as it decides the last bit of what it computes. */
export interface Execution {
  readonly device: Device;
  readonly dtype: Dtype;
  readonly threads: number;
}

/** The device that a selection comes to on this machine. @throws {ModelError} If it is not usable. */
export async function executionOn({ device, dtype, threads }: DeviceSelection): Promise<Execution> {
  return { device: await resolveDevice(device), dtype, threads };
}

/**
 * Proves where a decoder runs. The proof comes before the decoder that is timed is opened, so that nothing of
 * it is left by then.
 *
 * @throws {ModelError} If `isRequired` and any part runs elsewhere or nothing is known of it.
 */
export async function provenDevice(
  source: DecoderSource,
  execution: ModelOptions,
  isRequired: boolean,
): Promise<DeviceProof> {
  if (isRequired) {
    const proof = await proveDevice(source, execution);
    requireProof(proof);
    return proof;
  }
  try {
    return await proveDevice(source, execution);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    // If the device does not work at all, opening the decoder says so better.
    return { device: execution.device, source: 'none', graphics: [], stages: [] };
  }
}

/** A decoder where nothing else is needed, and what is known of it. */
export interface LoadedDecoder {
  readonly decoder: Decoder & FirstTokenRunner;
  /** As the user wrote it. */
  readonly name: string;
  readonly hasRandomWeights: boolean;
  readonly origin: LocalModel['origin'];
  /** SHA-256 by path; empty for random weights. */
  readonly files: Readonly<Record<string, string>>;
  readonly execution: Execution;
  readonly proof: DeviceProof;
  /** What the server says that runs it; null for one of this machine. */
  readonly served: ServedFacts | null;
}

/**
 * Opens a decoder alone: random weights of a shape, the one given, or the bundle's. The caller disposes of it.
 *
 * @throws {ModelError} If it cannot be used, or runs elsewhere although that is refused.
 */
export async function loadDecoder(
  selection: Pick<ModelSelection, 'bundle' | 'decoder' | 'decoderFiles' | 'allowsPrefixCache'>,
  device: DeviceSelection,
  fetching: ResolveOptions,
  clock: Clock,
): Promise<LoadedDecoder> {
  const options = { ...fetching, dtype: device.dtype };
  const { bundle, decoder } = selection;
  if (decoder !== undefined && isServed(decoder)) {
    return loadServed({ ...selection, decoder }, device, options, clock);
  }
  const { source, ...found } = await findDecoder(decoder, bundle, options);
  const execution = await executionOn(device);
  const running = { ...execution, onNote: fetching.progress?.note.bind(fetching.progress) };
  const proof = await provenDevice(source, running, device.isRequired);
  return { ...found, execution, proof, decoder: await openSource(source, running), served: null };
}

async function loadServed(
  {
    decoder: reference,
    decoderFiles = '',
    allowsPrefixCache,
  }: Pick<ModelSelection, 'decoderFiles' | 'allowsPrefixCache'> & { readonly decoder: string },
  { isRequired, ...local }: DeviceSelection,
  options: ResolveOptions,
  clock: Clock,
): Promise<LoadedDecoder> {
  const { model, files } = await resolveHashed(decoderFiles, 'decoder', options);
  const { decoder, proof, facts, notes } = await openServed(
    {
      ...{ reference, path: model.path, tokenizerPath: undefined },
      ...{ softTokens: true, allowsPrefixCache, isDeviceRequired: isRequired },
    },
    clock,
  );
  for (const note of notes) options.progress?.note(note);
  return {
    ...{ decoder, proof, files, served: facts, name: servedName(facts) },
    hasRandomWeights: false,
    origin: model.origin,
    execution: { ...local, device: 'cpu' },
  };
}

async function findDecoder(
  reference: string | undefined,
  bundle: string,
  options: ResolveOptions,
): Promise<
  Pick<LoadedDecoder, 'name' | 'hasRandomWeights' | 'origin' | 'files'> & { readonly source: DecoderSource }
> {
  if (reference !== undefined && isSynthetic(reference)) {
    const source = { kind: 'synthetic', shape: syntheticShape(reference) } as const;
    return { name: reference, hasRandomWeights: true, origin: null, files: {}, source };
  }
  const given =
    reference === undefined
      ? await resolveHashed(bundle, 'bundle', options)
      : await resolveHashed(reference, 'decoder', options);
  const found = reference === undefined ? await openBundle(given.model, NOTHING_REPLACED, options) : null;
  const { model, files } = found?.decoder ?? given;
  const path = found === null ? model.path : found.bundle.decoder.path;
  return {
    name: model.name,
    hasRandomWeights: false,
    origin: model.origin,
    files,
    source: { kind: 'files', path },
  };
}

const NOTHING_REPLACED = { decoder: undefined, encoder: undefined };
