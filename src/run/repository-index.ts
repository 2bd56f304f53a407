/**
 * @file Index time: chunks every repository of a run and prepares its retrievers, before anything is timed.
 */

import type { CompletionTask, Repository } from '../domain/task.js';
import { buildCorpus } from '../retrieval/corpus.js';
import type { Asking, RetrievalProfile } from '../retrieval/profile.js';
import { searchesOf, type RetrieverName } from '../retrieval/kinds.js';
import type { RetrieverResources } from '../retrieval/ranker.js';
import { createRetrievers, prepareAll, type RetrieverSet } from '../retrieval/retriever.js';
import { asShipped, type ChunkSource } from '../retrieval/shipped.js';
import type { Terms } from '../domain/terms.js';

/** Everything that decides how a repository is cut and asked. */
export interface RetrievalSetting {
  readonly profile: RetrievalProfile;
  readonly asking: Asking;
  readonly terms: Terms;
}

export interface RepositoryIndex {
  /**
   * The retriever over the task's repository, or the chunks that the task brings along.
   *
   * @throws {RangeError} If the task was not indexed.
   */
  retriever(name: RetrieverName, task: CompletionTask): ChunkSource;
  /** Chunks over all repositories. */
  readonly chunkCount: number;
}

/** Told how much there is to encode before it starts, and after each batch. */
export interface IndexProgress {
  start(chunksToEncode: number): void;
  advance(chunks: number): void;
  /** Checked after each batch: a true value ends the work. */
  isCancelled(): boolean;
}

/**
 * Indexes what the tasks need: each of their repositories once, if any of the retrievers searches them, and
 * dense vectors only of chunks that are a candidate for some task, those of all repositories in one go.
 *
 * @returns null if it was cancelled.
 */
export async function indexRepositories(
  tasks: readonly CompletionTask[],
  repository: (name: string) => Promise<Repository>,
  setting: RetrievalSetting,
  names: readonly RetrieverName[],
  resources: RetrieverResources,
  progress: IndexProgress,
): Promise<RepositoryIndex | null> {
  const tasksOf = new Map<string, CompletionTask[]>();
  for (const task of tasks) {
    const known = tasksOf.get(task.repository);
    if (known === undefined) tasksOf.set(task.repository, [task]);
    else known.push(task);
  }
  const sets = new Map<string, RetrieverSet>();
  let chunkCount = 0;
  const searches = searchesOf(names);
  for (const name of searches.length === 0 ? [] : tasksOf.keys()) {
    const corpus = buildCorpus(await repository(name), setting.profile, setting.terms);
    chunkCount += corpus.chunks.length;
    sets.set(name, createRetrievers(searches, corpus, setting.asking, resources));
  }

  const isComplete = await prepareAll(
    [...sets].map(([name, set]) => ({ set, tasks: tasksOf.get(name)! })),
    resources,
    (chunks) => {
      progress.start(chunks);
    },
    (count) => {
      progress.advance(count);
      return !progress.isCancelled();
    },
  );
  if (!isComplete) return null;

  return {
    chunkCount,
    retriever(name, task) {
      if (name === 'as-shipped') return asShipped;
      const set = sets.get(task.repository);
      if (set === undefined) throw new RangeError(`${task.repository} was not indexed`);
      return set.get(name);
    },
  };
}
