/**
 * @file Opens what a training runs: the decoder with gradients, its tokenizer and prompts, and the encoder.
 */

import { isAbsolute, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { resolveHashed, type HashedModel } from '../../hub/content-hashes.js';
import { formatHubReference, parseHubReference } from '../../hub/reference.js';
import type { ResolveOptions } from '../../hub/resolve.js';
import type { DifferentiableDecoder } from '../../inference/differentiable.js';
import type { Encoder } from '../../inference/encoder.js';
import type { Tokenizer } from '../../inference/tokenizer.js';
import { decoderFiles } from '../../model/decoder-files.js';
import { encoderConventions, type EncoderConventions } from '../../model/folder/encoder-conventions.js';
import { DecoderLayersEncoder } from '../../model/ort/decoder-layers-encoder.js';
import { openEncoder } from '../../model/ort/open.js';
import { openDifferentiableDecoder } from '../../model/ort/training/open.js';
import type { EncoderStatistics } from '../../model/weights/encoder-statistics.js';
import { promptFormat, recognizeFamily, type PromptFamily, type PromptFormat } from '../../prompt/fim.js';
import { loadTokenizer } from '../../tokenizer/hf.js';
import { CHUNK_TOKENS, type TrainSettings } from './request.js';

/** A model as a record and a bundle name it. */
export interface NamedModel {
  /** Hub id with its commit, or an absolute path. */
  readonly reference: string;
  /** SHA-256 by path. */
  readonly files: Readonly<Record<string, string>>;
}

export interface TrainedDecoder extends NamedModel {
  readonly path: string;
  readonly decoder: DifferentiableDecoder;
  readonly tokenizer: Tokenizer;
  readonly format: PromptFormat;
  readonly family: PromptFamily;
}

/** Opens the decoder. The caller disposes of it. @throws {ModelError} If it cannot be used or has no gradients. */
export async function openTrainedDecoder(
  { decoder: reference, promptFamily, prefixDtype }: TrainSettings,
  threads: number,
  fetching: ResolveOptions,
): Promise<TrainedDecoder> {
  const found = await resolveHashed(reference, 'decoder', fetching);
  const { path } = found.model;
  const files = decoderFiles(path);
  const tokenizer = await files.loadTokenizer();
  const decoder = await openDifferentiableDecoder(path, { threads, prefixes: prefixDtype });
  try {
    const facts = files.readFacts(decoder.vocabularySize);
    const family = promptFamily ?? recognizeFamily(tokenizer, facts);
    const format = promptFormat(family, tokenizer, facts);
    return { ...named(reference, found), path, decoder, tokenizer, format, family };
  } catch (error) {
    await decoder.dispose();
    throw error;
  }
}

/** A local model by its absolute path, one of the hub by its id, commit, and folder or file. */
function named(reference: string, { model: { origin, path, name }, files }: HashedModel): NamedModel {
  if (origin !== null) {
    const location = { id: origin.id, path: '', ...parseHubReference(name), revision: origin.commit };
    return { reference: formatHubReference(location), files };
  }
  const full = existsSync(reference) && !isAbsolute(reference) ? resolve(reference) : reference;
  return { reference: existsSync(full) ? full : path, files };
}

/** An encoder and how it reads chunks. */
export interface TrainedEncoder extends EncoderConventions {
  readonly encoder: Encoder;
  readonly tokenizer: Tokenizer;
  /** What the bundle names; null where it is the beginning of the decoder. */
  readonly named: NamedModel | null;
}

/** Opens an encoder of its own. The caller disposes of it. */
export async function openOwnEncoder(
  reference: string,
  settings: TrainSettings,
  threads: number,
  fetching: ResolveOptions,
): Promise<TrainedEncoder> {
  const found = await resolveHashed(reference, 'encoder', fetching);
  const { path } = found.model;
  const tokenizer = await loadTokenizer(path);
  const encoder = await openEncoder(path, { device: 'cpu', dtype: 'fp32', threads });
  const own = encoderConventions(path, tokenizer);
  return {
    ...{ encoder, tokenizer, named: named(reference, found) },
    input: settings.encoderInput ?? own.input,
    maxTokens: Math.min(own.maxTokens, encoder.maxTokens),
    normalize: own.normalize,
  };
}

/** The first layers of the decoder as an encoder, with the statistics given. */
export async function openLayersEncoder(
  { decoder, path, tokenizer }: TrainedDecoder,
  layers: number,
  statistics: EncoderStatistics,
  threads: number,
): Promise<TrainedEncoder> {
  const options = { device: 'cpu', dtype: 'fp32', threads } as const;
  return {
    encoder: await DecoderLayersEncoder.open(decoder, path, layers, statistics, options),
    ...{ tokenizer, named: null, input: 'raw', normalize: true },
    maxTokens: Math.min(CHUNK_TOKENS, decoder.maxPositions),
  };
}
