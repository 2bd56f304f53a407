/**
 * @file What a gate sets against each other, and what it says about it.
 */

import type { OutcomeColumn } from '../report/numbers/outcomes.js';

export type Outcome = 'passed' | 'failed' | 'inconclusive';

/** One thing a run is held to. Numbers are for display; `reason` says in words what decided. */
export interface Check {
  readonly kind: 'exact-match' | 'edit-similarity' | 'likelihood' | 'ttft-ratio' | 'ttft' | 'tasks';
  /** `compressed/bm25`, or `compressed/bm25 : full-rag` for a ratio. */
  readonly subject: string;
  readonly outcome: Outcome;
  /** Percent, nats a token, a ratio, milliseconds or a number of tasks, by kind; null where there is none. */
  readonly baseline: number | null;
  readonly run: number | null;
  /**
   * Points, nats a token, tasks, or of times a factor minus 1: the median over tasks of what became of each, which need
   * not be the quotient of the medians beside it. Null where one side is missing.
   */
  readonly change: number | null;
  readonly reason: string;
  /** About how many more tasks an inconclusive check needs; null where tasks would not help. */
  readonly moreTasks: number | null;
}

/** What a gate reads of either side: the same tasks in the same order. */
export interface GateSide {
  readonly columns: readonly OutcomeColumn[];
  readonly unscored: ReadonlyMap<OutcomeColumn, { readonly failed: number; readonly skipped: number }>;
  /** Whether it has times at all: a run with `--no-timing` has none. */
  readonly isTimed: boolean;
  /** Median of the A/A ratio; null where nothing was timed twice. */
  readonly noise: number | null;
}

/** A configuration of the baseline on both sides. */
export interface Pair {
  readonly before: OutcomeColumn;
  /** Undefined where the run has no such configuration. */
  readonly after: OutcomeColumn | undefined;
  readonly subject: string;
}
