/**
 * @file Rankers: score the candidates of a task and put them in order. What is then shown for a match is
 * not their business (rank.ts).
 */

import { bm25Scores, bm25Statistics, type Bm25Statistics } from './bm25.js';
import { CandidateSets, type Candidates } from './candidates.js';
import type { Corpus } from './corpus.js';
import { ChunkVectors, type TextEmbedder } from './dense.js';
import { exhaustiveBm25, isExhaustible } from './exhaustive-search.js';
import { jaccardScores } from './jaccard.js';
import type { RetrievalTask } from './query.js';
import type { SingleRetrieverName } from './kinds.js';
import type { Matrix } from '../tensor/matrix.js';
import { bestOf, type Match } from './top.js';
import { wholeCorpusBm25, wholeCorpusJaccard, type WholeCorpusSearch } from './whole-corpus.js';

/** What the retrievers need beside the corpus; asked for only by those that use it. */
export interface RetrieverResources {
  readonly embedder: () => TextEmbedder;
}

export interface Ranker {
  /** Texts whose vectors it lacks for the given tasks. */
  unencoded(tasks: readonly RetrievalTask[]): string[];
  /**
   * Index-time work for the given tasks, done once.
   *
   * @param vectors Those of `unencoded(tasks)`, from row `first` on.
   */
  prepare(tasks: readonly RetrievalTask[], vectors: Matrix, first: number): void;
  /** The best `count` candidates, best first; longer counts only add to the end. */
  rank(task: RetrievalTask, query: string, count: number): Promise<readonly Match[]>;
}

/** One ranker a name, over shared candidate sets. */
export function createRankers(
  names: readonly SingleRetrieverName[],
  corpus: Corpus,
  resources: RetrieverResources,
): Map<SingleRetrieverName, Ranker> {
  const sets = new CandidateSets(corpus);
  return new Map(names.map((name) => [name, singleRanker(name, corpus, sets, resources)]));
}

function singleRanker(
  name: SingleRetrieverName,
  corpus: Corpus,
  sets: CandidateSets,
  resources: RetrieverResources,
): Ranker {
  const isWhole = corpus.profile.candidates.kind === 'other-files';
  switch (name) {
    case 'jaccard':
      if (isWhole) return wholeCorpusRanker(() => wholeCorpusJaccard(corpus));
      return lexicalRanker(corpus, sets, (candidates, query) => jaccardScores(corpus, candidates, query));
    case 'bm25': {
      if (isWhole) {
        return wholeCorpusRanker(() =>
          isExhaustible(corpus) ? exhaustiveBm25(corpus) : wholeCorpusBm25(corpus),
        );
      }
      const statistics = new Map<Candidates, Bm25Statistics>();
      return lexicalRanker(corpus, sets, (candidates, query) => {
        let known = statistics.get(candidates);
        if (known === undefined) statistics.set(candidates, (known = bm25Statistics(corpus, candidates)));
        return bm25Scores(corpus, candidates, known, query);
      });
    }
    case 'unixcoder':
      return denseRanker(corpus, sets, resources.embedder());
  }
}

type Score = (candidates: Candidates, query: string) => Float64Array;

function lexicalRanker(corpus: Corpus, sets: CandidateSets, score: Score): Ranker {
  return {
    unencoded: () => [],
    prepare(tasks) {
      // An empty query fills the caches: candidate order and BM25 statistics.
      for (const candidates of new Set(tasks.map((task) => sets.of(task)))) score(candidates, '');
    },
    rank(task, query, count) {
      const candidates = sets.of(task);
      return Promise.resolve(bestOf(candidates.members, score(candidates, query), corpus.tieRank, count));
    },
  };
}

/** One search for all tasks; nothing depends on the task but its own file. */
function wholeCorpusRanker(open: () => WholeCorpusSearch): Ranker {
  let search: WholeCorpusSearch | null = null;
  return {
    unencoded: () => [],
    prepare() {
      search ??= open();
    },
    rank(task, query, count) {
      search ??= open();
      return Promise.resolve(search.best(query, task.path, count));
    },
  };
}

function denseRanker(corpus: Corpus, sets: CandidateSets, embedder: TextEmbedder): Ranker {
  const vectors = new ChunkVectors(corpus, embedder);
  const missing = (tasks: readonly RetrievalTask[]): number[] => [
    ...new Set(
      [...new Set(tasks.map((task) => sets.of(task)))].flatMap(({ members }) => vectors.missing(members)),
    ),
  ];
  return {
    unencoded: (tasks) => vectors.textsOf(missing(tasks)),
    prepare(tasks, encoded, first) {
      vectors.add(missing(tasks), encoded, first);
    },
    async rank(task, query, count) {
      const candidates = sets.of(task);
      const scores = await vectors.scores(candidates, query);
      return bestOf(candidates.members, scores, corpus.tieRank, count);
    },
  };
}
