/**
 * @file What a run is executed with: the plan, the parts that carry it out, and what the stages of one task share.
 */

import type { Clock } from '../domain/clock.js';
import type { CompletionTask } from '../domain/task.js';
import type { ReferenceEnd } from '../generation/reference.js';
import type { ContinuationScorer, Decoder } from '../inference/decoder.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import type { MetricProfile } from '../metrics/profile.js';
import type { Pipeline } from '../pipelines/pipeline.js';
import type { PromptFormat } from '../prompt/fim.js';
import type { RetrieverName } from '../retrieval/kinds.js';
import type { ChunkSource } from '../retrieval/shipped.js';
import type { Rng } from '../tensor/rng.js';
import type { Lender } from './lender.js';
import type { Phase } from './phases.js';
import type { Configuration } from './record.js';
import type { TaskRecords } from './task-records.js';

export interface ExecutionPlan {
  readonly tasks: readonly CompletionTask[];
  /** The first is the reference: where the run is timed, each task times it twice. */
  readonly configurations: readonly Configuration[];
  readonly maxNewTokens: number;
  readonly timing: TimingPlan;
  readonly seed: number;
}

/** Whether first tokens are timed. Tasks overlap only where nothing is timed, since they would wait for each other. */
export type TimingPlan =
  | {
      readonly kind: 'timed';
      /** Timed prefills for each configuration and task, at least 1; all samples are kept. */
      readonly ttftRepeats: number;
    }
  | {
      readonly kind: 'not-timed';
      /** Tasks that are answered at the same time, at least 1; more than 1 needs a decoder that is `concurrent`. */
      readonly tasksAtOnce: number;
    };

export interface ExecutionParts {
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly format: PromptFormat;
  readonly metrics: MetricProfile;
  /** What scores the references, and how the decoder ends a line; null where their likelihood is not measured. */
  readonly likelihood: { readonly scorer: ContinuationScorer; readonly end: ReferenceEnd } | null;
  /** Who lends chunks to pipelines that must not see their own; null where no configuration borrows. */
  readonly lender: Lender | null;
  /** By `pipelineKey` (`record.ts`): one for each pipeline and compression ratio. */
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  /** A retriever over the task's repository, prepared for its file, or what the task brings along. */
  readonly retriever: (name: RetrieverName, task: CompletionTask) => ChunkSource;
  readonly clock: Clock;
}

/** What the loop does with a task, one after the other; where tasks overlap, all of it is `answering`. */
export type TaskPhase = Extract<
  Phase,
  'retrieval' | 'prompts' | 'prefill' | 'likelihood' | 'decoding' | 'recording' | 'answering'
>;

/** What all stages of one task work on. */
export interface TaskWork {
  readonly task: CompletionTask;
  readonly plan: ExecutionPlan;
  readonly parts: ExecutionParts;
  /** Of the seed and the task alone. */
  readonly rng: Rng;
  /** A configuration that cannot go on has its record here. */
  readonly records: TaskRecords;
  readonly onPhase: (phase: TaskPhase) => void;
}
