/**
 * @file What a comparison can be asked: every setting of a run, in one flat object.
 *
 * A program writes it down, the command line makes it from flags and the configuration file. All fields may be
 * absent: `settings.ts` fills in what is missing.
 */

import { z } from 'zod';
import { formatNames } from '../datasets/formats/all.js';
import { LANGUAGES } from '../domain/languages.js';
import { DEVICE_REQUESTS, DTYPES } from '../inference/device.js';
import { metricProfileNames } from '../metrics/registry.js';
import { runnablePipelines } from '../pipelines/all.js';
import { CONTEXT_PLACEMENTS } from '../prompt/assemble.js';
import { ENCODER_INPUTS } from '../prompt/encoder-input.js';
import { PROMPT_FAMILIES } from '../prompt/fim.js';
import { withoutAddresses } from '../serving/address.js';
import { retrieverNamed, retrieverSchema } from '../retrieval/kinds.js';
import { RETRIEVAL_PROFILES } from '../retrieval/profile.js';

export const positive = z.int().positive();
export const text = z.string().min(1);
const ratio = z.number().min(1, 'expected a number of at least 1');

/** One of the names that are known when a request is checked: plug-ins have been loaded by then. */
const nameAmong = (names: () => readonly string[]) =>
  z.string().refine((name) => names().includes(name), {
    error: () => `expected one of ${names().join(', ')}`,
  });

/** The parts of a fused retriever may stand in any order, as on the command line. */
export const givenRetriever = z.preprocess(
  (name) => (typeof name === 'string' ? (retrieverNamed(name) ?? name) : name),
  retrieverSchema,
);

/** Settings that a run over tasks and a run with `latencyOnly` share. */
const sharedSettings = {
  /** Bundle of decoder, encoder and projector: `nano`, a folder or an id of the hub. */
  model: text,
  /** Replaces the decoder of the bundle: a folder, an id of the hub, or `vllm:URL` for one behind a server. */
  decoder: text,
  /** Files of the decoder that a server runs: its embedding table, configuration and tokenizer are read of them. */
  decoderFiles: text,
  /** Take servers that remember prompts. */
  allowPrefixCache: z.boolean(),
  device: z.enum(DEVICE_REQUESTS),
  dtype: z.enum(DTYPES),
  /** Threads of the runtime. */
  threads: positive,
  /** Refuse a decoder of which any part runs elsewhere than on the device. */
  requireDevice: z.boolean(),
  maxNewTokens: positive,
  /** Timed prefills a task and configuration; rounds of a latency measurement. */
  ttftRepeats: positive,
  seed: z.int(),
  /** The run folder. */
  out: text,
};

/** The settings of a run over tasks. */
export const comparisonRequestSchema = z
  .strictObject({
    ...sharedSettings,
    dataset: text,
    /** Where the repositories of a file of records lie: a folder or an archive. */
    repos: text,
    format: nameAmong(formatNames),
    /** Only this language, where tasks are made of a folder of code. */
    language: z.enum(LANGUAGES),
    limit: z.union([positive, z.literal('all')], {
      error: 'expected a whole number of at least 1, or "all"',
    }),
    tasks: z.array(text).min(1),
    skipInvalid: z.boolean(),
    /** Folder or hub id of the tokenizer that is used instead of the decoder's own. */
    tokenizer: text,
    encoder: text,
    projector: text,
    /** A tuned constant prompt for all pipelines but plain `no-context`: a file, here or on the hub. */
    softPrompt: text,
    retrieverEncoder: text,
    promptFamily: z.enum(PROMPT_FAMILIES),
    /** The same as names of control tokens around {prefix} and {suffix}. */
    promptTemplate: text,
    encoderInput: z.enum(ENCODER_INPUTS),
    pipelines: z.array(nameAmong(runnablePipelines)).min(1),
    retrievers: z.array(givenRetriever).min(1),
    retrievalProfile: z.enum(RETRIEVAL_PROFILES),
    metricProfile: nameAmong(metricProfileNames),
    topK: positive,
    /** By what the cross-file budget is divided, for pipelines that otherwise show as much text as soft tokens. */
    compressionRatio: ratio,
    /** Chunks that `expanded` shows as text, the best first. */
    expand: z.int().nonnegative(),
    sweep: z
      .strictObject({ topK: z.array(positive).min(1), compressionRatio: z.array(ratio).min(1) })
      .partial()
      .refine((axes) => Object.keys(axes).length > 0, 'expected topK, compressionRatio or both'),
    contextPlacement: z.enum(CONTEXT_PLACEMENTS),
    maxPromptTokens: positive,
    contextTokens: positive,
    /** Shard `index` of `count`, from 1; `auto` is the one that the scheduler of this process gave it. */
    shard: z.union([z.strictObject({ index: positive, count: positive }), z.literal('auto')], {
      error: 'expected "auto", or index and count, whole numbers of at least 1',
    }),
    /** Continue the run in `out`, if there is one. */
    resume: z.boolean(),
    /** Answer again what failed in the run that is continued. */
    retryFailed: z.boolean(),
    /** End the run when more records have failed: a number of them, or a share of all, such as `5%`. */
    maxFailures: z.union([z.int().nonnegative(), z.string().regex(/^\d+(\.\d+)?%$/)], {
      error: 'expected a whole number of at least 0, or a share such as "5%"',
    }),
    /** Whether the likelihood of the true completions is measured, where the decoder can tell it; true if absent. */
    likelihood: z.boolean(),
    /** Whether first tokens are timed; true if absent. */
    timing: z.boolean(),
    /** Tasks that are answered at the same time, where nothing is timed and the decoder takes several sequences at once. */
    concurrency: positive,
    /** Whether vectors of chunks are kept between runs; true if absent. */
    vectorCache: z.boolean(),
    /** Files of plug-ins, from the working folder. They are code that runs with the rights of the program. */
    plugins: z.array(text).min(1),
  })
  .partial();

/** What {@link runComparison} is asked; `{}` is the default run. */
export type ComparisonRequest = z.infer<typeof comparisonRequestSchema>;

/** The settings of a run without tasks. */
export const latencyRequestSchema = z
  .strictObject({
    ...sharedSettings,
    /** In tokens. */
    promptLengths: z
      .array(z.strictObject({ fullRag: positive, compressed: positive, noContext: positive.nullable() }))
      .min(1),
    /** Soft tokens of a compressed prompt. */
    softTokens: positive,
  })
  .partial();

/** What {@link measureLatencies} is asked; `{}` times the paper's lengths on the embedded decoder. */
export type LatencyRequest = z.infer<typeof latencyRequestSchema>;

/** A request as a run folder has it: an address of a server is written nowhere. */
export function withoutServers<R extends { readonly decoder?: string | undefined }>(request: R): R {
  const { decoder } = request;
  return decoder === undefined ? request : { ...request, decoder: withoutAddresses(decoder) };
}
