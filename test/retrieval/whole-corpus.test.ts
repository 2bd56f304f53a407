import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SourceFile } from '../../src/domain/task.js';
import { bm25Scores, wholeCorpusStatistics } from '../../src/retrieval/search/bm25-score.js';
import type { Candidates } from '../../src/retrieval/corpus/candidates.js';
import type { Corpus } from '../../src/retrieval/corpus/corpus.js';
import { exhaustiveBm25 } from '../../src/retrieval/search/exhaustive-search.js';
import { jaccardScores } from '../../src/retrieval/search/jaccard-score.js';
import { retrievalProfile } from '../../src/retrieval/profile.js';
import { largest } from '../../src/retrieval/search/pruned-search.js';
import { Top, type Match } from '../../src/retrieval/corpus/top.js';
import { wholeCorpusBm25, wholeCorpusJaccard } from '../../src/retrieval/search/whole-corpus.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { corpusOf } from '../support/retrieval.js';
import { slowBm25, slowJaccard } from '../support/slow-retrieval.js';

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

/** The same from the texts alone, by a second implementation; among equals the earlier chunk is the better. */
function slowBest(corpus: Corpus, name: 'bm25' | 'jaccard', query: string, path: string, k: number): Match[] {
  const documents = corpus.chunks.map(({ text }) => corpus.terms(text));
  const scores = (name === 'bm25' ? slowBm25 : slowJaccard)(corpus.terms(query), documents);
  return scores
    .map((score, chunk) => ({ chunk, score }))
    .filter(({ chunk }) => corpus.chunks[chunk]!.path !== path)
    .sort((a, b) => b.score - a.score || a.chunk - b.chunk)
    .slice(0, k);
}

describe('search of a whole corpus', () => {
  for (const [name, how, open] of [
    ['bm25', 'pruned', wholeCorpusBm25],
    ['bm25', 'exhaustive', exhaustiveBm25],
    ['jaccard', 'pruned', wholeCorpusJaccard],
  ] as const) {
    test(`${name}, ${how}: 1,000 random queries get what a full scan gets, to the bit, ties included`, () => {
      const rng = createRng(name.length);
      for (let round = 0; round < 20; round++) {
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

  for (const [name, open] of [
    ['bm25', wholeCorpusBm25],
    ['jaccard', wholeCorpusJaccard],
  ] as const) {
    test(`${name}, pruned: reads less than half of the postings where k chunks stand out`, () => {
      const rng = createRng(5);
      // Six versions of each text, a line of each its own: the five best of a query are far above the rest.
      const texts = manyChunks(rng, 150, 5000).map(({ text }) => text);
      const versions = texts.flatMap((text, f) =>
        Array.from({ length: 6 }, (_, v) => ({ path: `f${f}v${v}.ts`, text: `${text}\nown${f}v${v}` })),
      );
      const corpus = corpusOf(versions, retrievalProfile('global'));
      let read = 0;
      // Every posting that is read is looked up here once.
      const columns = new Proxy(corpus.inverted.columns, {
        get(target, property) {
          if (typeof property === 'string' && /^\d+$/.test(property)) read++;
          return Reflect.get(target, property, target) as unknown;
        },
      });
      const search = open({ ...corpus, inverted: { ...corpus.inverted, columns } });
      read = 0;
      let possible = 0;
      for (let q = 0; q < 20; q++) {
        const query = corpus.chunks[rng.int(corpus.chunks.length)]!.text;
        for (const term of new Set(corpus.terms(query))) {
          const t = corpus.termNumber.get(term)!;
          possible += corpus.inverted.offsets[t + 1]! - corpus.inverted.offsets[t]!;
        }
        assert.deepEqual(search.best(query, 'none.ts', 5), slowBest(corpus, name, query, 'none.ts', 5));
      }
      assert.ok(read > 0 && read < possible / 2, `${read} of ${possible} postings read`);
    });
  }

  for (const [name, how, open] of [
    ['bm25', 'pruned', wholeCorpusBm25],
    ['bm25', 'exhaustive', exhaustiveBm25],
    ['jaccard', 'pruned', wholeCorpusJaccard],
  ] as const) {
    describe(`${name}, ${how}, equals the scores of whole texts sorted in full`, () => {
      const rng = createRng(17);
      const files = manyChunks(rng, 60, 40);
      const corpus = corpusOf(files, retrievalProfile('global'));
      const search = open(corpus);
      const all = corpus.chunks.length;
      const some = (): string => corpus.chunks[rng.int(all)]!.text;
      const same = (query: string, path: string, k: number): readonly Match[] => {
        const found = search.best(query, path, k);
        assert.deepEqual(found, slowBest(corpus, name, query, path, k), `${query} / ${path} / ${k}`);
        return found;
      };

      test('for queries of all lengths, with every file left out once', () => {
        for (const { path } of files) {
          same(some(), path, 7);
          same(some().split(' ')[0]!, path, 7);
          same(`${some()}\n${some()}\n${some()}`, path, 7);
        }
      });

      test('among equal scores, in the order of the chunks', () => {
        const text = 'alpha beta\ngamma delta';
        const copies = corpusOf(
          [...['c.ts', 'a.ts', 'b.ts', 'd.ts'].map((path) => ({ path, text })), ...files.slice(0, 20)],
          retrievalProfile('global'),
        );
        const found = open(copies).best(text, 'c.ts', 3);
        assert.deepEqual(
          found.map(({ chunk }) => copies.chunks[chunk]!.path),
          ['a.ts', 'b.ts', 'd.ts'],
        );
        assert.equal(new Set(found.map(({ score }) => score)).size, 1);
        assert.deepEqual(found, slowBest(copies, name, text, 'c.ts', 3));
      });

      test('for a query that repeats a term, and for one with terms that no chunk holds', () => {
        const query = some();
        same(`${query} ${query} t0 t0 t0`, 'none.ts', 9);
        same(`${query} nowhere nohow never`, 'none.ts', 9);
      });

      test('for a query of unknown terms alone and for an empty one: nothing scores, the first chunks come first', () => {
        for (const query of ['nowhere nohow', '', ' \n', '+-*/']) {
          const found = same(query, 'none.ts', 4);
          assert.deepEqual(
            found,
            [0, 1, 2, 3].map((chunk) => ({ chunk, score: 0 })),
          );
        }
      });

      test('for k of 1, of all chunks and of more: each chunk once and no other', () => {
        same(some(), 'none.ts', 1);
        for (const k of [all - 1, all, all + 1, 10 * all]) {
          const found = same(some(), 'none.ts', k);
          assert.equal(new Set(found.map(({ chunk }) => chunk)).size, Math.min(k, all));
        }
      });

      test('for a corpus of one chunk, and of the left-out file alone', () => {
        const single = corpusOf([{ path: 'a.ts', text: 'alpha beta' }], retrievalProfile('global'));
        assert.deepEqual(open(single).best('alpha', 'b.ts', 3), slowBest(single, name, 'alpha', 'b.ts', 3));
        assert.equal(open(single).best('alpha', 'b.ts', 3).length, 1);
        assert.deepEqual(open(single).best('alpha', 'a.ts', 3), []);
      });

      test('again, when it has answered other queries before', () => {
        const query = some();
        const first = search.best(query, 'none.ts', 6);
        for (let i = 0; i < 20; i++) search.best(some(), files[i]!.path, 3);
        assert.deepEqual(search.best(query, 'none.ts', 6), first);
      });
    });
  }
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
