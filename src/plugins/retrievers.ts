/**
 * @file The retrievers of plug-ins, as the program asks them.
 */

import { addRanker } from '../retrieval/all.js';
import { bestOf } from '../retrieval/corpus/top.js';
import type { Corpus } from '../retrieval/corpus/corpus.js';
import type { CandidateSets } from '../retrieval/corpus/candidates.js';
import type { Ranker } from '../retrieval/rankers/ranker.js';
import type { ChunkScorer, RetrieverDefinition } from './definition.js';
import { frozenCopy, guardedAsync, type Origin } from './guard.js';

/** Makes a retriever of a plug-in known. @param path The plug-in, for messages. */
export function registerRetriever(definition: RetrieverDefinition, path: string): void {
  const { name, title } = definition;
  const origin: Origin = { path, what: `retriever ${name}` };
  addRanker({
    ...{ name, title, needsEmbedder: false, isDefault: false },
    open: (corpus, sets) => scoringRanker(definition, corpus, sets, origin),
  });
}

/** Scores every chunk of the repository, and takes the best of those that the task may be given. */
function scoringRanker(
  definition: RetrieverDefinition,
  corpus: Corpus,
  sets: CandidateSets,
  origin: Origin,
): Ranker {
  let scorer: ChunkScorer | null = null;
  const index = async (): Promise<ChunkScorer> => {
    if (scorer !== null) return scorer;
    const chunks = frozenCopy(
      corpus.chunks.map(({ path, startLine, endLine, text }) => ({ path, startLine, endLine, text })),
    );
    const made: unknown = await definition.index(chunks);
    if (!isScorer(made)) throw new RangeError('index returned no function');
    return (scorer = made);
  };
  return {
    unencoded: () => [],
    async prepare() {
      await guardedAsync(origin, index);
    },
    rank: (task, query, count) =>
      guardedAsync(origin, async () => {
        const score = await index();
        const { path, prefix, suffix } = task;
        const scores = checkedScores(
          await score(query, Object.freeze({ path, prefix, suffix })),
          corpus.chunks.length,
        );
        return bestOf(sets.of(task).members, scores, corpus.tieRank, count);
      }),
  };
}

function isScorer(value: unknown): value is ChunkScorer {
  return typeof value === 'function';
}

/** @throws {RangeError} If there is not one number a chunk, or one is NaN. */
function checkedScores(scores: ArrayLike<number>, chunks: number): Float64Array {
  const numbers = Float64Array.from(scores);
  if (numbers.length !== chunks) {
    throw new RangeError(`${numbers.length} scores for ${chunks} chunks`);
  }
  const bad = numbers.findIndex(Number.isNaN);
  if (bad !== -1) throw new RangeError(`the score of chunk ${bad} is NaN`);
  return numbers;
}
