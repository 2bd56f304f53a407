/**
 * @file What a plug-in can bring: pipelines, retrievers, metric profiles and record formats, as their authors write
 * them down.
 *
 * A definition is a plain object with functions. `define…` only adds the tag by which the program knows it, and lets an
 * editor check its fields; the program checks all of them again when it loads the plug-in.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';
import type { EsFormula, ExtraScore, ScoringTask, TaskScore } from '../metrics/profile.js';
import type { ContextForm, Relation, SoftTokenNeed } from '../pipelines/kinds.js';

/** A task as a method may see it: without the reference, which is the answer. Frozen. */
export type VisibleTask = Pick<
  CompletionTask,
  'id' | 'repository' | 'path' | 'language' | 'prefix' | 'suffix'
>;

/** One part of what a prompt shows of other files, in the order of the prompt. */
export type PluginPart =
  /** Text; the program tokenizes it. */
  | { readonly kind: 'text'; readonly text: string }
  /** Ids of the decoder's vocabulary. */
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  /** Vectors that stand in the places of token embeddings: each as wide as the decoder, every number finite. */
  | { readonly kind: 'vectors'; readonly vectors: readonly (Float32Array | readonly number[])[] };

/** What a pipeline works with while it makes one prompt. */
export interface PipelineTools {
  /** Most tokens of text and ids in the prompt; the program cuts what is more off the end. */
  readonly budgetTokens: number;
  /** Of the run. Take whatever is random from it, so that a run can be repeated. */
  readonly seed: number;
  /** Width of the decoder's embeddings. */
  readonly width: number;
  /** Soft tokens that a chunk has, or would have. */
  readonly tokensPerChunk: number;
  /** Token ids of a text in the decoder's vocabulary. */
  encode(text: string): number[];
  /** The text of token ids. */
  decode(ids: readonly number[]): string;
  /**
   * The chunks as soft tokens, by the encoder and the projector of the run: `tokensPerChunk` vectors a chunk. Only for
   * pipelines whose `needs.softTokens` is `vectors`.
   */
  softTokens(chunks: readonly RetrievedChunk[]): Promise<Float32Array[]>;
  /**
   * How surprising ids are to the decoder behind others, in nats: the sum of -log p. Only for pipelines whose
   * `needs.scorer` is true.
   *
   * @param before At least one id.
   */
  nats(before: readonly number[], ids: readonly number[]): Promise<number>;
}

export interface PipelineDefinition {
  /** In flags, journals and reports: lower case letters, digits and hyphens. */
  readonly name: string;
  /** A noun phrase for sentences: "NAME is TITLE". */
  readonly title: string;
  readonly needs?:
    | {
        /** Chunks of a retriever; true if absent. Without them the pipeline runs once, not once per retriever. */
        readonly retrieval?: boolean | undefined;
        /**
         * `none` if absent: text within `--context-tokens`. `length`: text as long as soft tokens would be, or as
         * `--compression-ratio` says. `vectors`: the encoder and the projector of the run.
         */
        readonly softTokens?: SoftTokenNeed | undefined;
        /** Whether it asks for `nats`; false if absent. */
        readonly scorer?: boolean | undefined;
      }
    | undefined;
  /** `own-text`, `soft-tokens` or both. If absent: `own-text`, and both where `vectors` are needed. */
  readonly shows?: readonly Extract<ContextForm, 'own-text' | 'soft-tokens'>[] | undefined;
  /** What reports compare it with. If absent: `no-context` as baseline and `full-rag` as full text. */
  readonly against?: readonly Relation[] | undefined;
  /** The pipelines for which it is a base. */
  readonly isBaseOf?: readonly Relation[] | undefined;
  /**
   * Makes the context of one prompt. Its time counts as tokenizing, but for the soft tokens that it asks for.
   *
   * @param chunks Best first; may be empty. Frozen.
   */
  readonly prepare: (
    task: VisibleTask,
    chunks: readonly RetrievedChunk[],
    tools: PipelineTools,
  ) => readonly PluginPart[] | Promise<readonly PluginPart[]>;
}

/** A chunk of a repository as a retriever scores it. */
export interface IndexedChunk {
  readonly path: string;
  /** First and last line, from 1, inclusive. */
  readonly startLine: number;
  readonly endLine: number;
  readonly text: string;
}

/** Scores all chunks of one repository for one query: a number a chunk, higher is better, none NaN. */
export type ChunkScorer = (
  query: string,
  task: Pick<VisibleTask, 'path' | 'prefix' | 'suffix'>,
) => ArrayLike<number> | Promise<ArrayLike<number>>;

export interface RetrieverDefinition {
  /** In flags, journals and reports: lower case letters, digits and hyphens. */
  readonly name: string;
  /** What it compares, in a few words. */
  readonly title: string;
  /**
   * Index time: what is asked for every query of a repository. The retrieval profile has cut the chunks, makes the
   * query, keeps the chunks that a task may be given, and says what is shown for a match.
   */
  readonly index: (chunks: readonly IndexedChunk[]) => ChunkScorer | Promise<ChunkScorer>;
}

