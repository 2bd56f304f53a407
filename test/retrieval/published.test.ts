import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import type { ScoredChunk } from '../../src/domain/chunk.js';
import type { SourceFile } from '../../src/domain/task.js';
import { lexicalTokens } from '../../src/retrieval/lexical-tokens.js';
import { askingOf, retrievalProfile, type QueryKind } from '../../src/retrieval/profile.js';
import { promptStartLine } from '../../src/retrieval/corpus/prompt-start.js';
import type { RetrievalTask } from '../../src/retrieval/corpus/query.js';
import { createRetrievers, prepareAll } from '../../src/retrieval/retriever.js';
import { createRng } from '../../src/tensor/rng.js';
import { corpusOf, NO_ENCODER, randomFiles, randomTask, retrieverOver } from '../support/retrieval.js';
import {
  slowBm25,
  slowJaccard,
  slowRepocoder,
  slowRetrieve,
  slowSplitLines,
  slowWords,
  type SlowChunk,
} from '../support/slow-retrieval.js';

const SCORERS = { jaccard: slowJaccard, bm25: slowBm25 };
const QUERIES: readonly QueryKind[] = ['last-n', 'two-sided', 'oracle'];

const wordsOf = new Map<string, string[]>();
/** Tokenizing is most of the slow version's time, and windows come back task after task. */
const remembered = (text: string): string[] => {
  let known = wordsOf.get(text);
  if (known === undefined) wordsOf.set(text, (known = slowWords(text)));
  return known;
};

/** Chunk for chunk, in order; scores to 1e-9. */
function assertSame(fast: readonly ScoredChunk[], slow: readonly SlowChunk[], where: string): void {
  const place = (c: SlowChunk): string => `${c.path}:${c.startLine}-${c.endLine}`;
  assert.deepEqual(fast.map(place), slow.map(place), where);
  for (const [i, { text, score }] of fast.entries()) {
    assert.equal(text, slow[i]!.text, where);
    assert.ok(Math.abs(score - slow[i]!.score) <= 1e-9, `${where} #${i}: ${score}, slow ${slow[i]!.score}`);
  }
}

describe('random repositories', () => {
  for (const profile of ['repoformer', 'cceval'] as const) {
    for (const scorer of ['jaccard', 'bm25'] as const) {
      test(`${profile} with ${scorer} equals the slow second writing on 700 of them`, async () => {
        const rng = createRng(profile.length * 31 + scorer.length);
        for (let round = 0; round < 700; round++) {
          const files = randomFiles(rng);
          const task = randomTask(rng, files);
          const query = QUERIES[rng.int(profile === 'cceval' ? 1 : 3)]!;
          const isStrict = rng.int(2) === 0;
          const k = 1 + rng.int(6);
          const fast = await retrieverOver(files, scorer, { profile, query, isStrict }).retrieve(task, k);
          const slow = slowRetrieve(files, task, {
            profile,
            query,
            isStrict,
            k,
            scorer: SCORERS[scorer],
            words: remembered,
          });
          assertSame(fast, slow, `round ${round}, ${query}${isStrict ? ' strict' : ''}`);
        }
      });
    }
  }

  test('repocoder equals the slow second writing on 700 of them, whole prompts and cut ones', async () => {
    const rng = createRng(7);
    const profile = retrievalProfile('repocoder');
    let fromTarget = 0;
    for (let round = 0; round < 700; round++) {
      const files = randomFiles(rng);
      const { path, text } = files[rng.int(files.length)]!;
      const lines = text.split('\n');
      const line = rng.int(lines.length);
      // Lines are made different, so that the prompt's text says where it stands.
      const marked = lines
        .map((content, i) => `${content} n${i}`)
        .map((content) => content.replace('\u0085', ''));
      const whole = files.map((file) => (file.path === path ? { path, text: marked.join('\n') } : file));
      const contextStart = rng.int(2) === 0 ? 0 : rng.int(line + 1);
      const task: RetrievalTask = {
        path,
        prefix: marked
          .slice(contextStart, line)
          .map((content) => `${content}\n`)
          .join(''),
        reference: marked[line]!,
        suffix: marked
          .slice(line + 1)
          .map((content) => `\n${content}`)
          .join(''),
      };
      const kind = (['last-n', 'oracle'] as const)[rng.int(2)]!;
      const isStrict = rng.int(2) === 0;
      const k = 1 + rng.int(25);
      const scorer = (['jaccard', 'bm25'] as const)[rng.int(2)]!;
      const fast = await retrieverOver(whole, scorer, {
        profile: 'repocoder',
        query: kind,
        isStrict,
      }).retrieve(task, k);
      // What RepoCoder's overwritten file makes of the baseline: the hole's window asks.
      const asksWithHole = isStrict || kind === 'oracle';
      const slow = slowRepocoder(
        whole,
        { path, contextStart, line },
        { asks: asksWithHole ? 'around' : 'before', shows: kind === 'oracle' ? 'match' : 'moved' },
        lexicalTokens,
        SCORERS[scorer],
        k,
      );
      assertSame(fast, slow, `round ${round}, ${kind}${isStrict ? ' strict' : ''}`);
      fromTarget += fast.filter((chunk) => chunk.path === path).length;
      assert.ok(fast.length <= profile.topK.most);
      assert.equal(promptStartLine(marked.join('\n'), task), contextStart);
      for (const chunk of fast) if (chunk.path === path) assert.ok(chunk.endLine <= line, 'before the hole');
    }
    assert.ok(fromTarget > 0, 'some chunks come from the target file, before the prompt');
  });

  test('the slow tokenizer and the fast one find the same words in them and in English', () => {
    for (const text of [
      "// we can't do this; don't try",
      "wanna go? 'tis gonna be cannot",
      'x = "isn\'t."',
    ]) {
      assert.deepEqual(lexicalTokens(text), slowWords(text), text);
    }
  });

  test('the slow line splitter agrees with Python on what it was checked with', () => {
    assert.deepEqual(slowSplitLines('a\r\nb\fc\n\n'), ['a', 'b', 'c', '']);
  });
});

