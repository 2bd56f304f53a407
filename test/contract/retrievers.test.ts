import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { splitLines } from '../../src/domain/text.js';
import type { CompletionTask } from '../../src/domain/task.js';
import { rankerNamed, RANKERS, type RankerName } from '../../src/retrieval/all.js';
import { fuse, FUSION_DEPTH } from '../../src/retrieval/fusion.js';
import {
  DEFAULT_RETRIEVERS,
  partsOf,
  retrieverNamed,
  retrieverSchema,
  retrieversInWords,
  searchesRepository,
  SINGLE_RETRIEVERS,
  takesShipped,
  usesEmbedder,
  type SearchName,
} from '../../src/retrieval/kinds.js';
import { RETRIEVAL_PROFILES, retrievalProfile } from '../../src/retrieval/profile.js';
import { asShipped, SHIPPED } from '../../src/retrieval/shipped.js';
import { createRng } from '../../src/tensor/rng.js';
import {
  LETTER_ENCODER,
  NO_ENCODER,
  randomFiles,
  randomTask,
  retrieverOver,
  taskIn,
} from '../support/retrieval.js';

/** Every way to choose one or more of the single retrievers, in their order. */
const SUBSETS: readonly (readonly RankerName[])[] = Array.from(
  { length: 2 ** SINGLE_RETRIEVERS.length - 1 },
  (_, i) => SINGLE_RETRIEVERS.filter((_name, bit) => ((i + 1) >> bit) & 1),
);

function searchNamed(text: string): SearchName {
  const name = retrieverNamed(text);
  assert.ok(name !== null && searchesRepository(name), text);
  return name;
}

const SEARCHES: readonly SearchName[] = SUBSETS.map((parts) => searchNamed(parts.join('+')));

