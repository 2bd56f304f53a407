/**
 * @file What a training is asked to do, and its settings with defaults filled in.
 */

import { z } from 'zod';
import { LANGUAGES } from '../../domain/languages.js';
import { UsageError } from '../../domain/errors.js';
import { parseHubReference } from '../../hub/reference.js';
import { PREFIX_DTYPES } from '../../inference/differentiable.js';
import { ENCODER_INPUTS } from '../../prompt/encoder-input.js';
import { PROMPT_FAMILIES } from '../../prompt/fim.js';
import { CONTEXT_PLACEMENTS } from '../../prompt/assemble.js';
import { DEFAULT_RETRIEVERS, type RetrieverName } from '../../retrieval/kinds.js';
import { DEFAULT_RETRIEVAL_PROFILE, RETRIEVAL_PROFILES } from '../../retrieval/profile.js';
import { HOLE_FILTERS } from '../../training/data/filters.js';
import { DEFAULT_RECIPE } from '../../training/recipes/all.js';
import { givenRetriever, positive, text } from '../request.js';

/** How a bundle may hold its projector. */
export const BUNDLE_DTYPES = ['fp32', 'fp16'] as const;

/** What `trainProjector` is asked: the flags of `llava-eval train`, in camel case. */
export const trainRequestSchema = z
  .strictObject({
    /** Folder or hub id of an encoder, or `decoder-layers:N`. */
    encoder: text,
    encoderInput: z.enum(ENCODER_INPUTS),
    promptFamily: z.enum(PROMPT_FAMILIES),
    /** Where the repositories of files of records lie. */
    repos: text,
    /** Only this language, where holes are made of a folder of code. */
    language: z.enum(LANGUAGES),
    /** Lines to cut out of each folder of code, as far as it has them. */
    lines: positive,
    skipInvalid: z.boolean(),
    /** Datasets whose code must not be trained on. */
    exclude: z.array(text),
    /** Share of the holes that validate, above 0 and below 1. */
    validationShare: z.number(),
    validationRepos: z.array(text).min(1),
    /** Holes to validate on, at most. */
    validationTasks: positive,
    /** Holes to train on, at most, before the filter. */
    limit: z.union([positive, z.literal('all')], {
      error: 'expected a whole number of at least 1, or "all"',
    }),
    filter: z.enum(HOLE_FILTERS),
    /** Lines that are missing from a training hole. */
    targetLines: positive,
    retriever: givenRetriever,
    retrievalProfile: z.enum(RETRIEVAL_PROFILES),
    topK: positive,
    softTokensPerChunk: positive,
    /** Linear layers. */
    projectorLayers: z.union([z.literal(2), z.literal(3), z.literal(4)]),
    /** A name or a JSON file. */
    recipe: text,
    /** Bundle of an earlier training; what it trained is taken over. */
    from: text,
    contextPlacement: z.enum(CONTEXT_PLACEMENTS),
    /** Code around the hole, in tokens. */
    maxPromptTokens: positive,
    /** Bytes that kept prefixes may take. */
    prefixBytes: z.number().nonnegative(),
    /** Where kept prefixes lie, if not in the folder of the training: trainings on the same holes can share them. */
    prefixDir: text,
    /** How prefixes are computed. */
    prefixDtype: z.enum(PREFIX_DTYPES),
    threads: positive,
    seed: z.int(),
    /** Of the bundle. */
    name: text,
    /** Hub ids under which the bundle names decoder and encoder, where they were given as files. */
    bundleDecoder: text,
    bundleEncoder: text,
    /** How the bundle holds the projector. The training itself is in single precision. */
    bundleDtype: z.enum(BUNDLE_DTYPES),
    resume: z.boolean(),
    /** With `resume`: the bundle of the best checkpoint so far, and no further training. */
    bundleOnly: z.boolean(),
  })
  .partial()
  .extend({
    /** Folder, GGUF file or hub id. */
    decoder: text,
    /** As `openDataset` takes them. */
    datasets: z.array(text).min(1),
    /** Folder of the training. */
    out: text,
  });

