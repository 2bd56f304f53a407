import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retrieverOver, taskIn } from '../support/retrieval.js';

test('the chunks for a smaller k need not be the first of those for a larger one: texts that repeat count towards k', async () => {
  const files = ['a b', 'a b', 'a c'].map((text, i) => ({ path: `d${i}.ts`, text }));
  const retriever = retrieverOver(files, 'jaccard');
  const texts = async (k: number): Promise<string[]> =>
    (await retriever.retrieve(taskIn('main.ts', 'a b'), k)).map(({ text }) => text);
  // Ranked d1, d0 (both 2/2; the greater id first), d2 (1/3). d0 repeats d1 and is not shown.
  assert.deepEqual(await texts(3), ['a b', 'a c']);
  assert.deepEqual(await texts(2), ['a b']);
});
