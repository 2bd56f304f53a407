/**
 * @file One journal line: the outcome of one task under one configuration.
 *
 * The schema serves both directions: what is appended has this type, and what is read back, possibly
 * written by another version or damaged, is checked against it.
 */

import { z } from 'zod';
import { STOP_REASONS } from '../generation/generate.js';
import type { PipelineName } from '../pipelines/kinds.js';
import type { RetrieverName } from '../retrieval/kinds.js';

/** One row of the comparison. A pipeline without retrieval runs once, without a retriever and without a top-k. */
export interface Configuration {
  readonly pipeline: PipelineName;
  readonly retriever: RetrieverName | null;
  /** Chunks asked for; fewer may be shown. */
  readonly topK: number | null;
  /** By what the text budget is divided; absent where none was asked for, or where the pipeline obeys none. */
  readonly compressionRatio?: number;
}

/** The fields of a configuration in foreign data. Names are open: the spec of a run says which it has. */
export const configurationShape = {
  pipeline: z.string().min(1),
  retriever: z.string().min(1).nullable(),
  topK: z.int().positive().nullable(),
  compressionRatio: z.exactOptional(z.number().positive()),
};

/** The configuration of something that has more fields. */
export function configurationOf({
  pipeline,
  retriever,
  topK,
  compressionRatio,
}: Configuration): Configuration {
  return { pipeline, retriever, topK, ...(compressionRatio === undefined ? {} : { compressionRatio }) };
}

const milliseconds = z.number().nonnegative();

const timingSchema = z.strictObject({
  /** Query and ranking on a finished index. */
  retrieveMs: milliseconds,
  tokenizeMs: milliseconds,
  encodeMs: milliseconds,
  projectMs: milliseconds,
  /** Calls of the decoder by which a pipeline chooses what it shows; absent where it makes none. */
  modelMs: z.exactOptional(milliseconds),
  /** From handing over the input embeddings to the first token id on the host. */
  prefillMs: milliseconds,
  /** Prompt embedding and prefill, soft tokens precomputed: the median of the samples. */
  ttftMs: milliseconds,
  /** retrieve + tokenize + encode + project + model + ttft. */
  ttftColdMs: milliseconds,
  decodeMs: milliseconds,
  ttftSamplesMs: z.array(milliseconds).min(1),
  /**
   * The same prompt timed a second time, in a place of its own among the configurations of the task: what
   * two timings of one thing differ by. Only the first configuration of a run has one.
   */
  control: z.strictObject({ ttftMs: milliseconds, ttftSamplesMs: z.array(milliseconds).min(1) }).nullable(),
  /**
   * The same prompt of text sent as embeddings, where the decoder is behind a wire and took it as ids: what the transport
   * of embeddings costs. Absent elsewhere.
   */
  embedded: z.exactOptional(
    z.strictObject({ ttftMs: milliseconds, ttftSamplesMs: z.array(milliseconds).min(1) }),
  ),
});

/** A number of nats; sums of rounded numbers need no more digits. */
const nats = z.number().nonnegative();

/**
 * How likely the true completion was to the decoder: its cross entropy behind the very prompt that was answered,
 * teacher-forced, in nats.
 */
const likelihoodSchema = z.strictObject({
  /** Of the whole reference, its end included. */
  referenceNats: nats,
  /** Of its last token, which holds the end; null where the reference has no end. */
  endNats: nats.nullable(),
  /** Positions, the end included. */
  referenceTokens: z.int().positive(),
  /** Code points of the reference without its end: the same for every decoder. */
  referenceCharacters: z.int().nonnegative(),
  /** Of each position, rounded to 10^-4; their texts are in the task's evidence. */
  tokenNats: z.array(nats),
});

const common = {
  taskId: z.string(),
  repository: z.string(),
  /** Whether the hole uses an identifier of another file; null where the dataset does not say. */
  crossFile: z.boolean().nullable(),
  ...configurationShape,
};

const chunkSchema = z.strictObject({
  path: z.string(),
  /** Null, both, and the score too, where a benchmark ships chunks without them. */
  startLine: z.int().positive().nullable(),
  endLine: z.int().positive().nullable(),
  score: z.number().nullable(),
  /** Where the chunk is of another repository than the task: lent by another task. */
  repository: z.string().optional(),
});

