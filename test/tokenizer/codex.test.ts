import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCodexTerms } from '../../src/tokenizer/codex.js';
import { some } from '../support/some.js';

// Recorded with Python's tiktoken (encode_ordinary) on the same table of merges, see scripts/check-retrieval.py.
const RECORDED: readonly (readonly [text: string, ids: readonly number[]])[] = [
  ['def f(x):\n    return x', [4299, 277, 7, 87, 2599, 198, 50258, 1441, 2124]],
  ['a<|endoftext|>b', [64, 27, 91, 437, 1659, 5239, 91, 29, 65]],
  [
    "größe = '变量 😀'\t \n\n        y",
    [2164, 9101, 39683, 68, 796, 705, 20998, 246, 34932, 237, 30325, 222, 6, 197, 220, 628, 50262, 331],
  ],
  ['', []],
];

test("the ids are p50k_base's, runs of blanks included, and a spelled control token is ordinary text", async () => {
  const terms = await loadCodexTerms();
  for (const [text, ids] of some(RECORDED)) assert.deepEqual(terms(text), ids, JSON.stringify(text));
});
