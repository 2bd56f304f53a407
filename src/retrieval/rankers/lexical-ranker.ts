/**
 * @file What rankers have in common that compare terms and no vectors: two ways from scores to a ranking.
 */

import type { Candidates, CandidateSets } from '../corpus/candidates.js';
import type { Corpus } from '../corpus/corpus.js';
import { bestOf } from '../corpus/top.js';
import type { WholeCorpusSearch } from '../search/whole-corpus.js';
import type { Ranker } from './ranker.js';

/** Scores every candidate of a task: one score a chunk of the corpus. */
export type Score = (candidates: Candidates, query: string) => Float64Array;

/** Scores all candidates of each task. */
export function lexicalRanker(corpus: Corpus, sets: CandidateSets, score: Score): Ranker {
  return {
    unencoded: () => [],
    prepare(tasks) {
      // An empty query fills the caches: candidate order and statistics over the candidates.
      for (const candidates of new Set(tasks.map((task) => sets.of(task)))) score(candidates, '');
    },
    rank(task, query, count) {
      const candidates = sets.of(task);
      return Promise.resolve(bestOf(candidates.members, score(candidates, query), corpus.tieRank, count));
    },
  };
}

/** Whether the candidates of every task are all chunks of all other files, so that one search serves all tasks. */
export function isWholeCorpus({ profile }: Corpus): boolean {
  return profile.candidates.kind === 'other-files';
}

/** One search for all tasks: nothing depends on the task but its own file. */
export function wholeCorpusRanker(open: () => WholeCorpusSearch): Ranker {
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
