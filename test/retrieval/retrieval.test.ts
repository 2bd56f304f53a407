import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compareCodePoints, nonBlankLines, splitLines, strip } from '../../src/domain/text.js';
import { bm25Scores, bm25Statistics } from '../../src/retrieval/search/bm25-score.js';
import { CandidateSets } from '../../src/retrieval/corpus/candidates.js';
import { chunkFile, isChunked } from '../../src/retrieval/corpus/chunker.js';
import { retrievalEmbedder } from '../../src/retrieval/rankers/embedder.js';
import { jaccard } from '../../src/retrieval/search/jaccard-score.js';
import { lexicalTokens } from '../../src/retrieval/lexical-tokens.js';
import { nearestFirst, pathDistance } from '../../src/retrieval/corpus/path-distance.js';
import { askingOf, retrievalProfile, type QueryRule } from '../../src/retrieval/profile.js';
import { promptStartLine } from '../../src/retrieval/corpus/prompt-start.js';
import { queryText } from '../../src/retrieval/corpus/query.js';
import { createRetrievers, prepareAll } from '../../src/retrieval/retriever.js';
import { fakeEncoder, fakeTokenizer } from '../support/fakes.js';
import { corpusOf, LETTER_ENCODER, letterCounts, retrieverOver, taskIn } from '../support/retrieval.js';

function close(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]!) <= tolerance, `#${i}: ${value}, expected ${expected[i]!}`);
  }
}

const numbered = (n: number): string => Array.from({ length: n }, (_, i) => `line${i}`).join('\n');

describe('chunking', () => {
  const spans = (profile: 'repoformer' | 'cceval' | 'repocoder', text: string): number[][] =>
    chunkFile({ path: 'a.ts', text }, retrievalProfile(profile).windows, lexicalTokens).map((chunk) => [
      chunk.startLine,
      chunk.endLine,
    ]);

  test('under repoformer, 12 non-blank lines give windows at 0, 5 and 10 of 10, 7 and 2 lines', () => {
    assert.deepEqual(spans('repoformer', numbered(12)), [
      [1, 10],
      [6, 12],
      [11, 12],
    ]);
  });

  test('under cceval, 12 non-blank lines give windows at 0 and 10 of 10 and 2 lines', () => {
    assert.deepEqual(spans('cceval', numbered(12)), [
      [1, 10],
      [11, 12],
    ]);
  });

  test('under repocoder, 25 lines give [0, 10), [0, 20) and [10, 25)', () => {
    assert.deepEqual(spans('repocoder', numbered(25)), [
      [1, 10],
      [1, 20],
      [11, 25],
    ]);
  });

  test('repocoder keeps blank lines and ends a line wherever Python does', () => {
    const { windows } = retrievalProfile('repocoder');
    const [chunk] = chunkFile({ path: 'a.py', text: 'a\n\n  \fb\u2028c\r\n' }, windows, lexicalTokens);
    assert.deepEqual([chunk!.text, chunk!.endLine], ['a\n\n  \nb\nc', 5]);
  });

  test('blank lines, also those Python alone calls blank, are removed but line numbers stay those of the file', () => {
    const { windows } = retrievalProfile('repoformer');
    const [chunk] = chunkFile({ path: 'a.ts', text: 'a\n\n  \u0085\u001c\nb\n' }, windows, lexicalTokens);
    assert.deepEqual([chunk!.text, chunk!.startLine, chunk!.endLine], ['a\nb', 1, 4]);
  });

  test('a window without a token is dropped', () => {
    assert.deepEqual(spans('repoformer', '{\n}\n;'), []);
  });

  test('cceval chunks TypeScript below src/ alone, and other languages wherever they lie', () => {
    const rule = retrievalProfile('cceval').files;
    const seen = (path: string): boolean => isChunked(path, rule);
    assert.deepEqual(['src/a.ts', 'src/ui/b.tsx', 'app/src/c.py', 'D.java'].filter(seen), [
      'src/a.ts',
      'src/ui/b.tsx',
      'app/src/c.py',
      'D.java',
    ]);
    assert.deepEqual(['a.ts', 'lib/src/a.ts', 'srcs/a.ts', 'src/a.mts', 'test/a.tsx'].filter(seen), []);
  });
});

