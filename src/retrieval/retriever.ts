/**
 * @file Retrievers: order the chunks of a repository for a task, best first.
 *
 * A retriever is bound to one corpus. `prepare` does what an editor would do at index time;
 * `retrieve` is what a user waits for.
 */

import type { ScoredChunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';
import { bm25Scores, bm25Statistics, type Bm25Statistics } from './bm25.js';
import type { Candidates, Corpus } from './corpus.js';
import { ChunkVectors, type TextEmbedder } from './dense.js';
import { jaccardScores } from './jaccard.js';
import { lastLinesQuery } from './query.js';
import { continuations, selectTop } from './rank.js';

export const RETRIEVERS = ['jaccard', 'unixcoder', 'bm25'] as const;
export type RetrieverName = (typeof RETRIEVERS)[number];

/** Chunks encoded in one go between two progress reports. */
const ENCODE_BATCH = 256;

export interface Retriever {
  readonly name: RetrieverName;

  /**
   * Index-time work for tasks in the given files, done once.
   *
   * @param onChunks Told after each batch how many further chunks are ready; false ends the work.
   * @returns Whether everything was prepared.
   */
  prepare(targetPaths: readonly string[], onChunks?: (count: number) => boolean): Promise<boolean>;

  /** How many chunks `prepare` would still have to encode for the given files. */
  pending(targetPaths: readonly string[]): number;

  /** At most k chunks, best first; never from the file being completed. Needs `prepare` for its file. */
  retrieve(task: Pick<CompletionTask, 'prefix' | 'path'>, k: number): Promise<ScoredChunk[]>;
}

/** What the retrievers need beside the corpus; asked for only by those that use it. */
export interface RetrieverResources {
  readonly embedder: () => TextEmbedder;
}

/** Makes the retriever of a name over a corpus. */
export function createRetriever(
  name: RetrieverName,
  corpus: Corpus,
  resources: RetrieverResources,
): Retriever {
  switch (name) {
    case 'jaccard':
      return lexicalRetriever(name, corpus, (candidates, query) => jaccardScores(corpus, candidates, query));
    case 'bm25': {
      const statistics = new Map<Candidates, Bm25Statistics>();
      return lexicalRetriever(name, corpus, (candidates, query) => {
        let known = statistics.get(candidates);
        if (known === undefined) statistics.set(candidates, (known = bm25Statistics(corpus, candidates)));
        return bm25Scores(corpus, candidates, known, query);
      });
    }
    case 'unixcoder':
      return denseRetriever(name, corpus, resources.embedder());
  }
}

type Score = (candidates: Candidates, query: string) => Float64Array;

function lexicalRetriever(name: RetrieverName, corpus: Corpus, score: Score): Retriever {
  return {
    name,
    pending: () => 0,
    prepare(targetPaths) {
      // An empty query fills the per-file caches: candidate order and BM25 statistics.
      for (const path of targetPaths) score(corpus.candidatesFor(path), '');
      return Promise.resolve(true);
    },
    retrieve(task, k) {
      const candidates = corpus.candidatesFor(task.path);
      const scores = score(candidates, lastLinesQuery(task, corpus.profile));
      return Promise.resolve(continuations(corpus, selectTop(corpus, candidates, scores, k), scores));
    },
  };
}

function denseRetriever(name: RetrieverName, corpus: Corpus, embedder: TextEmbedder): Retriever {
  const vectors = new ChunkVectors(corpus, embedder);
  const missing = (targetPaths: readonly string[]): number[] => [
    ...new Set(targetPaths.flatMap((path) => vectors.missing(corpus.candidatesFor(path).members))),
  ];
  return {
    name,
    pending: (targetPaths) => missing(targetPaths).length,
    async prepare(targetPaths, onChunks) {
      const todo = missing(targetPaths);
      for (let at = 0; at < todo.length; at += ENCODE_BATCH) {
        const batch = todo.slice(at, at + ENCODE_BATCH);
        await vectors.add(batch);
        if (onChunks?.(batch.length) === false) return false;
      }
      return true;
    },
    async retrieve(task, k) {
      const candidates = corpus.candidatesFor(task.path);
      const scores = await vectors.scores(candidates, lastLinesQuery(task, corpus.profile));
      return continuations(corpus, selectTop(corpus, candidates, scores, k), scores);
    },
  };
}
