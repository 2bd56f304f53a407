/**
 * @file How good retrieval is by itself: per retriever, over the tasks of a dataset.
 */

import { numbered } from '../../statistics/clusters.js';
import { estimateMean } from '../../statistics/paired.js';
import { wilson } from '../../statistics/proportions.js';
import { mean, type Interval } from '../../statistics/statistics.js';
import type { ContextQuality } from '../../retrieval/quality.js';
import type { RetrieverName } from '../../retrieval/kinds.js';

/** A mean over the tasks that have a value, as a fraction. */
export interface ShareOfTasks {
  /** Tasks with a value. */
  readonly n: number;
  readonly mean: number | null;
  /**
   * 95 %: over repositories where there are six or more, else over tasks; null below two tasks. Wilson's for a
   * yes or no.
   */
  readonly ci95: Interval | null;
}

export interface RetrievalRow {
  readonly retriever: RetrieverName;
  readonly chunksPerTask: number;
  readonly tasksWithoutChunks: number;
  readonly identifiers: ShareOfTasks;
  readonly newIdentifiers: ShareOfTasks;
  readonly holdsLine: ShareOfTasks;
}

export interface RetrievalReport {
  readonly schema: 'llava-eval/retrieval-report@1';
  readonly dataset: string;
  readonly tasks: number;
  readonly retrievalProfile: string;
  readonly query: string;
  readonly strictReference: boolean;
  /** Whether the query contained the answer. */
  readonly leaks: boolean;
  readonly topK: number;
  /** The encoder of dense retrievers; null where none was used. */
  readonly retrieverEncoder: string | null;
  /** Tasks that got nothing from anyone, by reason. */
  readonly unanswered: Readonly<Record<string, number>>;
  readonly rows: readonly RetrievalRow[];
}

/** The quality of one task's chunks, and the repository it belongs to. */
export interface TaskQuality extends ContextQuality {
  readonly repository: string;
}

/** The row of one retriever. */
export function retrievalRow(retriever: RetrieverName, tasks: readonly TaskQuality[]): RetrievalRow {
  return {
    retriever,
    chunksPerTask: mean(tasks.map(({ chunks }) => chunks)) ?? 0,
    tasksWithoutChunks: tasks.filter(({ chunks }) => chunks === 0).length,
    identifiers: shareOf(tasks, (task) => task.identifiers),
    newIdentifiers: shareOf(tasks, (task) => task.newIdentifiers),
    holdsLine: proportionOf(tasks.map(({ holdsLine }) => holdsLine)),
  };
}

function shareOf(tasks: readonly TaskQuality[], valueOf: (task: TaskQuality) => number | null): ShareOfTasks {
  const known = tasks.flatMap((task) => {
    const value = valueOf(task);
    return value === null ? [] : [{ value, repository: task.repository }];
  });
  const values = Float64Array.from(known, ({ value }) => value);
  const { ci95 } = estimateMean({ values, ...numbered(known.map(({ repository }) => repository)) }, 'graded');
  return {
    n: values.length,
    mean: mean(values),
    ci95: ci95 === null ? null : [ci95[0] / 100, ci95[1] / 100],
  };
}

function proportionOf(values: readonly (boolean | null)[]): ShareOfTasks {
  const known = values.filter((value) => value !== null);
  const yes = known.filter((value) => value).length;
  const n = known.length;
  return n === 0 ? { n, mean: null, ci95: null } : { n, mean: yes / n, ci95: wilson(yes, n) };
}
