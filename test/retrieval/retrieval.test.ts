import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ScoredChunk } from '../../src/domain/chunk.js';
import type { SourceFile } from '../../src/domain/task.js';
import { compareCodePoints, isBlank, nonBlankLines, strip } from '../../src/domain/text.js';
import { bm25Scores, bm25Statistics } from '../../src/retrieval/bm25.js';
import { chunkFile } from '../../src/retrieval/chunker.js';
import { buildCorpus, type Corpus } from '../../src/retrieval/corpus.js';
import { jaccardScores } from '../../src/retrieval/jaccard.js';
import { lexicalTokens } from '../../src/retrieval/lexical-tokens.js';
import { nearestFirst, pathDistance } from '../../src/retrieval/path-distance.js';
import { retrievalProfile, type RetrievalProfile } from '../../src/retrieval/profile.js';
import { lastLinesQuery } from '../../src/retrieval/query.js';
import { createRetriever } from '../../src/retrieval/retriever.js';
import { retrievalEmbedder } from '../../src/retrieval/dense.js';
import { matrixOf } from '../../src/tensor/matrix.js';
import { fakeEncoder, fakeTokenizer } from '../support/fakes.js';

const PROFILE = retrievalProfile('repoformer');
const NO_ENCODER = {
  embedder: () => {
    throw new Error('lexical retrievers need no encoder');
  },
};

/** One single-line file a document, so that one document is one chunk; the target lies beside them. */
function corpusOf(documents: readonly string[]): Corpus {
  return buildCorpus({ name: 'r', files: documents.map((text, i) => ({ path: `d${i}.ts`, text })) }, PROFILE);
}

function close(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]!) <= tolerance, `#${i}: ${value}, expected ${expected[i]!}`);
  }
}

describe('chunking', () => {
  const lines = (n: number): string => Array.from({ length: n }, (_, i) => `line${i}`).join('\n');

  test('12 non-blank lines give windows at 0, 5 and 10 of 10, 7 and 2 lines', () => {
    const chunks = chunkFile({ path: 'a.ts', text: lines(12) }, PROFILE);
    assert.deepEqual(
      chunks.map((c) => [c.startLine, c.endLine]),
      [
        [1, 10],
        [6, 12],
        [11, 12],
      ],
    );
  });

  test('blank lines, also those Python alone calls blank, are removed but line numbers stay those of the file', () => {
    const [chunk] = chunkFile({ path: 'a.ts', text: 'a\n\n  \u0085\u001c\nb\n' }, PROFILE);
    assert.deepEqual([chunk!.text, chunk!.startLine, chunk!.endLine], ['a\nb', 1, 4]);
  });

  test('a window without a token is dropped', () => {
    assert.deepEqual(chunkFile({ path: 'a.ts', text: '{\n}\n;' }, PROFILE), []);
  });
});

describe('queries', () => {
  test('are the last ten non-blank lines, an indentation-only last line not counted', () => {
    const prefix = Array.from({ length: 14 }, (_, i) => `l${i}`).join('\n\n') + '\n    ';
    assert.equal(
      lastLinesQuery({ prefix }, PROFILE),
      Array.from({ length: 10 }, (_, i) => `l${i + 4}`).join('\n'),
    );
  });

  test('of an empty prefix are empty', () => {
    assert.equal(lastLinesQuery({ prefix: '' }, PROFILE), '');
  });
});

describe('candidate order', () => {
  test('distance counts separators below the common directory', () => {
    assert.equal(pathDistance('a/x.ts', 'a/y.ts'), 0);
    assert.equal(pathDistance('a/b/x.ts', 'a/c/d/y.ts'), 3);
    assert.equal(pathDistance('x.ts', 'a/b/y.ts'), 2);
  });

  test('is nearest first, then by code point, without the target', () => {
    const paths = ['a/b/c.ts', 'a/Z.ts', 'a/a.ts', 'z.ts', 'a/t.ts', 'a/～.ts', 'a/😀.ts'];
    assert.deepEqual(nearestFirst(paths, 'a/t.ts', 100), [
      'a/Z.ts',
      'a/a.ts',
      'a/～.ts',
      'a/😀.ts',
      'a/b/c.ts',
      'z.ts',
    ]);
  });

  test('stops at 1,000 chunks, so far files of a large repository are never seen', () => {
    const near = { path: 'a/near.ts', text: Array.from({ length: 5100 }, (_, i) => `n${i}`).join('\n') };
    const corpus = buildCorpus({ name: 'r', files: [near, { path: 'far/x.ts', text: 'needle' }] }, PROFILE);
    const { members } = corpus.candidatesFor('a/target.ts');
    assert.equal(members.length, 1000);
    assert.ok(members.every((i) => corpus.chunks[i]!.path === 'a/near.ts'));
  });
});

