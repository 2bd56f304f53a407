/**
 * @file The form in which a page holds its tasks. Compact (tuples, every chunk once), since a run of 1,600 tasks
 * has over ten thousand completions: `explorer-data.ts` writes it, `page/tasks.ts` reads it back.
 */

import type { Language } from '../../domain/task.js';
import type { PipelineKind } from '../../pipelines/kinds.js';
import type { Configuration } from '../../run/record.js';

export type PackedResult =
  | readonly [
      kind: 's',
      exactMatch: 0 | 1,
      /** Percent. */
      editSimilarity: number,
      /** Null, both, where the run is not timed. */
      ttftMs: number | null,
      ttftColdMs: number | null,
      promptTokens: number,
      softTokens: number,
      contextTokens: number,
      contextCharacters: number,
      generatedTokens: number,
      completion: string,
      /** Into the task's lists. */
      list: number,
      /** Text that the pipeline made in its own way, where the prompt is held; null where there is none. */
      contextText?: string | null,
      /** Nats of each position of the reference, where they were measured. */
      tokenNats?: readonly number[],
    ]
  | readonly [kind: 'f', stage: string, message: string]
  | readonly [kind: 'k', promptTokens: number | null];

/** Chunk and score, best first. */
export type PackedList = readonly (readonly [chunk: number, score: number | null])[];

export interface PackedTask {
  readonly id: string;
  readonly repository: string;
  readonly crossFile: 0 | 1 | null;
  /** One a configuration, in their order; null where the run has no record. */
  readonly results: readonly (PackedResult | null)[];
  /** Of each retriever and top-k; empty where the prompt is not held. */
  readonly lists: readonly PackedList[];
  /** Null where the run folder has no tasks.jsonl. */
  readonly source: {
    readonly path: string;
    readonly language: Language;
    readonly reference: string;
    readonly left: string;
    readonly right: string;
    /** The text of each position of the reference, a stop token as empty text; absent without likelihood. */
    readonly pieces?: readonly string[];
    /** Whether left, right and chunks are all there, or a few lines around the hole only. */
    readonly isWhole: boolean;
  } | null;
}

export type PackedChunk = readonly [
  path: string,
  /** Null, both, where the benchmark does not state them. */
  startLine: number | null,
  endLine: number | null,
  /** Into the texts. */
  text: number,
  /** Into the texts: what text pipelines show of it; null where that is made from path and text. */
  shown: number | null,
  /** Where it is of another repository than the task. */
  repository?: string,
];

export interface PackedTasks {
  readonly configurations: readonly Configuration[];
  /** The rows of pipelines that the program itself has not; absent where there are none. */
  readonly kinds?: readonly PipelineKind[];
  readonly placement: string;
  /** Vectors of the constant prompt that pipelines share; 0 without one. */
  readonly constants: number;
  readonly texts: readonly string[];
  readonly chunks: readonly PackedChunk[];
  /** By id; of a large run not all. */
  readonly tasks: readonly PackedTask[];
  /** Tasks of the run. */
  readonly total: number;
  /** Tasks whose prompts are held. */
  readonly whole: number;
}
