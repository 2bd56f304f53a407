import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { lexicalTokens } from '../../src/retrieval/lexical-tokens.js';
import { z } from 'zod';

const golden = z
  .array(z.tuple([z.string(), z.array(z.string())]))
  .parse(JSON.parse(readFileSync(new URL('../golden/lexical-tokens.json', import.meta.url), 'utf8')));

test(`lexical tokens equal NLTK's on ${golden.length} recorded texts`, () => {
  for (const [text, expected] of golden)
    assert.deepEqual(lexicalTokens(text), expected, JSON.stringify(text));
});

test('identifiers keep their case and underscores, and letters are Unicode letters', () => {
  assert.deepEqual(lexicalTokens("if (!x) don't do_it(größe, 变量)"), [
    'if',
    'x',
    'do',
    'n',
    't',
    'do_it',
    'größe',
    '变量',
  ]);
});