export interface MetricProfileDefinition {
  /** In flags and configuration files: lower case letters, digits and hyphens. */
  readonly name: string;
  /** A whole number that you raise whenever a score can change: runs record `name@version`. */
  readonly version: number;
  /** What EM compares, in words, for reports. */
  readonly rule: string;
  /** `levenshtein` if absent; `own` where `score` gives a similarity of its own. */
  readonly formula?: EsFormula | undefined;
  /** Scores beside EM and ES, fractions in [0, 1]. */
  readonly extras?: readonly ExtraScore[] | undefined;
  /** The part of a completion that is compared with the reference. */
  readonly compared: (completion: string, task: Readonly<ScoringTask>) => string;
  /** EM is 0 or 1; ES a fraction, the Levenshtein similarity of both texts if absent. */
  readonly score: (
    compared: string,
    task: Readonly<ScoringTask>,
  ) => Omit<TaskScore, 'editSimilarity'> & { readonly editSimilarity?: number | undefined };
  /** Whether nothing that follows can change what is compared, so that decoding may end early; never if absent. */
  readonly isSettled?: ((completion: string, task: Readonly<ScoringTask>) => boolean) | undefined;
}

/** What a row says beside its fields. */
export interface RowPlace {
  /** The name of the file without its ending. */
  readonly split: string;
  /** The number of the row in its file, from 0. */
  readonly index: number;
}

export interface RecordFormatDefinition {
  /** What `--format` calls it: lower case letters, digits and hyphens. */
  readonly name: string;
  /** For people, in one line. */
  readonly title: string;
  /** Fields by which a row is recognised, dotted; any one of the lists. */
  readonly needs: readonly (readonly string[])[];
  /**
   * Turns a row into tasks and invents nothing: `crossFile` is null where the row does not say it. What it throws is an
   * error of the data and names the row.
   */
  readonly read: (row: Readonly<Record<string, unknown>>, place: RowPlace) => readonly RecordedTask[];
}

/** A task as a row of a file states it. */
export type RecordedTask = Pick<
  CompletionTask,
  'repository' | 'path' | 'language' | 'prefix' | 'reference' | 'suffix' | 'crossFile'
> & {
  readonly id: string;
  /** Folder of the repository's files, relative to the file of rows; absent where `--repos` has them by name. */
  readonly repositoryDir?: string | undefined;
};

/** A definition, tagged. */
export type PluginDefinition =
  | (PipelineDefinition & { readonly defines: 'llava-eval/pipeline@1' })
  | (RetrieverDefinition & { readonly defines: 'llava-eval/retriever@1' })
  | (MetricProfileDefinition & { readonly defines: 'llava-eval/metric-profile@1' })
  | (RecordFormatDefinition & { readonly defines: 'llava-eval/record-format@1' });

type Tagged<T, Tag extends PluginDefinition['defines']> = T & { readonly defines: Tag };

/**
 * A pipeline: from chunks to what stands in the context of a prompt.
 *
 * @example
 * export default definePipeline({
 *   name: 'best-chunk',
 *   title: 'the text of the best chunk',
 *   prepare: (task, chunks) => chunks.slice(0, 1).map(({ text }) => ({ kind: 'text', text })),
 * });
 */
export function definePipeline(
  definition: PipelineDefinition,
): Tagged<PipelineDefinition, 'llava-eval/pipeline@1'> {
  return { ...definition, defines: 'llava-eval/pipeline@1' };
}

/**
 * A retriever: scores the chunks of a repository for a query.
 *
 * @example
 * export default defineRetriever({
 *   name: 'shortest',
 *   title: 'length of the chunk',
 *   index: (chunks) => () => chunks.map(({ text }) => -text.length),
 * });
 */
export function defineRetriever(
  definition: RetrieverDefinition,
): Tagged<RetrieverDefinition, 'llava-eval/retriever@1'> {
  return { ...definition, defines: 'llava-eval/retriever@1' };
}

/**
 * A metric profile: what is compared with the reference, and how it is scored.
 *
 * @example
 * export default defineMetricProfile({
 *   name: 'any-case',
 *   version: 1,
 *   rule: 'the first line in any case',
 *   compared: (completion) => completion.split('\n', 1)[0].toLowerCase(),
 *   score: (compared, { reference }) => ({ exactMatch: compared === reference.toLowerCase() ? 1 : 0 }),
 * });
 */
export function defineMetricProfile(
  definition: MetricProfileDefinition,
): Tagged<MetricProfileDefinition, 'llava-eval/metric-profile@1'> {
  return { ...definition, defines: 'llava-eval/metric-profile@1' };
}

/**
 * A record format: from a row of a file to tasks.
 *
 * @example
 * export default defineRecordFormat({
 *   name: 'my-lines',
 *   title: 'lines of my own',
 *   needs: [['before', 'line']],
 *   read: ({ before, line }, { index }) => [
 *     { id: `${index}`, repository: 'mine', path: 'a.ts', language: 'typescript',
 *       prefix: before, reference: line, suffix: '', crossFile: null },
 *   ],
 * });
 */
export function defineRecordFormat(
  definition: RecordFormatDefinition,
): Tagged<RecordFormatDefinition, 'llava-eval/record-format@1'> {
  return { ...definition, defines: 'llava-eval/record-format@1' };
}
