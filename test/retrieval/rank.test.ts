import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildCorpus } from '../../src/retrieval/corpus.js';
import { retrievalProfile } from '../../src/retrieval/profile.js';
import { createRetriever } from '../../src/retrieval/retriever.js';

test('the chunks for a smaller k need not be the first of those for a larger one: texts that repeat count towards k', async () => {
  const files = ['a b', 'a b', 'a c'].map((text, i) => ({ path: `d${i}.ts`, text }));
  const corpus = buildCorpus({ name: 'r', files }, retrievalProfile('repoformer'));
  const retriever = createRetriever('jaccard', corpus, {
    embedder: () => {
      throw new Error('lexical retrievers need no encoder');
    },
  });
  const task = { prefix: 'a b', path: 'main.ts' };
  const texts = async (k: number): Promise<string[]> =>
    (await retriever.retrieve(task, k)).map(({ text }) => text);
  // Ranked d1, d0 (both 2/2; the greater id first), d2 (1/3). d0 repeats d1 and is not shown.
  assert.deepEqual(await texts(3), ['a b', 'a c']);
  assert.deepEqual(await texts(2), ['a b']);
});
