/**
 * @file Retrievers: what a pipeline asks for the chunks of a task.
 *
 * A retriever takes the ranking of one ranker, or fuses those of several (`fusion.ts`), and turns it into the
 * chunks to show (`shown-chunks.ts`). It is bound to one corpus and to one way of asking. Preparing does what
 * an editor would do at index time; `retrieve` is what a user waits for.
 */

import type { ScoredChunk } from '../domain/chunk.js';
import type { Corpus } from './corpus/corpus.js';
import { fuse, FUSION_DEPTH } from './fusion.js';
import type { Asking } from './corpus/rules.js';
import { queryText, type RetrievalTask } from './corpus/query.js';
import { shownChunks } from './shown-chunks.js';
import { rankerNamed, rankerNames, type RankerName } from './all.js';
import { CandidateSets } from './corpus/candidates.js';
import { partsOf, type SearchName } from './kinds.js';
import type { Ranker, RetrieverResources } from './rankers/ranker.js';
import { matrixOf, type Matrix } from '../tensor/matrix.js';
import type { Match } from './corpus/top.js';

export interface Retriever {
  readonly name: SearchName;

  /**
   * At most k chunks, best first, and no more than the profile's `topK.most`. Never from the file being
   * completed, unless the profile says so (RepoCoder's, before the prompt).
   */
  retrieve(task: RetrievalTask, k: number): Promise<ScoredChunk[]>;
}

/** Retrievers over one corpus; what several of them need is made once. */
export interface RetrieverSet {
  /** Texts of the chunks that would still have to be encoded for the given tasks. */
  unencoded(tasks: readonly RetrievalTask[]): string[];

  /**
   * Index-time work for the given tasks, done once, after their chunks were encoded: see {@link prepareAll}.
   *
   * @param vectors Those of `unencoded(tasks)`, from row `first` on.
   */
  prepareEncoded(tasks: readonly RetrievalTask[], vectors: Matrix, first: number): Promise<void>;

  /** @throws {RangeError} If the set was made without it. */
  get(name: SearchName): Retriever;
}

/** Retrievers, and the tasks that they are to answer. */
export interface Preparation {
  readonly set: RetrieverSet;
  readonly tasks: readonly RetrievalTask[];
}

/**
 * Index-time work of several corpora. Their chunks are encoded together, so that batches are full of chunks
 * of one length. Only prepared tasks can be answered.
 *
 * @param start    Told how many chunks there are to encode.
 * @param onChunks Told how many further chunks are ready; false ends the work.
 * @returns Whether everything was prepared.
 */
export async function prepareAll(
  work: readonly Preparation[],
  { embedder }: RetrieverResources,
  start: (chunks: number) => void = () => undefined,
  onChunks: (count: number) => boolean = () => true,
): Promise<boolean> {
  const texts = work.map(({ set, tasks }) => set.unencoded(tasks));
  const all = texts.flat();
  start(all.length);
  const vectors =
    all.length === 0 ? matrixOf(0, 0, new Float32Array(0)) : await embedder().index(all, onChunks);
  if (vectors === null) return false;
  let first = 0;
  for (const [i, { set, tasks }] of work.entries()) {
    await set.prepareEncoded(tasks, vectors, first);
    first += texts[i]!.length;
  }
  return true;
}

/** The named rankers over one corpus; they share their candidate sets. */
export function openRankers(
  names: readonly RankerName[],
  corpus: Corpus,
  resources: RetrieverResources,
): Map<RankerName, Ranker> {
  const sets = new CandidateSets(corpus);
  return new Map(names.map((name) => [name, rankerNamed(name).open(corpus, sets, resources)]));
}

/** Makes the named retrievers over a corpus. */
export function createRetrievers(
  names: readonly SearchName[],
  corpus: Corpus,
  asking: Asking,
  resources: RetrieverResources,
): RetrieverSet {
  const asked = new Set(names.flatMap(partsOf));
  const rankers = openRankers(
    rankerNames().filter((name) => asked.has(name)),
    corpus,
    resources,
  );
  const retrievers = new Map(
    names.map((name): [SearchName, Retriever] => {
      const parts = partsOf(name).map((part) => rankers.get(part)!);
      const retrieve: Retriever['retrieve'] = (task, k) => {
        const query = queryText(task, asking.query, corpus.file(task.path)?.text ?? null);
        const ranking = (count: number) => rankOf(parts, corpus, task, query, count);
        return shownChunks(corpus, task, asking, ranking, Math.min(k, corpus.profile.topK.most));
      };
      return [name, { name, retrieve }];
    }),
  );
  return {
    unencoded: (tasks) => [...rankers.values()].flatMap((ranker) => ranker.unencoded(tasks)),
    async prepareEncoded(tasks, vectors, first) {
      for (const ranker of rankers.values()) await ranker.prepare(tasks, vectors, first);
    },
    get(name) {
      const retriever = retrievers.get(name);
      if (retriever === undefined) throw new RangeError(`this corpus was not indexed for ${name}`);
      return retriever;
    },
  };
}

/** The ranking of one ranker, or the fusion of several. */
async function rankOf(
  parts: readonly Ranker[],
  corpus: Corpus,
  task: RetrievalTask,
  query: string,
  count: number,
): Promise<readonly Match[]> {
  const [only, ...others] = parts;
  if (others.length === 0) return only!.rank(task, query, count);
  const rankings: (readonly Match[])[] = [];
  for (const part of parts) rankings.push(await part.rank(task, query, FUSION_DEPTH));
  return fuse(rankings, corpus.tieRank, count);
}
