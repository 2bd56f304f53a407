/**
 * @file Rankers: one way to score the candidates of a task and to put them in order.
 *
 * A ranker knows nothing of k chunks, of repeated texts or of what is shown for a match: the retriever that
 * asks it takes care of that (`retriever.ts`). One file in this folder describes one kind of ranker, and
 * `all.ts` one folder up lists the kinds.
 */

import type { Matrix } from '../../tensor/matrix.js';
import type { CandidateSets } from '../corpus/candidates.js';
import type { Corpus } from '../corpus/corpus.js';
import type { RetrievalTask } from '../corpus/query.js';
import type { Match } from '../corpus/top.js';
import type { TextEmbedder } from './embedder.js';

/** What rankers may need beside the corpus. Only a ranker that needs a resource asks for it. */
export interface RetrieverResources {
  readonly embedder: () => TextEmbedder;
}

/** A kind of ranker describes itself. */
export interface RankerKind {
  /** What flags, configuration files and journals call it, without "+". It is its key in `all.ts`, too. */
  readonly name: string;
  /** What it compares, in a few words for people. */
  readonly title: string;
  /** Whether it compares vectors: only then does anybody open an encoder. */
  readonly needsEmbedder: boolean;
  /** Whether a run compares it where nobody names a retriever. */
  readonly isDefault: boolean;
  /**
   * A ranker over one corpus.
   *
   * @param sets      The candidates of each task, shared by all rankers over this corpus.
   * @param resources The ranker asks for those that it needs, and asks here, not later.
   */
  open(corpus: Corpus, sets: CandidateSets, resources: RetrieverResources): Ranker;
}

export interface Ranker {
  /** Texts whose vectors it lacks for the given tasks; none where it compares no vectors. */
  unencoded(tasks: readonly RetrievalTask[]): string[];
  /**
   * Index-time work for the given tasks, done once. Awaited before any task is answered.
   *
   * @param vectors Those of `unencoded(tasks)`, from row `first` on.
   */
  prepare(tasks: readonly RetrievalTask[], vectors: Matrix, first: number): void | Promise<void>;
  /** The best `count` candidates, best first; a greater count only adds to the end. */
  rank(task: RetrievalTask, query: string, count: number): Promise<readonly Match[]>;
}