describe('queries', () => {
  const lines = (from: number, to: number, mark = 'l'): string[] =>
    Array.from({ length: to - from }, (_, i) => `${mark}${from + i}`);
  const ask = (profile: 'repoformer' | 'cceval' | 'repocoder', kind: 'last-n' | 'two-sided' | 'oracle') =>
    askingOf(retrievalProfile(profile), kind, false)!;
  const text = (rule: QueryRule, prefix: string, reference = '', suffix = ''): string[] =>
    queryText({ path: 'a.ts', prefix, reference, suffix }, rule, null).split('\n');

  test('of kind last-n are the last ten non-blank lines, an indentation-only last line not counted', () => {
    const prefix = `${lines(0, 14).join('\n\n')}\n    `;
    for (const profile of ['repoformer', 'cceval'] as const) {
      assert.deepEqual(text(ask(profile, 'last-n').query, prefix), lines(4, 14));
    }
  });

  test('of kind two-sided are five non-blank lines before and five after', () => {
    const suffix = `\n\n${lines(0, 9, 'r').join('\n \n')}`;
    assert.deepEqual(text(ask('repoformer', 'two-sided').query, lines(0, 9).join('\n'), 'hole', suffix), [
      ...lines(4, 9),
      ...lines(0, 5, 'r'),
    ]);
  });

  test('of kind oracle end with the reference, and say that they leak', () => {
    const oracle = ask('cceval', 'oracle');
    assert.deepEqual(text(oracle.query, `${lines(0, 14).join('\n')}\n  `, 'a\n\nb'), [
      ...lines(6, 14),
      'a',
      'b',
    ]);
    assert.ok(oracle.leaks && !ask('cceval', 'last-n').leaks);
  });

  test('of repocoder are the 20 whole lines before the hole, blank ones too', () => {
    const prefix = `${lines(0, 25).join('\n\n')}\n    `;
    const expected = lines(15, 25).flatMap((line) => ['', line]);
    assert.deepEqual(text(ask('repocoder', 'last-n').query, prefix), expected);
    // A prompt that begins within these 20 lines is all there is: RepoCoder's lower bound.
    assert.deepEqual(text(ask('repocoder', 'last-n').query, 'p\nq\n'), ['p', 'q']);
  });

  test('of repocoder with ground truth are the ten lines before the hole and the ten from it on', () => {
    const query = text(
      ask('repocoder', 'oracle').query,
      `${lines(0, 25).join('\n')}\n  `,
      'x',
      `\n${lines(0, 30, 'r').join('\n')}`,
    );
    assert.deepEqual(query, [...lines(15, 25), '  x', ...lines(0, 9, 'r')]);
  });

  test('of an empty prefix are empty', () => {
    assert.deepEqual(text(ask('cceval', 'last-n').query, ''), ['']);
    assert.deepEqual(text(ask('repocoder', 'last-n').query, ''), ['']);
  });

  test('exist only where the harness has them', () => {
    assert.equal(askingOf(retrievalProfile('cceval'), 'two-sided', false), null);
    assert.equal(askingOf(retrievalProfile('repocoder'), 'two-sided', false), null);
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

  const near = { path: 'a/near.ts', text: Array.from({ length: 5100 }, (_, i) => `n${i}`).join('\n') };
  const far = { path: 'far/x.ts', text: 'needle' };

  test('stops at 1,000 chunks, so far files of a large repository are never seen', () => {
    const corpus = corpusOf([near, far]);
    const { members } = new CandidateSets(corpus).of(taskIn('a/target.ts', ''));
    assert.equal(members.length, 1000);
    assert.ok(members.every((i) => corpus.chunks[i]!.path === 'a/near.ts'));
  });

  test('the profile global has no end: the far file is found', async () => {
    const [best] = await retrieverOver([near, far], 'bm25', { profile: 'global' }).retrieve(
      taskIn('a/target.ts', 'needle'),
      1,
    );
    assert.equal(best!.path, 'far/x.ts');
  });
});

describe("RepoCoder's guard", () => {
  // Three files of which two begin with the same 10 lines; the prompt begins at line 20 (0-based) of the target.
  const shared = Array.from({ length: 20 }, (_, i) => `s${i}`);
  const target = {
    path: 't.py',
    text: [...shared, ...Array.from({ length: 30 }, (_, i) => `u${i}`)].join('\n'),
  };
  const twin = { path: 'twin.py', text: [...shared.slice(0, 10), ...shared.slice(0, 10)].join('\n') };
  const task = taskIn('t.py', target.text.split('\n').slice(20, 40).join('\n') + '\n', { reference: 'u20' });
  const corpus = corpusOf([target, twin], retrievalProfile('repocoder'));

  test('finds where the prompt begins by its text', () => {
    assert.equal(promptStartLine(target.text, task), 20);
    assert.equal(promptStartLine(target.text, taskIn('t.py', 'elsewhere')), 0);
  });

  test('keeps windows of the target that end at the prompt or before it, and refuses the others', () => {
    const { members } = new CandidateSets(corpus).of(task);
    const own = [...members].map((i) => corpus.chunks[i]!).filter(({ path }) => path === 't.py');
    assert.deepEqual(
      own.map(({ startLine, endLine }) => [startLine, endLine]),
      [
        [1, 10],
        [1, 20],
      ],
    );
  });

  test('keeps a window that is behind the prompt if its text also stands elsewhere', () => {
    // The first ten lines of both files are one chunk with two places.
    const early = taskIn('t.py', target.text.slice(0, target.text.indexOf('u0')), { reference: 'u0' });
    const { members } = new CandidateSets(corpus).of(early);
    const first = [...members].find((i) => corpus.chunks[i]!.text === shared.slice(0, 10).join('\n'))!;
    assert.deepEqual(
      corpus.places(first).map(({ path, startLine }) => [path, startLine]),
      [
        ['t.py', 1],
        ['twin.py', 1],
      ],
    );
    assert.ok(members.length > 1);
    assert.ok([...members].every((i) => corpus.places(i).some(({ path }) => path === 'twin.py')));
  });
});

describe('CrossCodeEval’s two rules for repeated texts', () => {
  // Two files begin differently and go on alike; a third goes on in its own way.
  const window = (word: string): string[] => Array.from({ length: 10 }, (_, i) => `${word} w${i}`);
  const fileOf = (name: string, first: string, second: string) => ({
    path: `src/${name}.ts`,
    text: [...window(first), ...window(second)].join('\n'),
  });
  const files = [
    fileOf('a', 'needle needle', 'shared'),
    fileOf('b', 'needle thread', 'shared'),
    fileOf('c', 'needle thread yarn', 'own'),
    fileOf('d', 'other', 'more'),
  ];
  const task = taskIn('src/t.ts', 'needle thread\n');
  const shown = async (profile: 'cceval' | 'cceval-shipped', k: number): Promise<string[]> =>
    (await retrieverOver(files, 'jaccard', { profile }).retrieve(task, k)).map(({ path }) => path);

  test('the released script goes on until k texts differ, the shipped lists stop after the best k', async () => {
    // Query {needle, thread}. b shares 2 of 12 words, c 2 of 13, a 1 of 12, all others none.
    assert.deepEqual(await shown('cceval', 2), ['src/b.ts', 'src/c.ts']);
    assert.deepEqual(await shown('cceval-shipped', 2), ['src/b.ts', 'src/c.ts']);
    // The third is a, which goes on as b does. The first of the others, by id, is the second window of d.
    assert.deepEqual(await shown('cceval-shipped', 3), ['src/b.ts', 'src/c.ts']);
    assert.deepEqual(await shown('cceval', 3), ['src/b.ts', 'src/c.ts', 'src/d.ts']);
  });
});

describe('Stated lines of a prompt', () => {
  // Forty lines l0 to l39; the prompt begins in the middle of line 12, and the hole is line 30.
  const lines = Array.from({ length: 40 }, (_, i) => `l${i} = ${i}`);
  const file = { path: 't.py', text: lines.join('\n') };
  const stated = taskIn('t.py', `= 12\n${lines.slice(13, 30).join('\n')}\n`, {
    reference: lines[30]!,
    lines: { start: 12, hole: 30 },
  });

  test('are those of the file in queries of whole lines, none from before the prompt', () => {
    const before = (count: number): string =>
      queryText(stated, { kind: 'lines-before', lines: count }, file.text);
    assert.equal(before(3), 'l27 = 27\nl28 = 28\nl29 = 29');
    // Twenty lines would begin at line 10. The first line is whole, though the prompt begins in its middle.
    assert.equal(before(20), lines.slice(12, 30).join('\n'));
    // What is behind the hole comes from the file, since RepoEval's records hold none of it.
    assert.equal(
      queryText(stated, { kind: 'lines-around', before: 2, after: 3 }, file.text),
      lines.slice(28, 33).join('\n'),
    );
  });

  test('do not help where the file is missing: the text of the task is asked with', () => {
    const query = queryText(stated, { kind: 'lines-before', lines: 20 }, null);
    assert.equal(query, ['= 12', ...lines.slice(13, 30)].join('\n'));
  });

  test('say where the guard begins although the text of the prompt is not in the file', () => {
    const changed = { ...stated, prefix: stated.prefix.replace('l20', 'other') };
    assert.equal(promptStartLine(file.text, changed), 12);
    assert.equal(promptStartLine(file.text, taskIn('t.py', changed.prefix, { reference: lines[30]! })), 0);
  });

  test('keep shown windows before the hole', async () => {
    // Windows of 20 lines around lines 0, 10, 20 and 30. Only the first ends (line 10) before the prompt (line 12).
    const [shown] = await retrieverOver([file], 'jaccard', { profile: 'repocoder' }).retrieve(stated, 5);
    // Moved on by 10 lines: lines 0 to 19, which end before the hole in line 30.
    assert.deepEqual([shown?.startLine, shown?.endLine], [1, 20]);
    const early = { ...stated, lines: { start: 12, hole: 20 } };
    assert.deepEqual(await retrieverOver([file], 'jaccard', { profile: 'repocoder' }).retrieve(early, 5), []);
  });
});

describe('BM25', () => {
  const score = (documents: readonly string[], query: string): number[] => {
    const corpus = corpusOf(documents.map((text, i) => ({ path: `d${i}.ts`, text })));
    const candidates = new CandidateSets(corpus).of(taskIn('target.ts', ''));
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

test('where every term of the query is in half of the chunks, all scores are 0 and the order is that of the ids', async () => {
  // N = 4, each term in two chunks: idf = ln(4 - 2 + 0.5) - ln(2 + 0.5) = 0, which rank_bm25 leaves at 0.
  const texts = { a: 'x y', b: 'x z', c: 'z q', d: 'y q' };
  const files = Object.entries(texts).map(([name, text]) => ({ path: `${name}.py`, text }));
  const found = await retrieverOver(files, 'bm25', { profile: 'cceval' }).retrieve(
    taskIn('t.py', 'x y z q\n'),
    5,
  );
  assert.deepEqual(
    found.map(({ path, score }) => [path, score]),
    [
      ['d.py', 0],
      ['c.py', 0],
      ['b.py', 0],
      ['a.py', 0],
    ],
  );
});

describe('Jaccard', () => {
  test('is shared over distinct', () => {
    // {a, b, z} against {a, b, c}: 2 of 4.
    assert.equal(jaccard(2, 3, 3), 0.5);
  });

  test('of two empty sets is 0, where RepoCoder divides by zero', () => {
    assert.equal(jaccard(0, 0, 0), 0);
  });
});

describe('what is shown', () => {
  const text = Array.from({ length: 20 }, (_, i) => (i < 5 ? `alpha${i}` : `beta${i}`)).join('\n');
  const query = 'alpha0\nalpha1\nalpha2';

  test('for a last-n query is the window after the match, with the score of the match', async () => {
    const found = await retrieverOver([{ path: 'x.ts', text }], 'jaccard').retrieve(taskIn('t.ts', query), 1);
    // Match: lines 1-10 (3 of 10 terms shared); shown: lines 6-15.
    assert.deepEqual(
      found.map((c) => [c.startLine, c.endLine, c.score]),
      [[6, 15, 0.3]],
    );
  });

  test('under cceval is ten lines further on, not five', async () => {
    const setting = { profile: 'cceval' } as const;
    const files = [{ path: 'src/x.ts', text }];
    const [best] = await retrieverOver(files, 'jaccard', setting).retrieve(taskIn('t.ts', query), 1);
    assert.deepEqual([best!.startLine, best!.endLine, best!.score], [11, 20, 0.3]);
  });

  test('for two-sided and oracle queries is the match itself', async () => {
    for (const kind of ['two-sided', 'oracle'] as const) {
      const [best] = await retrieverOver([{ path: 'x.ts', text }], 'jaccard', { query: kind }).retrieve(
        taskIn('t.ts', query),
        1,
      );
      assert.deepEqual([best!.startLine, best!.endLine], [1, 10]);
    }
  });

  test('under repocoder is a window moved on by ten lines, or the match itself for an oracle query', async () => {
    const files = [{ path: 'x.py', text: Array.from({ length: 60 }, (_, i) => `w${i}`).join('\n') }];
    // Windows: [0, 10) [0, 20) [10, 30) [20, 40) ...; the query equals [20, 40) of x.py.
    const prefix = `${files[0]!.text.split('\n').slice(20, 40).join('\n')}\n`;
    const shown = async (kind: 'last-n' | 'oracle', task = taskIn('t.py', prefix)) =>
      (await retrieverOver(files, 'jaccard', { profile: 'repocoder', query: kind }).retrieve(task, 1)).map(
        (c) => [c.startLine, c.endLine, c.score],
      );
    assert.deepEqual(await shown('last-n'), [[31, 50, 1]]);
    // Ten lines before the hole and nothing after: 10 of the 20 words of [20, 40) and of [30, 50).
    // Equal scores: the later window.
    assert.deepEqual(await shown('oracle'), [[31, 50, 0.5]]);
  });

  test('under repoformer may be fewer than k where texts repeat; cceval walks on until it has k', async () => {
    // Two copies of one file, each with two different windows of ten; and a third file.
    const copy = Array.from({ length: 20 }, (_, i) => `w${i}`).join('\n');
    const files = ['src/a.ts', 'src/b.ts', 'src/c.ts'].map((path, i) => ({
      path,
      text: i < 2 ? copy : 'w0\nother',
    }));
    const paths = async (profile: 'repoformer' | 'cceval'): Promise<string[]> =>
      (await retrieverOver(files, 'jaccard', { profile }).retrieve(taskIn('src/t.ts', 'w0\nw1\nw2'), 2)).map(
        ({ path }) => path,
      );
    assert.deepEqual(await paths('repoformer'), ['src/b.ts']);
    assert.deepEqual(await paths('cceval'), ['src/b.ts', 'src/c.ts']);
  });
});

describe('ties', () => {
  test('are broken by the greater id in code-point order, where "9" is after "10"', async () => {
    // 12 windows, numbers 0..11, all without a shared term: descending ids are |9, |8, ... |2, |11, |10, |1, |0.
    const files = [{ path: 'a.ts', text: Array.from({ length: 60 }, (_, i) => `u${i}`).join('\n') }];
    const found = await retrieverOver(files, 'jaccard').retrieve(taskIn('t.ts', 'nothing'), 9);
    // Shown is the window after the match: number + 1, which starts at line 5 (number + 1) + 1.
    assert.deepEqual(
      found.map(({ startLine }) => (startLine - 1) / 5 - 1),
      [9, 8, 7, 6, 5, 4, 3, 2, 10],
    );
  });

  test('pair the text of one file with the name of another under --strict-reference, and never without', async () => {
    // Equal scores; texts in descending order: b in p.ts, a in q.ts; ids in descending order: q.ts, p.ts.
    const files = [
      { path: 'p.ts', text: 'b' },
      { path: 'q.ts', text: 'a' },
    ];
    const pairs = async (isStrict: boolean): Promise<string[]> =>
      (
        await retrieverOver(files, 'jaccard', { query: 'oracle', isStrict }).retrieve(taskIn('t.ts', 'z'), 2)
      ).map(({ path, text }) => `${path}: ${text}`);
    assert.deepEqual(await pairs(false), ['q.ts: a', 'p.ts: b']);
    assert.deepEqual(await pairs(true), ['q.ts: b', 'p.ts: a']);
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
  const corpus = corpusOf(files);
  const asking = askingOf(retrievalProfile('repoformer'), 'last-n', false)!;
  const unixcoder = () => createRetrievers(['unixcoder', 'hybrid'], corpus, asking, LETTER_ENCODER);

  test('scores by cosine like a slow second writing, over the candidates only', async () => {
    const set = unixcoder();
    const task = taskIn('f0.ts', 'ax\nax\nby\n');
    assert.ok(set.unencoded([task]).length > 0);
    await prepareAll([{ set, tasks: [task] }], LETTER_ENCODER);
    assert.deepEqual(set.unencoded([task]), []);
    const found = await set.get('unixcoder').retrieve(task, 1000);
    const unit = (text: string): number[] => {
      const v = letterCounts(fakeTokenizer.encode(strip(text)));
      const length = Math.hypot(...v);
      return v.map((x) => (length === 0 ? 0 : x / length));
    };
    const q = unit(nonBlankLines(task.prefix).join('\n'));
    const best = corpus.chunks
      .filter((chunk) => chunk.path !== 'f0.ts')
      .map((chunk) => unit(chunk.text).reduce((sum, x, i) => sum + x * q[i]!, 0))
      .sort((a, b) => b - a);
    close([found[0]!.score], [best[0]!], 1e-6);
    assert.ok(found.every((chunk, i) => i === 0 || chunk.score <= found[i - 1]!.score));
    assert.ok(found.every((chunk) => chunk.path !== 'f0.ts'));
  });

  test('encodes each chunk once, whoever asks for it', async () => {
    let encoded = 0;
    const task = taskIn('f0.ts', 'ax');
    const set = unixcoder();
    const pending = set.unencoded([task, task]).length;
    let announced = 0;
    await prepareAll(
      [{ set, tasks: [task, taskIn('f0.ts', 'by')] }],
      LETTER_ENCODER,
      (chunks) => (announced = chunks),
      (count) => (encoded += count) >= 0,
    );
    const candidates = new CandidateSets(corpus).of(task).members.length;
    assert.deepEqual([encoded, pending, announced], [candidates, candidates, candidates]);
  });

  test('reads stripped text without template, cut to 256 ids', async () => {
    const seen: (readonly number[])[] = [];
    const encoder = {
      ...fakeEncoder,
      maxTokens: 512,
      encode: (inputs: readonly (readonly number[])[]) => {
        seen.push(...inputs);
        return fakeEncoder.encode(inputs as Parameters<typeof fakeEncoder.encode>[0]);
      },
    };
    await retrievalEmbedder(encoder, fakeTokenizer).embed([`  ${'a'.repeat(300)}\n`]);
    assert.deepEqual(seen, [fakeTokenizer.encode('a'.repeat(256))]);
  });

  test('gives every candidate the score 0 for an empty query', async () => {
    const set = unixcoder();
    const task = taskIn('f0.ts', '');
    await prepareAll([{ set, tasks: [task] }], LETTER_ENCODER);
    const found = await set.get('unixcoder').retrieve(task, 3);
    assert.ok(found.length > 0 && found.every((chunk) => chunk.score === 0));
  });

  test('stops preparing when told to', async () => {
    const work = [{ set: unixcoder(), tasks: [taskIn('f0.ts', '')] }];
    assert.equal(await prepareAll(work, LETTER_ENCODER, undefined, () => false), false);
  });
});

describe('Python text rules', () => {
  test('strip removes U+0085 and U+001C but keeps the byte order mark', () => {
    assert.equal(strip('\u0085\u001c x\u00a0\n'), 'x');
    assert.equal(strip('\ufeffx'), '\ufeffx');
  });

  test("splitLines ends a line where Python's splitlines does, and opens none after the last end", () => {
    assert.deepEqual(
      splitLines('a\r\nb\rc\vd\fe\x1cf\x1dg\x1eh\x85i\u2028j\u2029'),
      Array.from('abcdefghij'),
    );
    assert.deepEqual([splitLines(''), splitLines('\n'), splitLines('\x1f')], [[], [''], ['\x1f']]);
  });

  test('strings sort by code point, not by UTF-16 unit', () => {
    assert.deepEqual(['\u{1f600}', '\uff5e', 'a'].sort(compareCodePoints), ['a', '\uff5e', '\u{1f600}']);
  });
});