/** What {@link trainProjector} is asked. */
export type TrainRequest = z.infer<typeof trainRequestSchema>;

/** The encoder that a request names. */
export type EncoderChoice =
  | { readonly kind: 'files'; readonly reference: string }
  | { readonly kind: 'decoder-layers'; readonly layers: number };

/** Settings without a default: what is left out is decided elsewhere. */
type WithoutDefault =
  | 'bundleDecoder'
  | 'bundleEncoder'
  | 'encoderInput'
  | 'from'
  | 'language'
  | 'name'
  | 'prefixDir'
  | 'promptFamily'
  | 'repos'
  | 'threads'
  | 'topK'
  | 'validationRepos';

export type TrainSettings = Omit<
  { readonly [K in keyof TrainRequest]-?: Exclude<TrainRequest[K], undefined> },
  'encoder' | WithoutDefault
> &
  Pick<TrainRequest, WithoutDefault> & { readonly encoder: EncoderChoice };

/** Without a second model on disk. */
export const DEFAULT_ENCODER = 'decoder-layers:0';
/** The first of those that a run compares. */
export const DEFAULT_TRAINING_RETRIEVER: RetrieverName = DEFAULT_RETRIEVERS[0]!;
/** More than a run takes, since a training wants all it can get and its files hold many more. */
export const DEFAULT_TRAINING_LINES = 2000;
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
  if (encoder.kind === 'decoder-layers' && request.bundleEncoder !== undefined) {
    throw new UsageError(`--bundle-encoder ${request.bundleEncoder}: the encoder is a part of the decoder`, [
      'the bundle names the decoder alone; --bundle-decoder gives its hub id',
    ]);
  }
  if (request.bundleOnly === true && request.resume !== true) {
    throw new UsageError('--bundle-only: goes with --resume, since it takes the checkpoint of a training');
  }
  requireHubId('--bundle-decoder', request.bundleDecoder);
  requireHubId('--bundle-encoder', request.bundleEncoder);
  return {
    ...request,
    encoder,
    validationShare,
    lines: request.lines ?? DEFAULT_TRAINING_LINES,
    skipInvalid: request.skipInvalid ?? false,
    exclude: request.exclude ?? [],
    validationTasks: request.validationTasks ?? DEFAULT_VALIDATION_TASKS,
    limit: request.limit ?? 'all',
    filter: request.filter ?? 'all',
    targetLines: request.targetLines ?? 1,
    retriever: request.retriever ?? DEFAULT_TRAINING_RETRIEVER,
    retrievalProfile: request.retrievalProfile ?? DEFAULT_RETRIEVAL_PROFILE,
    softTokensPerChunk: request.softTokensPerChunk ?? 1,
    projectorLayers: request.projectorLayers ?? 3,
    recipe: request.recipe ?? DEFAULT_RECIPE,
    contextPlacement: request.contextPlacement ?? 'after-suffix',
    maxPromptTokens: request.maxPromptTokens ?? DEFAULT_PROMPT_TOKENS,
    prefixBytes: request.prefixBytes ?? DEFAULT_PREFIX_BYTES,
    prefixDtype: request.prefixDtype ?? 'fp32',
    seed: request.seed ?? 0,
    bundleDtype: request.bundleDtype ?? 'fp32',
    resume: request.resume ?? false,
    bundleOnly: request.bundleOnly ?? false,
  };
}

/** @throws {UsageError} If it is a path, which others cannot reach, or damaged. */
function requireHubId(flag: string, id: string | undefined): void {
  if (id === undefined || parseHubReference(id) !== null) return;
  throw new UsageError(`${flag} ${id}: expected a model of the hub`, [
    'such as owner/name, owner/name@revision or owner/name@revision/file.gguf',
  ]);
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
