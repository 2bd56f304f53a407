/**
 * @file What a training is asked to do, and its settings with defaults filled in.
 */

import type { Language } from '../../domain/languages.js';
import { UsageError } from '../../domain/errors.js';
import { ENCODER_INPUTS, type EncoderInput } from '../../prompt/encoder-input.js';
import type { PromptFamily } from '../../prompt/fim.js';
import type { ContextPlacement } from '../../prompt/assemble.js';
import { DEFAULT_RETRIEVERS, type RetrieverName } from '../../retrieval/kinds.js';
import { DEFAULT_RETRIEVAL_PROFILE, type RetrievalProfileName } from '../../retrieval/profile.js';
import type { HoleFilterName } from '../../training/data/filters.js';
import { DEFAULT_RECIPE } from '../../training/recipes/all.js';

/** What `trainProjector` is asked. */
export interface TrainRequest {
  /** Folder, GGUF file or hub id. */
  readonly decoder: string;
  /** Folder or hub id of an encoder, or `decoder-layers:N`. */
  readonly encoder?: string | undefined;
  readonly encoderInput?: EncoderInput | undefined;
  readonly promptFamily?: PromptFamily | undefined;
  /** As `openDataset` takes them; at least one. */
  readonly datasets: readonly string[];
  readonly repos?: string | undefined;
  readonly language?: Language | undefined;
  readonly skipInvalid?: boolean | undefined;
  /** Datasets whose code must not be trained on. */
  readonly exclude?: readonly string[] | undefined;
  readonly validationShare?: number | undefined;
  readonly validationRepos?: readonly string[] | undefined;
  /** Holes to validate on, at most. */
  readonly validationTasks?: number | undefined;
  /** Holes to train on, at most, before the filter. */
  readonly limit?: number | 'all' | undefined;
  readonly filter?: HoleFilterName | undefined;
  readonly retriever?: RetrieverName | undefined;
  readonly retrievalProfile?: RetrievalProfileName | undefined;
  readonly topK?: number | undefined;
  readonly softTokensPerChunk?: number | undefined;
  readonly projectorLayers?: 2 | 3 | 4 | undefined;
  /** A name or a JSON file. */
  readonly recipe?: string | undefined;
  readonly contextPlacement?: ContextPlacement | undefined;
  readonly maxPromptTokens?: number | undefined;
  /** Bytes that kept prefixes may take. */
  readonly prefixBytes?: number | undefined;
  readonly threads?: number | undefined;
  readonly seed?: number | undefined;
  /** Of the bundle. */
  readonly name?: string | undefined;
  readonly out: string;
  readonly resume?: boolean | undefined;
}

/** The encoder that a request names. */
export type EncoderChoice =
  | { readonly kind: 'files'; readonly reference: string }
  | { readonly kind: 'decoder-layers'; readonly layers: number };

export type TrainSettings = Omit<
  { readonly [K in keyof TrainRequest]-?: Exclude<TrainRequest[K], undefined> },
  | 'encoder'
  | 'encoderInput'
  | 'promptFamily'
  | 'repos'
  | 'language'
  | 'validationRepos'
  | 'topK'
  | 'threads'
  | 'name'
> &
  Pick<
    TrainRequest,
    'encoderInput' | 'promptFamily' | 'repos' | 'language' | 'validationRepos' | 'topK' | 'threads' | 'name'
  > & { readonly encoder: EncoderChoice };

/** Without a second model on disk. */
export const DEFAULT_ENCODER = 'decoder-layers:0';
/** The first of those that a run compares. */
export const DEFAULT_TRAINING_RETRIEVER: RetrieverName = DEFAULT_RETRIEVERS[0]!;
export const DEFAULT_VALIDATION_SHARE = 0.1;
export const DEFAULT_VALIDATION_TASKS = 128;
export const DEFAULT_PREFIX_BYTES = 20e9;
export const DEFAULT_PROMPT_TOKENS = 512;
/** Chunks are cut to so many ids, as LlavaCode cuts them. */
export const CHUNK_TOKENS = 512;

/** Fills in the defaults. @throws {UsageError} If settings contradict each other. */
export function trainSettings(request: TrainRequest): TrainSettings {
  const { validationShare = DEFAULT_VALIDATION_SHARE } = request;
  if (!(validationShare > 0 && validationShare < 1)) {
    throw new UsageError(`--validation-share ${validationShare}: expected a number above 0 and below 1`);
  }
  const encoder = encoderChoice(request.encoder ?? DEFAULT_ENCODER);
  if (
    encoder.kind === 'decoder-layers' &&
    request.encoderInput !== undefined &&
    request.encoderInput !== 'raw'
  ) {
    throw new UsageError(`--encoder-input ${request.encoderInput}: the layers of a decoder read chunks raw`, [
      `one of ${ENCODER_INPUTS.join(', ')} goes with an encoder of its own`,
    ]);
  }
  return {
    ...request,
    encoder,
    validationShare,
    skipInvalid: request.skipInvalid ?? false,
    exclude: request.exclude ?? [],
    validationTasks: request.validationTasks ?? DEFAULT_VALIDATION_TASKS,
    limit: request.limit ?? 'all',
    filter: request.filter ?? 'all',
    retriever: request.retriever ?? DEFAULT_TRAINING_RETRIEVER,
    retrievalProfile: request.retrievalProfile ?? DEFAULT_RETRIEVAL_PROFILE,
    softTokensPerChunk: request.softTokensPerChunk ?? 1,
    projectorLayers: request.projectorLayers ?? 3,
    recipe: request.recipe ?? DEFAULT_RECIPE,
    contextPlacement: request.contextPlacement ?? 'after-suffix',
    maxPromptTokens: request.maxPromptTokens ?? DEFAULT_PROMPT_TOKENS,
    prefixBytes: request.prefixBytes ?? DEFAULT_PREFIX_BYTES,
    seed: request.seed ?? 0,
    resume: request.resume ?? false,
  };
}

/** @throws {UsageError} If `decoder-layers` has no number. */
function encoderChoice(reference: string): EncoderChoice {
  if (!reference.startsWith('decoder-layers')) return { kind: 'files', reference };
  const [, layers] = /^decoder-layers:(\d+)$/.exec(reference) ?? [];
  if (layers !== undefined) return { kind: 'decoder-layers', layers: Number(layers) };
  throw new UsageError(`--encoder ${reference}: expected decoder-layers: and a number of layers`, [
    'decoder-layers:0 is the embedding table of the decoder, decoder-layers:4 its first four layers',
  ]);
}