export const FAILURE_STAGES = ['retrieve', 'prepare', 'prefill', 'likelihood', 'decode', 'score'] as const;

const recordSchema = z.discriminatedUnion('status', [
  z.strictObject({
    ...common,
    status: z.literal('scored'),
    /** The part that was compared with the reference. */
    completion: z.string(),
    /** All that was generated. */
    rawCompletion: z.string(),
    exactMatch: z.union([z.literal(0), z.literal(1)]),
    /** A fraction in [0, 1]. */
    editSimilarity: z.number().min(0).max(1),
    /** Scores that the metric profile adds, fractions in [0, 1]. */
    extras: z.record(z.string(), z.number().min(0).max(1)).optional(),
    promptTokens: z.int().positive(),
    softTokens: z.int().nonnegative(),
    /** Tokens of the prompt that are cross-file text; 0 where there is none of it. */
    contextTokens: z.int().nonnegative(),
    /** How much of the cross-file block those tokens spell: its first so many UTF-16 units. */
    contextCharacters: z.int().nonnegative(),
    /** That text itself, where a pipeline makes it in its own way; absent where path and text of the chunks give it. */
    contextText: z.string().optional(),
    chunks: z.array(chunkSchema),
    /** Absent where it was not measured. */
    likelihood: likelihoodSchema.optional(),
    generatedTokens: z.int().nonnegative(),
    stopReason: z.enum(STOP_REASONS),
    /** Absent where the run is not timed. */
    timing: z.exactOptional(timingSchema),
  }),
  z.strictObject({
    ...common,
    status: z.literal('failed'),
    error: z.strictObject({ stage: z.enum(FAILURE_STAGES), message: z.string() }),
  }),
  z.strictObject({
    ...common,
    status: z.literal('skipped'),
    /** `no-reference`: the metric profile has no value for the task's reference. */
    reason: z.enum(['prompt-too-long', 'no-reference']),
    /** Null where no prompt was made. */
    promptTokens: z.int().positive().nullable(),
  }),
]);

export type TaskRecord = z.infer<typeof recordSchema>;
export type ScoredRecord = Extract<TaskRecord, { status: 'scored' }>;
export type Timing = z.infer<typeof timingSchema>;
export type Likelihood = z.infer<typeof likelihoodSchema>;
export type FailureStage = (typeof FAILURE_STAGES)[number];

/** Checks a parsed journal line; the message names the first field that is wrong. */
export function parseRecord(value: unknown): TaskRecord | { readonly problem: string } {
  const parsed = recordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return {
    problem: issue === undefined ? 'not a record' : `${issue.path.join('.') || 'record'}: ${issue.message}`,
  };
}

/** Identifies a record within a journal. */
export function recordKey(
  taskId: string,
  { pipeline, retriever, topK, compressionRatio }: Configuration,
): string {
  const ratio = compressionRatio === undefined ? [] : [compressionRatio];
  return JSON.stringify([taskId, pipeline, retriever, topK, ...ratio]);
}

/** What tells the pipelines of a run apart: the name, with the compression ratio where there is one. */
export function pipelineKey({ pipeline, compressionRatio }: Configuration): string {
  return compressionRatio === undefined ? pipeline : `${pipeline} ${compressionRatio}x`;
}

/** Whether two rows are the same one. */
export function isSameConfiguration(a: Configuration, b: Configuration): boolean {
  return (
    a.pipeline === b.pipeline &&
    a.retriever === b.retriever &&
    a.topK === b.topK &&
    a.compressionRatio === b.compressionRatio
  );
}

/**
 * For people: `no-context`, `full-rag/bm25`, in a run with several top-k `full-rag/bm25 k=5`, and with a compression
 * ratio `budget-rag/bm25 4x`.
 *
 * @param topKs Those of the whole run.
 */
export function configurationLabel(
  { pipeline, retriever, topK, compressionRatio }: Configuration,
  topKs: readonly number[],
): string {
  if (retriever === null) return pipeline;
  const ratio = compressionRatio === undefined ? '' : ` ${compressionRatio}x`;
  return `${pipeline}/${retriever}${topKs.length > 1 ? ` k=${topK}` : ''}${ratio}`;
}