for (const [key, kind] of Object.entries(RANKERS)) {
  describe(`the ranker ${key}`, () => {
    test('describes itself under its own name, which no fusion and no other retriever could have', () => {
      assert.equal(kind.name, key);
      assert.match(kind.name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
      assert.notEqual(kind.title, '');
      assert.notEqual(kind.name, SHIPPED);
    });

    test('asks for an encoder if it says so, and otherwise works without', () => {
      const open = (): unknown =>
        retrieverOver([{ path: 'a.ts', text: 'a' }], searchNamed(key), { resources: NO_ENCODER });
      if (kind.needsEmbedder) assert.throws(open, /need no encoder/);
      else assert.doesNotThrow(open);
    });

    for (const profile of RETRIEVAL_PROFILES) {
      test(`ranks equal scores by the tie rule of ${profile}`, async () => {
        // The same terms in another order: other texts, and no ranker here can score them differently.
        const texts = { c: 'ax xy ya', a: 'xy ya ax', b: 'ya ax xy' };
        const files = Object.entries(texts).map(([name, text]) => ({ path: `src/${name}.ts`, text }));
        const task = taskIn('src/t.ts', 'ax xy ya\n');
        const setting = { profile, resources: LETTER_ENCODER, query: 'oracle' } as const;
        const found = await retrieverOver(files, searchNamed(key), setting).retrieve(task, 3);
        const paths = found.map(({ path }) => path);
        const expected = {
          'greater-id': ['src/c.ts', 'src/b.ts', 'src/a.ts'],
          'later-chunk': ['src/c.ts', 'src/b.ts', 'src/a.ts'],
          'earlier-chunk': ['src/a.ts', 'src/b.ts', 'src/c.ts'],
        }[retrievalProfile(profile).ties];
        assert.deepEqual(paths, expected);
      });
    }
  });
}

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
        const searchesTarget = retrievalProfile(profile).candidates.kind === 'not-behind-prompt-start';
        let shown = 0;
        for (let round = 0; round < 40; round++) {
          const files = randomFiles(rng);
          const task = randomTask(rng, files);
          const found = await retrieverOver(files, name, setting).retrieve(task, 10);
          const own = found.filter(({ path }) => path === task.path);
          // A profile that searches the target file as well may show of it what stands before the hole.
          const hole = splitLines(`${task.prefix}|`).length;
          assert.ok(own.every(({ endLine }) => endLine < hole));
          if (!searchesTarget) assert.deepEqual(own, []);
          shown += own.length;
        }
        // A joined list may drop it in these rounds; each single list shows it somewhere.
        const isSingle = !name.includes('+') && name !== 'hybrid';
        if (searchesTarget && isSingle) assert.ok(shown > 0, 'no chunk of a target file was looked at');
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
  test('say whether an encoder is needed: where one of the parts needs one', () => {
    for (const [i, parts] of SUBSETS.entries()) {
      assert.deepEqual(partsOf(SEARCHES[i]!), parts);
      assert.equal(
        usesEmbedder(SEARCHES[i]!),
        parts.some((part) => rankerNamed(part).needsEmbedder),
      );
    }
    assert.equal(usesEmbedder(SHIPPED), false);
  });

  test('are computed for every fusion of two or more, in one spelling whatever the order of the parts', () => {
    const rng = createRng(7);
    for (const parts of SUBSETS.filter(({ length }) => length > 1)) {
      const canonical = parts.length === SINGLE_RETRIEVERS.length ? 'hybrid' : parts.join('+');
      assert.equal(retrieverNamed(rng.shuffle(parts).join('+')), canonical);
      assert.equal(retrieverNamed(` ${parts.join(' + ')} `), canonical);
      assert.equal(retrieverNamed(canonical), canonical);
    }
    assert.equal(new Set(SEARCHES).size, SUBSETS.length);
  });

  test('of fusions are those that journals have had so far', () => {
    const parts = (text: string) => partsOf(searchNamed(text));
    assert.equal(retrieverNamed('bm25+jaccard'), 'jaccard+bm25');
    assert.deepEqual(parts('unixcoder+bm25'), ['unixcoder', 'bm25']);
    assert.deepEqual(parts('jaccard+unixcoder'), ['jaccard', 'unixcoder']);
    assert.deepEqual(parts('hybrid'), SINGLE_RETRIEVERS);
  });

  test('that are none, or repeat or nest parts, are refused', () => {
    for (const text of [
      '',
      '+',
      'bm25+bm25',
      'bm26',
      'hybrid+bm25',
      'bm25+',
      'hybrid(bm25+jaccard)',
      'as-shipped+bm25',
    ]) {
      assert.equal(retrieverNamed(text), null, text);
      assert.equal(retrieverSchema.safeParse(text).success, false, text);
    }
  });

  test('in foreign data are valid in their canonical spelling alone, and a refusal lists them', () => {
    for (const name of [...SEARCHES, SHIPPED]) assert.equal(retrieverSchema.parse(name), name);
    for (const odd of ['bm25+jaccard', ' bm25', 'jaccard + bm25', 7, null, undefined, ['bm25']]) {
      const { error } = retrieverSchema.safeParse(odd);
      assert.equal(error?.issues[0]?.message, `expected ${retrieversInWords()}`);
    }
    for (const name of SINGLE_RETRIEVERS) assert.ok(retrieversInWords().includes(name));
  });

  test('where nobody gives one are single retrievers, and at least one', () => {
    assert.ok(DEFAULT_RETRIEVERS.length > 0);
    for (const name of DEFAULT_RETRIEVERS) assert.equal(partsOf(name).length, 1);
  });
});

describe('as-shipped', () => {
  const chunks = ['a', 'b', 'c'].map((text) => ({
    path: `${text}.ts`,
    startLine: null,
    endLine: null,
    text,
    score: null,
  }));
  const task = { id: 't', shipped: chunks } as unknown as CompletionTask;

  test('searches nothing, asks no ranker and hands on the first k chunks of the task in their order', async () => {
    assert.equal(searchesRepository(SHIPPED), false);
    assert.ok(takesShipped(SHIPPED));
    assert.ok(!SEARCHES.some(takesShipped));
    assert.deepEqual(partsOf(SHIPPED), []);
    assert.deepEqual(await asShipped.retrieve(task, 2), chunks.slice(0, 2));
    assert.deepEqual(await asShipped.retrieve(task, 9), chunks);
    assert.deepEqual(await asShipped.retrieve(task, 0), []);
  });

  test('refuses a task that brings none along', async () => {
    await assert.rejects(asShipped.retrieve({ ...task, shipped: undefined } as never, 1), RangeError);
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
