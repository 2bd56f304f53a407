/**
 * @file Ranked chunks of many tasks, repository by repository: one is indexed, its tasks are answered, and
 * it is let go before the next.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import { DataError } from '../domain/errors.js';
import type { CompletionTask, Repository } from '../domain/task.js';
import { buildCorpus } from '../retrieval/corpus.js';
import { searchesOf, type RetrieverName } from '../retrieval/kinds.js';
import type { RetrieverResources } from '../retrieval/ranker.js';
import { createRetrievers, prepareAll } from '../retrieval/retriever.js';
import { asShipped } from '../retrieval/shipped.js';
import type { RetrievalSetting } from './repository-index.js';

/**
 * Why a task got nothing, as in the reference harnesses, which give such records an empty field. A file
 * that is not in its repository cannot be left out of it: under another path it would be retrieved,
 * answer and all.
 */
export type NoChunks = 'repository-missing' | 'file-missing' | 'nothing-to-retrieve';

/** What one task got from each retriever. */
export interface Retrieved {
  readonly task: CompletionTask;
  /** Best first; empty where `reason` says why. */
  readonly chunks: ReadonlyMap<RetrieverName, readonly RetrievedChunk[]>;
  readonly reason: NoChunks | null;
}

export interface RetrieveProgress {
  /** Encoding of a repository's chunks begins; retrieval goes on after as many `encoded`. */
  encoding(chunks: number): void;
  encoded(chunks: number): void;
  answered(): void;
  isCancelled(): boolean;
}

/**
 * Answers tasks, those of a repository one after the other.
 *
 * @param repository Throws a DataError where the repository was not found.
 * @returns Null if it was cancelled; then some tasks were never handed to `onTask`.
 */
export async function retrieveAll(
  tasks: readonly CompletionTask[],
  repository: (name: string) => Promise<Repository>,
  setting: RetrievalSetting,
  names: readonly RetrieverName[],
  resources: RetrieverResources,
  topK: number,
  progress: RetrieveProgress,
  onTask: (retrieved: Retrieved) => Promise<void>,
): Promise<'done' | 'cancelled'> {
  const searches = searchesOf(names);
  if (searches.length === 0) return showShipped(tasks, topK, progress, onTask);
  for (const group of byRepository(tasks)) {
    const found = await orMissing(repository(group[0]!.repository));
    if (found === null) {
      for (const task of group) {
        await onTask({ task, chunks: nothing(names), reason: 'repository-missing' });
        progress.answered();
      }
      continue;
    }
    const corpus = buildCorpus(found, setting.profile, setting.terms);
    const set = createRetrievers(searches, corpus, setting.asking, resources);
    const answerable = group.filter((task) => corpus.file(task.path) !== undefined);
    const isPrepared = await prepareAll(
      [{ set, tasks: answerable }],
      resources,
      (chunks) => {
        if (chunks > 0) progress.encoding(chunks);
      },
      (count) => {
        progress.encoded(count);
        return !progress.isCancelled();
      },
    );
    if (!isPrepared) return 'cancelled';
    for (const task of group) {
      if (progress.isCancelled()) return 'cancelled';
      if (corpus.file(task.path) === undefined) {
        await onTask({ task, chunks: nothing(names), reason: 'file-missing' });
      } else {
        const chunks = new Map<RetrieverName, readonly RetrievedChunk[]>();
        for (const name of names) {
          const source = name === 'as-shipped' ? asShipped : set.get(name);
          chunks.set(name, await source.retrieve(task, topK));
        }
        const isEmpty = [...chunks.values()].every((list) => list.length === 0);
        await onTask({ task, chunks, reason: isEmpty ? 'nothing-to-retrieve' : null });
      }
      progress.answered();
    }
  }
  return 'done';
}

/** Without a search no repository is needed. */
async function showShipped(
  tasks: readonly CompletionTask[],
  topK: number,
  progress: RetrieveProgress,
  onTask: (retrieved: Retrieved) => Promise<void>,
): Promise<'done' | 'cancelled'> {
  for (const task of tasks) {
    if (progress.isCancelled()) return 'cancelled';
    const chunks = await asShipped.retrieve(task, topK);
    const reason = chunks.length === 0 ? 'nothing-to-retrieve' : null;
    await onTask({ task, chunks: new Map([['as-shipped', chunks]]), reason });
    progress.answered();
  }
  return 'done';
}

function byRepository(tasks: readonly CompletionTask[]): CompletionTask[][] {
  const groups = new Map<string, CompletionTask[]>();
  for (const task of tasks) {
    const group = groups.get(task.repository);
    if (group === undefined) groups.set(task.repository, [task]);
    else group.push(task);
  }
  return [...groups.values()];
}

function nothing(names: readonly RetrieverName[]): ReadonlyMap<RetrieverName, readonly RetrievedChunk[]> {
  return new Map(names.map((name) => [name, []]));
}

async function orMissing(repository: Promise<Repository>): Promise<Repository | null> {
  try {
    return await repository;
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}
