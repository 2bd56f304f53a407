/**
 * @file What a probe can be asked: the settings of a run that decide its soft tokens, and two of its own.
 */

import { z } from 'zod';
import { pipelineInRole } from '../pipelines/kinds.js';
import { DEFAULT_RETRIEVERS } from '../retrieval/kinds.js';
import { comparisonRequestSchema, type ComparisonRequest } from './request.js';

const run = comparisonRequestSchema.shape;
const positive = z.int().positive().optional();

export const probeRequestSchema = z.strictObject({
  dataset: run.dataset,
  repos: run.repos,
  format: run.format,
  language: run.language,
  limit: run.limit,
  tasks: run.tasks,
  skipInvalid: run.skipInvalid,
  model: run.model,
  decoder: run.decoder,
  tokenizer: run.tokenizer,
  encoder: run.encoder,
  projector: run.projector,
  softPrompt: run.softPrompt,
  retrieverEncoder: run.retrieverEncoder,
  promptFamily: run.promptFamily,
  promptTemplate: run.promptTemplate,
  encoderInput: run.encoderInput,
  /** The chunks of all of them are measured; prompts show those of the first. */
  retrievers: run.retrievers,
  retrievalProfile: run.retrievalProfile,
  metricProfile: run.metricProfile,
  topK: run.topK,
  contextPlacement: run.contextPlacement,
  maxPromptTokens: run.maxPromptTokens,
  maxNewTokens: run.maxNewTokens,
  device: run.device,
  dtype: run.dtype,
  threads: run.threads,
  requireDevice: run.requireDevice,
  seed: run.seed,
  vectorCache: run.vectorCache,
  plugins: run.plugins,
  out: run.out,
  /** Most chunks whose vectors are measured. */
  chunks: positive,
  /** Longest continuation in which the names of a chunk are looked for. */
  recallTokens: positive,
});

/** What {@link probeCompressor} is asked; `{}` probes the embedded model. */
export type ProbeRequest = z.infer<typeof probeRequestSchema>;

/** Tasks of a probe that names none: each takes eleven completions. */
const USUAL_TASKS = 40;
/** All pairs of so many are compared within seconds. */
const USUAL_CHUNKS = 2000;
const USUAL_RECALL_TOKENS = 32;

/** The two settings of its own, and the others as a run of `compressed` alone has them. */
export function probeSettings({ chunks, recallTokens, ...request }: ProbeRequest): {
  readonly asked: ComparisonRequest;
  readonly limits: { readonly chunks: number; readonly recallTokens: number };
} {
  const { limit = request.tasks === undefined ? USUAL_TASKS : undefined, retrievers, ...rest } = request;
  return {
    asked: {
      ...rest,
      ...(limit === undefined ? {} : { limit }),
      pipelines: [pipelineInRole('soft-tokens')],
      retrievers: retrievers ?? DEFAULT_RETRIEVERS.slice(0, 1),
    },
    limits: { chunks: chunks ?? USUAL_CHUNKS, recallTokens: recallTokens ?? USUAL_RECALL_TOKENS },
  };
}
