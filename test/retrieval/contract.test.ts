import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { splitLines } from '../../src/domain/text.js';
import { RETRIEVAL_PROFILES } from '../../src/retrieval/profile.js';
import {
  partsOf,
  SEARCHES,
  retrieverNamed,
  SINGLE_RETRIEVERS,
  usesEmbedder,
} from '../../src/retrieval/kinds.js';
import { fuse, FUSION_DEPTH } from '../../src/retrieval/hybrid.js';
import { createRng } from '../../src/tensor/rng.js';
import { LETTER_ENCODER, randomFiles, randomTask, retrieverOver, taskIn } from '../support/retrieval.js';

for (const name of SEARCHES) {
  for (const profile of RETRIEVAL_PROFILES) {
    describe(`${name} under ${profile}`, () => {
      const setting = { profile, resources: LETTER_ENCODER };

      test('answers the same question the same way, best first, with at most k chunks', async () => {
        const rng = createRng(name.length * 100 + profile.length);
        for (let round = 0; round < 40; round++) {
          const files = randomFiles(rng);
          const task = randomTask(rng, files);
          const k = 1 + rng.int(8);
          const found = await retrieverOver(files, name, setting).retrieve(task, k);
          assert.ok(found.length <= k);
          for (const [i, { score }] of found.entries()) {
            assert.ok(i === 0 || score <= found[i - 1]!.score, 'best first');
          }
          const again = await retrieverOver([...files].reverse(), name, setting).retrieve(task, k);
          assert.deepEqual(again, found);
          const more = await retrieverOver(files, name, setting).retrieve(task, k + 3);
          assert.deepEqual(more.slice(0, found.length), found, 'a longer answer begins like a shorter one');
        }
      });

      test('never shows the hole or what follows it', async () => {
        const rng = createRng(name.length * 100 + profile.length + 1);
        let shown = 0;
        for (let round = 0; round < 40; round++) {
          const files = randomFiles(rng);
          const task = randomTask(rng, files);
          const found = await retrieverOver(files, name, setting).retrieve(task, 10);
          const own = found.filter(({ path }) => path === task.path);
          // RepoCoder alone may show the target file, where equal text stands elsewhere too, before the hole.
          const hole = splitLines(`${task.prefix}|`).length;
          assert.ok(own.every(({ endLine }) => endLine < hole));
          if (profile !== 'repocoder') assert.deepEqual(own, []);
          shown += own.length;
        }
        // Lists that are joined drop it in these rounds; each single list shows it somewhere.
        const isSingle = !name.includes('+') && name !== 'hybrid';
        if (profile === 'repocoder' && isSingle)
          assert.ok(shown > 0, 'no chunk of a target file was looked at');
      });

      test('answers an empty query with text for want of better, and an empty repository with nothing', async () => {
        const files = [{ path: 'src/a.ts', text: 'let a = 1;\nlet b = 2;' }];
        const found = await retrieverOver(files, name, setting).retrieve(taskIn('src/t.ts', ''), 3);
        assert.deepEqual(
          found.map(({ path }) => path),
          ['src/a.ts'],
        );
        assert.deepEqual(await retrieverOver([], name, setting).retrieve(taskIn('src/t.ts', 'a'), 3), []);
        assert.deepEqual(await retrieverOver(files, name, setting).retrieve(taskIn('src/a.ts', 'a'), 3), []);
        assert.deepEqual(await retrieverOver(files, name, setting).retrieve(taskIn('src/t.ts', 'a'), 0), []);
      });
    });
  }
}

describe('names', () => {
  test('take the parts in any order; all parts are hybrid', () => {
    assert.equal(retrieverNamed('bm25+jaccard'), 'jaccard+bm25');
    assert.equal(retrieverNamed('unixcoder + bm25 + jaccard'), 'hybrid');
    for (const name of SEARCHES) assert.equal(retrieverNamed(name), name);
  });

  test('that are none, or repeat or nest parts, are refused', () => {
    for (const text of ['', '+', 'bm25+bm25', 'bm26', 'hybrid+bm25', 'bm25+', 'hybrid(bm25+jaccard)']) {
      assert.equal(retrieverNamed(text), null, text);
    }
  });

  test('cover every way to join two or more single retrievers', () => {
    const joined = SEARCHES.map((name) => partsOf(name).join('+'));
    // 3 single ones, 3 pairs, 1 of all.
    assert.equal(new Set(joined).size, 2 ** SINGLE_RETRIEVERS.length - 1);
  });

  test('say whether an encoder is needed', () => {
    assert.deepEqual(SEARCHES.filter(usesEmbedder), [
      'unixcoder',
      'hybrid',
      'jaccard+unixcoder',
      'unixcoder+bm25',
    ]);
  });
});

describe('reciprocal rank fusion', () => {
  const ranked = (...chunks: number[]) => chunks.map((chunk) => ({ chunk, score: 0 }));
  const tieRank = Int32Array.from({ length: 500 }, (_, i) => i);

  test('adds 1 / (60 + rank) over the rankings', () => {
    // 7: ranks 1 and 2, 1/61 + 1/62 = 0.0325225; 3: ranks 3 and 1, 1/63 + 1/61 = 0.0322665; 5: rank 2, 1/62.
    const fused = fuse([ranked(7, 5, 3), ranked(3, 7)], tieRank, 9);
    assert.deepEqual(
      fused.map(({ chunk, score }) => [chunk, score.toFixed(7)]),
      [
        [7, '0.0325225'],
        [3, '0.0322665'],
        [5, '0.0161290'],
      ],
    );
  });

  test('breaks ties as the profile does', () => {
    // Both have ranks 1 and 2.
    assert.deepEqual(
      fuse([ranked(4, 9), ranked(9, 4)], tieRank, 2).map(({ chunk }) => chunk),
      [9, 4],
    );
  });

  test('is the ranking itself when there is one', () => {
    const own = ranked(8, 1, 6, 0);
    assert.deepEqual(
      fuse([own], tieRank, 3).map(({ chunk }) => chunk),
      [8, 1, 6],
    );
  });

  test('hears the best of each ranking only', () => {
    const long = ranked(...Array.from({ length: FUSION_DEPTH + 50 }, (_, i) => i));
    assert.equal(fuse([long], tieRank, 500).length, FUSION_DEPTH);
  });

  test('equals a slow second writing over the retrievers’ own answers', async () => {
    const rng = createRng(60);
    for (let round = 0; round < 200; round++) {
      const files = randomFiles(rng);
      const task = randomTask(rng, files);
      // Oracle queries show the matches themselves, repeats and all: the whole ranking is visible.
      const setting = { query: 'oracle' } as const;
      const key = (c: { path: string; startLine: number }): string => `${c.path}:${c.startLine}`;
      const sums = new Map<string, number>();
      for (const name of ['jaccard', 'bm25'] as const) {
        const all = await retrieverOver(files, name, setting).retrieve(task, 1000);
        for (const [i, chunk] of all.entries()) {
          if (i < FUSION_DEPTH) sums.set(key(chunk), (sums.get(key(chunk)) ?? 0) + 1 / (61 + i));
        }
      }
      const fused = await retrieverOver(files, 'jaccard+bm25', setting).retrieve(task, 1000);
      assert.equal(fused.length, sums.size);
      for (const chunk of fused) assert.ok(Math.abs(chunk.score - sums.get(key(chunk))!) < 1e-15);
    }
  });
});