describe('BM25', () => {
  const score = (documents: readonly string[], query: string): number[] => {
    const corpus = corpusOf(documents);
    const candidates = corpus.candidatesFor('target.ts');
    return [...bm25Scores(corpus, candidates, bm25Statistics(corpus, candidates), query)];
  };

  test('replaces a negative idf by a quarter of the mean idf', () => {
    // N = 4, lengths 3, 3, 2, 3, avgdl 2.75. a is in all 4: ln 0.5 - ln 4.5 = -2.197225, negative.
    // b is in 2 of 4: exactly 0, which stays. c, d, e, f, g are in 1 each: ln 3.5 - ln 1.5 = 0.847298.
    // Mean over the 7 terms: (-2.197225 + 0 + 5 x 0.847298) / 7 = 0.291324; floor for a: 0.072831.
    close(
      score(['a b c', 'a b d', 'a e', 'f g a'], 'a b b z'),
      [0.069969, 0.069969, 0.08302, 0.069969],
      1e-6,
    );
  });

  test('keeps the floor negative when the mean idf is, so that the chunk matching fewer terms wins', () => {
    close(score(['a b', 'a b', 'a c'], 'a b'), [-0.324318, -0.324318, -0.162159], 1e-6);
  });
});

describe('the lexical retrievers', () => {
  /** Small deterministic generator for the random repositories below. */
  const generator = (seed: number): ((n: number) => number) => {
    let state = seed;
    return (n) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
  };

  const randomFiles = (next: (n: number) => number): SourceFile[] =>
    Array.from({ length: 2 + next(6) }, (_, f) => ({
      path: `${['', 'src/', 'src/lib/'][next(3)]!}f${f}${next(2) === 0 ? '' : 'é'}.ts`,
      text: Array.from({ length: next(40) }, () =>
        next(6) === 0 ? '  ' : Array.from({ length: 1 + next(4) }, () => `t${next(12)}`).join(' '),
      ).join('\n'),
    }));

  /** The whole retrieval written a second time: no index, no cache, plain arrays and full sorts. */
  const slowRetrieve = (
    files: readonly SourceFile[],
    target: string,
    prefix: string,
    k: number,
    retriever: 'jaccard' | 'bm25',
    profile: RetrievalProfile,
  ): ScoredChunk[] => {
    const near = files
      .filter((file) => file.path !== target)
      .map((file) => ({ file, distance: pathDistance(target, file.path) }))
      .sort((a, b) => a.distance - b.distance || compareCodePoints(a.file.path, b.file.path));
    const candidates = near
      .flatMap(({ file }) => {
        const lines = file.text
          .split('\n')
          .flatMap((text, i) => (isBlank(text) ? [] : [{ text, line: i + 1 }]));
        const chunks = [];
        for (let s = 0; s < lines.length; s += profile.strideLines) {
          const w = lines.slice(s, s + profile.windowLines);
          const text = w.map((l) => l.text).join('\n');
          chunks.push({ path: file.path, startLine: w[0]!.line, endLine: w.at(-1)!.line, text });
        }
        return chunks
          .filter((c) => lexicalTokens(c.text).length > 0)
          .map((c, n, all) => ({ c, n, next: all[n + 1] ?? c }));
      })
      .slice(0, profile.maxChunks);
    const query = lexicalTokens(nonBlankLines(prefix).slice(-profile.queryLines).join('\n'));
    const documents = candidates.map(({ c }) => lexicalTokens(c.text));
    const jaccard = (d: readonly string[]): number => {
      const [a, b] = [new Set(query), new Set(d)];
      return [...a].filter((t) => b.has(t)).length / new Set([...a, ...b]).size;
    };
    const vocabulary = [...new Set(documents.flat())];
    const rawIdf = new Map(
      vocabulary.map((t) => {
        const n = documents.filter((d) => d.includes(t)).length;
        return [t, Math.log(documents.length - n + 0.5) - Math.log(n + 0.5)] as const;
      }),
    );
    const mean = [...rawIdf.values()].reduce((s, x) => s + x, 0) / vocabulary.length;
    const avgdl = documents.reduce((s, d) => s + d.length, 0) / documents.length;
    const bm25 = (d: readonly string[]): number =>
      query.reduce((sum, t) => {
        const idf = rawIdf.get(t) ?? 0;
        const f = d.filter((x) => x === t).length;
        return (
          sum + ((idf < 0 ? 0.25 * mean : idf) * f * 2.5) / (f + 1.5 * (0.25 + (0.75 * d.length) / avgdl))
        );
      }, 0);
    const scored = candidates.map((candidate, i) => ({
      ...candidate,
      score: retriever === 'jaccard' ? jaccard(documents[i]!) : bm25(documents[i]!),
      id: `${candidate.c.path}|${candidate.n}`,
    }));
    // Scores that differ by rounding alone are the same score for the order.
    scored.sort((a, b) =>
      Math.abs(a.score - b.score) > 1e-9 ? b.score - a.score : compareCodePoints(b.id, a.id),
    );
    const shown = new Map<string, ScoredChunk>();
    for (const { next, score } of scored.slice(0, k))
      if (!shown.has(next.text)) shown.set(next.text, { ...next, score });
    return [...shown.values()];
  };

  for (const name of ['jaccard', 'bm25'] as const) {
    test(`${name} equals a slow second writing, chunk for chunk, on 400 random repositories`, async () => {
      const next = generator(name.length);
      for (let round = 0; round < 400; round++) {
        const files = randomFiles(next);
        const target = files[next(files.length)]!;
        const prefix = target.text.slice(0, next(target.text.length + 1));
        const corpus = buildCorpus({ name: 'r', files }, PROFILE);
        const retriever = createRetriever(name, corpus, NO_ENCODER);
        await retriever.prepare([target.path]);
        const fast = await retriever.retrieve({ prefix, path: target.path }, 5);
        const slow = slowRetrieve(files, target.path, prefix, 5, name, PROFILE);
        const place = (c: ScoredChunk): string => `${c.path}:${c.startLine}-${c.endLine}`;
        assert.deepEqual(fast.map(place), slow.map(place));
        close(
          fast.map((c) => c.score),
          slow.map((c) => c.score),
          1e-9,
        );
      }
    });
  }

  test('return the window after the best match, with the score of the match', async () => {
    const text = Array.from({ length: 20 }, (_, i) => (i < 5 ? `alpha${i}` : `beta${i}`)).join('\n');
    const corpus = buildCorpus({ name: 'r', files: [{ path: 'x.ts', text }] }, PROFILE);
    const [best] = await createRetriever('jaccard', corpus, NO_ENCODER).retrieve(
      { prefix: 'alpha0\nalpha1\nalpha2', path: 'target.ts' },
      1,
    );
    // Match: lines 1-10 (3 of 10 terms shared); shown: lines 6-15.
    assert.deepEqual([best!.startLine, best!.endLine, best!.score], [6, 15, 0.3]);
  });

  test('never return a chunk of the file being completed', async () => {
    const files = ['a', 'b'].map((n) => ({ path: `${n}.ts`, text: 'same text here' }));
    const corpus = buildCorpus({ name: 'r', files }, PROFILE);
    const found = await createRetriever('bm25', corpus, NO_ENCODER).retrieve(
      { prefix: 'same text', path: 'a.ts' },
      10,
    );
    assert.deepEqual(
      found.map((c) => c.path),
      ['b.ts'],
    );
  });

  test('break ties by the greater chunk id in code-point order, where "9" is after "10"', () => {
    const files = [{ path: 'a.ts', text: Array.from({ length: 60 }, (_, i) => `u${i}`).join('\n') }];
    const corpus = buildCorpus({ name: 'r', files }, PROFILE);
    const candidates = corpus.candidatesFor('t.ts');
    const scores = jaccardScores(corpus, candidates, 'nothing shared');
    assert.ok(scores.every((s) => s === 0));
    // 12 windows, numbers 0..11; ids in descending code-point order: a.ts|9, |8, |7, ...
    assert.ok(corpus.idRank[9]! > corpus.idRank[8]! && corpus.idRank[8]! > corpus.idRank[10]!);
  });
});