/** Real repositories: sources of development dependencies whose exact versions the lock file fixes. */
const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const REPOSITORIES = [
  // TypeScript as its package ships it, below src/.
  {
    name: 'zod',
    folder: 'zod',
    suffix: /\.ts$/,
    within: 'src',
    target: /^src\/v4\/(core|classic)\/\w+\.ts$/,
  },
  // TypeScript, shipped below lib/; read as src/ so that CrossCodeEval's rule for TypeScript applies.
  {
    name: 'onnxruntime-common',
    folder: 'onnxruntime-common/lib',
    suffix: /\.ts$/,
    within: '',
    target: /^src\//,
  },
  // JavaScript: 400 files and more than 1,000 chunks, so that the caps decide.
  { name: 'eslint', folder: 'eslint', suffix: /\.js$/, within: 'lib', target: /^lib\/(linter|rules)\// },
] as const;

function readRepository({ folder, suffix, within }: (typeof REPOSITORIES)[number]): SourceFile[] {
  const root = join(NODE_MODULES, folder);
  return readdirSync(join(root, within), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && suffix.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .map((path) => ({
      path: within === '' ? `src/${path}` : path,
      text: readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n'),
    }));
}

describe('real repositories', () => {
  for (const repository of REPOSITORIES) {
    test(`${repository.name}: repoformer and cceval, every query, equal the slow second writing`, async () => {
      const files = readRepository(repository);
      const targets = files.filter(
        ({ path, text }) => repository.target.test(path) && text.split('\n').length > 30,
      );
      assert.ok(files.length > 15 && targets.length > 3, `${files.length} files, ${targets.length} targets`);
      let compared = 0;
      for (const name of ['repoformer', 'cceval'] as const) {
        const profile = retrievalProfile(name);
        const corpus = corpusOf(files, profile);
        for (const query of QUERIES) {
          const asking = askingOf(profile, query, false);
          if (asking === null) continue;
          const set = createRetrievers(['jaccard', 'bm25'], corpus, asking, NO_ENCODER);
          for (const share of query === 'last-n' ? [0.25, 0.75] : [0.75]) {
            const { path, text } = targets[Math.floor(share * targets.length)]!;
            const lines = text.split('\n');
            const at = Math.floor(lines.length * 0.6);
            const task: RetrievalTask = {
              path,
              prefix: lines
                .slice(0, at)
                .map((line) => `${line}\n`)
                .join(''),
              reference: lines[at]!,
              suffix: `\n${lines.slice(at + 1).join('\n')}`,
            };
            await prepareAll([{ set, tasks: [task] }], NO_ENCODER);
            for (const scorer of ['jaccard', 'bm25'] as const) {
              const fast = await set.get(scorer).retrieve(task, 10);
              const setting = { profile: name, query, k: 10, scorer: SCORERS[scorer], words: remembered };
              assertSame(fast, slowRetrieve(files, task, setting), `${path} ${name} ${query} ${scorer}`);
              assert.ok(fast.length > 0);
              compared++;
            }
          }
        }
      }
      assert.equal(compared, (2 + 1 + 1 + 2 + 1) * 2);
    });
  }
});
