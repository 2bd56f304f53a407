/**
 * @file The chunks of many tasks, repository by repository: one is indexed, its tasks are answered, and it is
 * let go before the next.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import { DataError } from '../domain/errors.js';
import type { CompletionTask, Repository } from '../domain/task.js';
import { isChunked } from '../retrieval/corpus/chunker.js';
import { searchesRepository, type RetrieverName } from '../retrieval/kinds.js';
import {
  byRepository,
  indexRepositories,
  type IndexProgress,
  type IndexRequest,
  type RetrievalSetting,
} from './repository-index.js';

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

/** A repository that was not found throws a DataError. */
export interface ChunksRequest extends IndexRequest {
  /** Chunks a task and retriever, at most. */
  readonly topK: number;
}

export interface RetrieveProgress {
  /** Encoding of a repository's chunks begins; retrieval goes on after as many `encoded`. */
  encoding(chunks: number): void;
  encoded(chunks: number): void;
  answered(): void;
  isCancelled(): boolean;
}

/**
 * Answers tasks, those of a repository one after the other. Where no retriever searches, no repository is
 * asked for, and the tasks keep their order.
 *
 * @param onTask Gets each task once, also one that got nothing.
 * @returns `cancelled` if it was cancelled; then some tasks were never handed to `onTask`.
 */
export async function retrieveAll(
  request: ChunksRequest,
  progress: RetrieveProgress,
  onTask: (retrieved: Retrieved) => Promise<void>,
): Promise<'done' | 'cancelled'> {
  const { tasks, retrievers } = request;
  if (!retrievers.some(searchesRepository))
    return answer({ ...request, obstacle: () => null }, progress, onTask);
  for (const { name, tasks: own } of byRepository(tasks)) {
    const found = await orMissing(request.repository(name));
    const group = {
      ...request,
      tasks: own,
      ...(found === null ? MISSING : present(found, request.setting)),
    };
    if ((await answer(group, progress, onTask)) === 'cancelled') return 'cancelled';
  }
  return 'done';
}

/** Tasks that one index answers. */
interface TaskGroup extends ChunksRequest {
  /** Why nothing can be retrieved for a task; null where something can. */
  readonly obstacle: (task: CompletionTask) => NoChunks | null;
}

/** Indexes what the tasks of a group need, and answers them in their order. */
async function answer(
  group: TaskGroup,
  progress: RetrieveProgress,
  onTask: (retrieved: Retrieved) => Promise<void>,
): Promise<'done' | 'cancelled'> {
  const { tasks, retrievers, topK, obstacle } = group;
  const answerable = tasks.filter((task) => obstacle(task) === null);
  const index = await indexRepositories({ ...group, tasks: answerable }, indexProgress(progress));
  if (index === null) return 'cancelled';
  for (const task of tasks) {
    if (progress.isCancelled()) return 'cancelled';
    const missing = obstacle(task);
    const chunks = new Map<RetrieverName, readonly RetrievedChunk[]>();
    for (const name of retrievers) {
      chunks.set(name, missing === null ? await index.retriever(name, task).retrieve(task, topK) : []);
    }
    const isEmpty = [...chunks.values()].every((list) => list.length === 0);
    await onTask({ task, chunks, reason: missing ?? (isEmpty ? 'nothing-to-retrieve' : null) });
    progress.answered();
  }
  return 'done';
}

function indexProgress(progress: RetrieveProgress): IndexProgress {
  return {
    start(chunks) {
      if (chunks > 0) progress.encoding(chunks);
    },
    advance: (chunks) => {
      progress.encoded(chunks);
    },
    isCancelled: () => progress.isCancelled(),
  };
}

/** A group whose repository was not found: nobody asks for it again. */
const MISSING: Pick<TaskGroup, 'obstacle'> = { obstacle: () => 'repository-missing' };

/** A group whose repository is at hand. */
function present(
  found: Repository,
  { profile }: RetrievalSetting,
): Pick<TaskGroup, 'obstacle' | 'repository'> {
  const paths = new Set(found.files.map(({ path }) => path).filter((path) => isChunked(path, profile.files)));
  return {
    repository: () => Promise.resolve(found),
    obstacle: ({ path }) => (paths.has(path) ? null : 'file-missing'),
  };
}

/** The repository; null where it was not found. */
async function orMissing(repository: Promise<Repository>): Promise<Repository | null> {
  try {
    return await repository;
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}
