import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SourceFile } from '../../src/domain/task.js';
import { bm25Scores, wholeCorpusStatistics } from '../../src/retrieval/search/bm25-score.js';
import type { Candidates } from '../../src/retrieval/corpus/candidates.js';
import type { Corpus } from '../../src/retrieval/corpus/corpus.js';
import { exhaustiveBm25 } from '../../src/retrieval/search/exhaustive-search.js';
import { jaccardScores } from '../../src/retrieval/search/jaccard-score.js';
import { retrievalProfile } from '../../src/retrieval/profile.js';
import { largest, prunedSearch, type PrunedQuestion } from '../../src/retrieval/search/pruned-search.js';
import { Top } from '../../src/retrieval/corpus/top.js';
import { wholeCorpusBm25, wholeCorpusJaccard } from '../../src/retrieval/search/whole-corpus.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { corpusOf } from '../support/retrieval.js';

/** A word whose frequency falls with its number, as in code: a few everywhere, most hardly anywhere. */
const zipfWord = (rng: Rng, words: number): string => `t${Math.floor(words ** rng.next()) - 1}`;

/** Many small files, some of them copies, so that equal scores are common. */
function manyChunks(rng: Rng, files: number, words: number): SourceFile[] {
  const made: SourceFile[] = [];
  for (let f = 0; f < files; f++) {
    const text =
      f > 0 && rng.int(4) === 0
        ? made[rng.int(f)]!.text
        : Array.from({ length: 1 + rng.int(30) }, () =>
            Array.from({ length: 1 + rng.int(6) }, () => zipfWord(rng, words)).join(' '),
          ).join('\n');
    made.push({ path: `f${f}.ts`, text });
  }
  return made;
}

/** Scores of the plain scan, over all chunks but those of the target file, sorted in full. */
function scanned(corpus: Corpus, name: 'bm25' | 'jaccard', query: string, path: string, k: number) {
  const [first, end] = corpus.range(path);
  const members = Int32Array.from(corpus.chunks.keys()).filter((i) => i < first || i >= end);
  const candidates: Candidates = { members, isMember: new Uint8Array(corpus.chunks.length).fill(1) };
  const scores =
    name === 'bm25'
      ? bm25Scores(corpus, candidates, wholeCorpusStatistics(corpus), query)
      : jaccardScores(corpus, candidates, query);
  return [...members]
    .map((chunk) => ({ chunk, score: scores[chunk]! }))
    .sort((a, b) => b.score - a.score || corpus.tieRank[b.chunk]! - corpus.tieRank[a.chunk]!)
    .slice(0, k);
}

describe('search of a whole corpus', () => {
  for (const [name, how, open] of [
    ['bm25', 'pruned', wholeCorpusBm25],
    ['bm25', 'exhaustive', exhaustiveBm25],
    ['jaccard', 'pruned', wholeCorpusJaccard],
  ] as const) {
    test(`${name}, ${how}: 2,000 random queries get what a full scan gets, to the bit, ties included`, () => {
      const rng = createRng(name.length);
      for (let round = 0; round < 40; round++) {
        const files = manyChunks(rng, 20 + rng.int(150), [5, 60, 2000][rng.int(3)]!);
        const corpus = corpusOf(files, retrievalProfile('global'));
        const search = open(corpus);
        for (let q = 0; q < 50; q++) {
          const query = Array.from({ length: rng.int(60) }, () =>
            rng.int(12) === 0 ? 'unknown' : zipfWord(rng, 2000),
          ).join(' ');
          const path = rng.int(4) === 0 ? 'none.ts' : files[rng.int(files.length)]!.path;
          const k = 1 + rng.int(12);
          assert.deepEqual(search.best(query, path, k), scanned(corpus, name, query, path, k));
        }
      }
    });
  }

  test('pruned search reads less than everything, or the title would be wrong', () => {
    const rng = createRng(5);
    const corpus = corpusOf(manyChunks(rng, 600, 5000), retrievalProfile('global'));
    const { offsets, columns } = corpus.inverted;
    let read = 0;
    let scored = 0;
    let possible = 0;
    for (let q = 0; q < 20; q++) {
      const shared = new Float32Array(corpus.chunks.length);
      // The query is a chunk, so that there is something to find.
      const own = rng.int(corpus.chunks.length);
      const { forward, distinct } = corpus;
      const terms = [...forward.columns.subarray(forward.offsets[own], forward.offsets[own + 1])].sort(
        (a, b) => offsets[a + 1]! - offsets[a]! - (offsets[b + 1]! - offsets[b]!),
      );
      const question: PrunedQuestion = {
        postings: terms.map((term) => offsets[term + 1]! - offsets[term]!),
        read(t) {
          for (const chunk of columns.subarray(offsets[terms[t]!], offsets[terms[t]! + 1])) {
            shared[chunk]!++;
            read++;
          }
        },
        leaders: (most) => largest(shared, most),
        survivors: (threshold, unread, most) => {
          const rest = terms.length - unread;
          const found = [...shared.keys()].filter(
            (i) => (shared[i]! + rest) / (terms.length + distinct[i]! - shared[i]! - rest) >= threshold,
          );
          return found.length > most ? null : found;
        },
        score(chunk) {
          scored++;
          const has = new Set(forward.columns.subarray(forward.offsets[chunk], forward.offsets[chunk + 1]));
          const common = terms.filter((term) => has.has(term)).length;
          return common / (terms.length + distinct[chunk]! - common);
        },
      };
      possible += question.postings.reduce((sum, count) => sum + count, 0);
      assert.ok(prunedSearch(question, [0, 0], corpus.chunks.length, corpus.tieRank, 5) !== null);
    }
    assert.ok(read < possible, `${read} of ${possible} postings read, ${scored} chunks scored`);
  });
});

describe('the best k', () => {
  test('of a stream equal a full sort, ties included', () => {
    const rng = createRng(9);
    for (let round = 0; round < 500; round++) {
      const n = rng.int(40);
      const scores = Array.from({ length: n }, () => rng.int(6));
      const tieRank = Int32Array.from(rng.shuffle(scores.map((_, i) => i)));
      const k = rng.int(12);
      const top = new Top(k, tieRank);
      for (const [chunk, score] of scores.entries()) top.offer(chunk, score);
      const sorted = scores
        .map((score, chunk) => ({ chunk, score }))
        .sort((a, b) => b.score - a.score || tieRank[b.chunk]! - tieRank[a.chunk]!);
      assert.deepEqual(top.sorted(), sorted.slice(0, k));
    }
  });

  test('of numbers are the largest, those above zero', () => {
    const rng = createRng(10);
    for (let round = 0; round < 500; round++) {
      const values = Float32Array.from({ length: rng.int(60) }, () => rng.int(20) - 4);
      const count = 1 + rng.int(15);
      const found = largest(values, count).map((i) => values[i]!);
      const sorted = [...values].filter((v) => v > 0).sort((a, b) => b - a);
      assert.deepEqual(
        found.sort((a, b) => b - a),
        sorted.slice(0, count),
      );
    }
  });
});
