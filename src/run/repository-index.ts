/**
 * @file Index time: chunks every repository of a run and prepares its retrievers, before anything is timed.
 */

import type { CompletionTask, Repository } from '../domain/task.js';
import { buildCorpus } from '../retrieval/corpus.js';
import type { RetrievalProfile } from '../retrieval/profile.js';
import {
  createRetriever,
  type Retriever,
  type RetrieverName,
  type RetrieverResources,
} from '../retrieval/retriever.js';

export interface RepositoryIndex {
  /** The retriever over the task's repository. @throws {RangeError} If the task was not indexed. */
  retriever(name: RetrieverName, task: CompletionTask): Retriever;
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
 * Indexes what the tasks need: each of their repositories once, dense vectors only for chunks that are
 * a candidate for some task.
 *
 * @returns null if it was cancelled.
 */
export async function indexRepositories(
  tasks: readonly CompletionTask[],
  repository: (name: string) => Promise<Repository>,
  profile: RetrievalProfile,
  names: readonly RetrieverName[],
  resources: RetrieverResources,
  progress: IndexProgress,
): Promise<RepositoryIndex | null> {
  const targets = new Map<string, Set<string>>();
  for (const task of tasks) {
    const paths = targets.get(task.repository) ?? new Set<string>();
    targets.set(task.repository, paths.add(task.path));
  }
  const retrievers = new Map<string, ReadonlyMap<RetrieverName, Retriever>>();
  let chunkCount = 0;
  for (const name of names.length === 0 ? [] : targets.keys()) {
    const corpus = buildCorpus(await repository(name), profile);
    chunkCount += corpus.chunks.length;
    retrievers.set(name, new Map(names.map((kind) => [kind, createRetriever(kind, corpus, resources)])));
  }

  const work = [...retrievers].flatMap(([name, kinds]) =>
    [...kinds.values()].map((retriever) => ({ retriever, paths: [...targets.get(name)!] })),
  );
  progress.start(work.reduce((sum, { retriever, paths }) => sum + retriever.pending(paths), 0));
  for (const { retriever, paths } of work) {
    const isComplete = await retriever.prepare(paths, (count) => {
      progress.advance(count);
      return !progress.isCancelled();
    });
    if (!isComplete) return null;
  }

  return {
    chunkCount,
    retriever(name, task) {
      const found = retrievers.get(task.repository)?.get(name);
      if (found === undefined) throw new RangeError(`${task.repository} was not indexed for ${name}`);
      return found;
    },
  };
}