describe('the dense retriever', () => {
  const files = Array.from({ length: 5 }, (_, f) => ({
    path: `f${f}.ts`,
    text: Array.from(
      { length: 22 },
      (_, i) => `${'ab'[(i + f) % 2]!}${'xyz'[(i * f) % 3]!} = ${i * f};`,
    ).join('\n'),
  }));

  /** Counts of three letters: simple to follow, and different texts point in different directions. */
  const letters = (ids: readonly number[]): number[] =>
    ['a', 'x', 'y'].map((letter) => ids.filter((id) => id === 100 + letter.charCodeAt(0)).length);
  const seen: (readonly number[])[] = [];
  const encoder = {
    ...fakeEncoder,
    maxTokens: 512,
    encode: (inputs: readonly (readonly number[])[]) => {
      seen.push(...inputs);
      return Promise.resolve(matrixOf(inputs.length, 3, Float32Array.from(inputs.flatMap(letters))));
    },
  };
  const corpus = buildCorpus({ name: 'r', files }, PROFILE);
  const resources = { embedder: () => retrievalEmbedder(encoder, fakeTokenizer) };

  test('scores by cosine like a slow second writing, over the candidates only', async () => {
    const retriever = createRetriever('unixcoder', corpus, resources);
    assert.ok(retriever.pending(['f0.ts']) > 0);
    await retriever.prepare(['f0.ts']);
    assert.equal(retriever.pending(['f0.ts']), 0);
    const prefix = 'ax\nax\nby\n';
    const found = await retriever.retrieve({ prefix, path: 'f0.ts' }, 1000);
    const unit = (text: string): number[] => {
      const v = letters(fakeTokenizer.encode(strip(text)));
      const length = Math.hypot(...v);
      return v.map((x) => (length === 0 ? 0 : x / length));
    };
    const q = unit(nonBlankLines(prefix).join('\n'));
    const best = corpus.chunks
      .filter((chunk) => chunk.path !== 'f0.ts')
      .map((chunk) => unit(chunk.text).reduce((sum, x, i) => sum + x * q[i]!, 0))
      .sort((a, b) => b - a);
    close([found[0]!.score], [best[0]!], 1e-6);
    assert.ok(found.every((chunk, i) => i === 0 || chunk.score <= found[i - 1]!.score));
    assert.ok(found.every((chunk) => chunk.path !== 'f0.ts'));
  });

  test('reads stripped text without template, cut to 256 ids', async () => {
    seen.length = 0;
    await resources.embedder().embed([`  ${'a'.repeat(300)}\n`]);
    assert.deepEqual(seen, [fakeTokenizer.encode('a'.repeat(256))]);
  });

  test('gives every candidate the score 0 for an empty query', async () => {
    const retriever = createRetriever('unixcoder', corpus, resources);
    await retriever.prepare(['f0.ts']);
    const found = await retriever.retrieve({ prefix: '', path: 'f0.ts' }, 3);
    assert.ok(found.length > 0 && found.every((chunk) => chunk.score === 0));
  });

  test('stops preparing when told to', async () => {
    const retriever = createRetriever('unixcoder', corpus, resources);
    assert.equal(await retriever.prepare(['f0.ts'], () => false), false);
  });
});

describe('Python text rules', () => {
  test('strip removes U+0085 and U+001C but keeps the byte order mark', () => {
    assert.equal(strip('\u0085\u001c x\u00a0\n'), 'x');
    assert.equal(strip('\ufeffx'), '\ufeffx');
  });
});
