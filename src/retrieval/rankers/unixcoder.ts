/**
 * @file The retriever `unixcoder`: cosine of the query's vector with the vector of each candidate.
 *
 * The references encode with UniXcoder, which gave the retriever its name. Here the vectors come from whatever
 * encoder the embedder was made of.
 *
 * Source: CrossCodeEval and Repoformer `rerank_utils.py`, class SemanticReranking.
 */

import { row, type Matrix } from '../../tensor/matrix.js';
import type { Candidates, CandidateSets } from '../corpus/candidates.js';
import type { Corpus } from '../corpus/corpus.js';
import type { RetrievalTask } from '../corpus/query.js';
import { bestOf } from '../corpus/top.js';
import type { TextEmbedder } from './embedder.js';
import type { Ranker, RankerKind } from './ranker.js';

export const UNIXCODER: RankerKind = {
  name: 'unixcoder',
  title: 'cosine of encoder vectors',
  needsEmbedder: true,
  isDefault: true,
  open: (corpus, sets, { embedder }) => denseRanker(corpus, sets, embedder()),
};

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

/** Unit vectors of a corpus' chunks, filled in as they are needed. */
class ChunkVectors {
  readonly #corpus: Corpus;
  readonly #embedder: TextEmbedder;
  readonly #vectors = new Map<number, Float32Array>();

  constructor(corpus: Corpus, embedder: TextEmbedder) {
    this.#corpus = corpus;
    this.#embedder = embedder;
  }

  /** Chunk numbers among `members` that have no vector yet. */
  missing(members: Int32Array): number[] {
    return [...members].filter((i) => !this.#vectors.has(i));
  }

  textsOf(members: readonly number[]): string[] {
    return members.map((i) => this.#corpus.chunks[i]!.text);
  }

  /** Keeps the vectors of the given chunks, of which the first is row `first`; rows are not copied. */
  add(members: readonly number[], vectors: Matrix, first: number): void {
    for (const [r, i] of members.entries()) this.#vectors.set(i, row(vectors, first + r));
  }

  /** Cosine of the query with every candidate, in [-1, 1]; candidates must have been added. */
  async scores(candidates: Candidates, query: string): Promise<Float64Array> {
    const q = row(await this.#embedder.embed([query]), 0);
    const scores = new Float64Array(this.#corpus.chunks.length);
    for (const i of candidates.members) {
      const vector = this.#vectors.get(i)!;
      let dot = 0;
      for (let e = 0; e < vector.length; e++) dot += q[e]! * vector[e]!;
      scores[i] = dot;
    }
    return scores;
  }
}
