/**
 * @file Index time: cuts repositories into chunks and prepares their retrievers, so that tasks can be answered.
 *
 * A run indexes all its repositories at once, before anything is timed. Whoever only wants the chunks of many
 * tasks indexes one repository after the other (`task-chunks.ts`).
 */

import type { CompletionTask, Repository } from '../domain/task.js';
import { wordsOf } from '../domain/text.js';
import type { WordCounts } from '../pipelines/pipeline.js';
import { buildCorpus, type Corpus } from '../retrieval/corpus/corpus.js';
import type { Asking, RetrievalProfile } from '../retrieval/profile.js';
import { searchesRepository, type RetrieverName } from '../retrieval/kinds.js';
import type { RetrieverResources } from '../retrieval/rankers/ranker.js';
import { createRetrievers, prepareAll, type RetrieverSet } from '../retrieval/retriever.js';
import { asShipped, type ChunkSource } from '../retrieval/shipped.js';
import type { Terms } from '../domain/terms.js';

/** Everything that decides how a repository is cut and asked. */
export interface RetrievalSetting {
  readonly profile: RetrievalProfile;
  readonly asking: Asking;
  readonly terms: Terms;
}

/** What is to be indexed, for which questions. */
export interface IndexRequest {
  readonly tasks: readonly CompletionTask[];
  /** Asked once for each repository that a retriever searches. */
  readonly repository: (name: string) => Promise<Repository>;
  readonly setting: RetrievalSetting;
  readonly retrievers: readonly RetrieverName[];
  readonly resources: RetrieverResources;
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
  /** Counts the words of all repositories. It takes a while, and its result is to be kept. */
  wordCounts(): (repository: string) => WordCounts;
}

/** Told how much there is to encode before it starts, and after each batch. */
export interface IndexProgress {
  start(chunksToEncode: number): void;
  advance(chunks: number): void;
  /** Checked after each batch: a true value ends the work. */
  isCancelled(): boolean;
}

/**
 * Indexes what the tasks need: each of their repositories once, if any of the retrievers searches it, and dense
 * vectors only of chunks that are a candidate for some task. The chunks of all repositories are encoded
 * together.
 *
 * @returns null if it was cancelled.
 */
export async function indexRepositories(
  { tasks, repository, setting, retrievers, resources }: IndexRequest,
  progress: IndexProgress,
): Promise<RepositoryIndex | null> {
  const searches = retrievers.filter(searchesRepository);
  const groups = searches.length === 0 ? [] : byRepository(tasks);
  const sets = new Map<string, RetrieverSet>();
  const corpora = new Map<string, Corpus>();
  let chunkCount = 0;
  for (const { name } of groups) {
    const corpus = buildCorpus(await repository(name), setting.profile, setting.terms);
    corpora.set(name, corpus);
    chunkCount += corpus.chunks.length;
    sets.set(name, createRetrievers(searches, corpus, setting.asking, resources));
  }

  const isComplete = await prepareAll(
    groups.map(({ name, tasks }) => ({ set: sets.get(name)!, tasks })),
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
    wordCounts: () => countWords(corpora),
    retriever(name, task) {
      if (!searchesRepository(name)) return asShipped;
      const set = sets.get(task.repository);
      if (set === undefined) throw new RangeError(`${task.repository} was not indexed`);
      return set.get(name);
    },
  };
}

/** In how many chunks each word stands, by repository. */
function countWords(corpora: ReadonlyMap<string, Corpus>): (repository: string) => WordCounts {
  const counted = new Map<string, WordCounts>();
  for (const [name, { chunks }] of corpora) {
    const counts = new Map<string, number>();
    for (const { text } of chunks) {
      for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    counted.set(name, { chunks: chunks.length, of: (word) => counts.get(word) ?? 0 });
  }
  return (repository) => counted.get(repository) ?? NO_WORDS;
}

/** Of a repository that no retriever searches. */
const NO_WORDS: WordCounts = { chunks: 0, of: () => 0 };

/** The tasks of one repository. */
export interface RepositoryTasks {
  readonly name: string;
  readonly tasks: readonly CompletionTask[];
}

/** Tasks by repository, repositories in order of first use. */
export function byRepository(tasks: readonly CompletionTask[]): readonly RepositoryTasks[] {
  const groups = new Map<string, CompletionTask[]>();
  for (const task of tasks) {
    const group = groups.get(task.repository);
    if (group === undefined) groups.set(task.repository, [task]);
    else group.push(task);
  }
  return [...groups].map(([name, group]) => ({ name, tasks: group }));
}
