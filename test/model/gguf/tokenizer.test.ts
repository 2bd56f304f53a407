/**
 * @file Tokenizers out of GGUF metadata against transformers' conversion of the same files.
 *
 * Where transformers falls back to GPT-2's way of cutting words, the expected ids come from the `tokenizers`
 * package with the patterns of llama.cpp; see `test/golden/make-gguf.py`.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ModelError } from '../../../src/domain/errors.js';
import type { TokenId } from '../../../src/domain/units.js';
import type { Tokenizer } from '../../../src/inference/tokenizer.js';
import { GgufFile } from '../../../src/model/gguf/gguf-file.js';
import type { MetadataValue } from '../../../src/model/gguf/header.js';
import { mergesFromScores } from '../../../src/model/gguf/score-merges.js';
import { tokenizerDefinition } from '../../../src/model/gguf/tokenizer.js';
import { recognizeFamily } from '../../../src/prompt/fim.js';
import { tokenizerOf } from '../../../src/tokenizer/hf.js';
import { expected, ggufPath } from './golden.js';

type Changes = Readonly<Record<string, MetadataValue | undefined>>;

function metadataOf(name: string, changes: Changes = {}): ReadonlyMap<string, MetadataValue> {
  const file = GgufFile.open(ggufPath(name));
  file.close();
  const metadata = new Map(file.metadata);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) metadata.delete(`tokenizer.ggml.${key}`);
    else metadata.set(`tokenizer.ggml.${key}`, value);
  }
  return metadata;
}

const tokenizerIn = (name: string, changes: Changes = {}): Tokenizer =>
  tokenizerOf(tokenizerDefinition('x.gguf', metadataOf(name, changes)), ['x'], 'x.gguf');

const { strings, bytes, sentencePiece } = expected;

function assertSameIds(
  theirs: readonly (readonly TokenId[])[],
  encode: (text: string) => readonly TokenId[],
): void {
  assert.equal(theirs.length, strings.length);
  for (const [i, text] of strings.entries()) {
    assert.deepEqual([...encode(text)], [...theirs[i]!], JSON.stringify(text));
  }
}

const refused = (pattern: RegExp) => (error: unknown) =>
  error instanceof ModelError && pattern.test(error.render()) && /--tokenizer/.test(error.render());

describe('a byte-level vocabulary', () => {
  for (const [pre, ids] of Object.entries(bytes)) {
    test(`cut as ${pre} gives the ids of the reference for ${strings.length} strings`, () => {
      const tokenizer = tokenizerIn('decoder.gguf', { pre });
      assertSameIds(ids, (text) => tokenizer.encode(text));
    });
  }

  test('is cut differently by different names', () => {
    const different = new Set(Object.values(bytes).map((ids) => JSON.stringify(ids)));
    // starcoder and smollm are the same.
    assert.equal(different.size, Object.keys(bytes).length - 1);
  });

  test('gives the text back', () => {
    const tokenizer = tokenizerIn('decoder.gguf');
    for (const text of strings) assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  });

  test('has control tokens by name, and ids without a token say nothing', () => {
    const tokenizer = tokenizerIn('decoder.gguf');
    const tokens = metadataOf('decoder.gguf').get('tokenizer.ggml.tokens') as readonly string[];
    const middle = tokenizer.controlToken('<|fim_middle|>');
    assert.equal(middle, tokens.indexOf('<|fim_middle|>'));
    assert.equal(tokenizer.decode([middle, tokens.indexOf('[PAD1]') as TokenId]), '');
    // Three rows of the embedding table are unused.
    assert.equal(tokenizer.vocabularySize, tokens.length - 3);
  });

  test('begins a text with the token that the file or the name asks for', () => {
    const begin = (changes: Changes): number => tokenizerIn('decoder.gguf', changes).specials.before.length;
    assert.equal(begin({}), 0);
    assert.equal(begin({ add_bos_token: true }), 1);
    assert.equal(begin({ add_bos_token: undefined, pre: 'llama-bpe' }), 1);
    assert.equal(begin({ add_bos_token: false, pre: 'llama-bpe' }), 0);
    assert.equal(begin({ add_bos_token: undefined }), 0);
    assert.equal(tokenizerIn('decoder.gguf', { add_eos_token: true }).specials.after.length, 1);
  });

  test('leaves an ordinary token to text that the file names as padding', () => {
    const id = tokenizerIn('decoder.gguf').encode('!')[0]!;
    assert.deepEqual(tokenizerIn('decoder.gguf', { padding_token_id: id }).encode('!'), [id]);
    // One that ends a text is none that text may become.
    assert.deepEqual(tokenizerIn('decoder.gguf', { eot_token_id: id }).encode('!'), []);
  });

  test('keeps a word whole that is a token, where the name says so', () => {
    // "zq" is a token that no merge makes.
    const tokens = [...(metadataOf('decoder.gguf').get('tokenizer.ggml.tokens') as readonly string[])];
    const at = tokens.indexOf('[PAD0]');
    tokens[at] = 'zq';
    const kinds = [...(metadataOf('decoder.gguf').get('tokenizer.ggml.token_type') as readonly number[])];
    kinds[at] = 1;
    const ids = (pre: string): readonly number[] =>
      tokenizerIn('decoder.gguf', { tokens, token_type: kinds, pre }).encode('zq');
    assert.deepEqual(ids('llama-bpe'), [at]);
    assert.equal(ids('qwen2').length, 2);
  });

  for (const [why, changes, pattern] of [
    ['cuts words in an unknown way', { pre: 'tekken' }, /as "tekken"[^]*qwen2/],
    [
      'does not say how it cuts words',
      { pre: undefined },
      /no key tokenizer.ggml.pre[^]*cuts text into words/,
    ],
    ['has no merges', { merges: undefined }, /no key tokenizer.ggml.merges/],
    ['has a merge of three parts', { merges: ['a b c'] }, /a merge is "a b c"/],
    ['is of another kind', { model: 'bert' }, /of the kind "bert"/],
    ['is missing', { model: undefined, tokens: undefined }, /describes no tokenizer/],
    ['has one token twice', { tokens: ['a', 'a'], token_type: [1, 1] }, /tokens 0 and 1 are both "a"/],
    ['has fewer kinds than tokens', { token_type: [1] }, /tokens and kinds of 1/],
    ['adds a token that is not there', { add_bos_token: true, bos_token_id: 1e6 }, /which is 1000000/],
  ] as const satisfies readonly (readonly [string, Changes, RegExp])[]) {
    test(`that ${why} is refused, with --tokenizer as the way out`, () => {
      assert.throws(() => tokenizerIn('decoder.gguf', changes), refused(pattern));
    });
  }
});

describe('a SentencePiece vocabulary', () => {
  test(`gives the ids of transformers for ${strings.length} strings`, () => {
    const tokenizer = tokenizerIn('spm.gguf');
    assert.ok(tokenizer.startsWithBlank);
    // There, the first text of a document begins with a blank, unless it does anyway.
    assertSameIds(sentencePiece.ids, (text) => tokenizer.encode(/^[ ▁]/.test(text) ? text : ` ${text}`));
  });

  test('has the markers of Code Llama and its beginning', () => {
    const tokenizer = tokenizerIn('spm.gguf');
    assert.deepEqual(tokenizer.specials, { before: [1], after: [] });
    assert.equal(
      recognizeFamily(tokenizer, { modelType: 'llama', vocabularySize: 900, endIds: [] }),
      'codellama',
    );
  });

  test('needs scores or merges', () => {
    assert.throws(() => tokenizerIn('spm.gguf', { scores: undefined }), refused(/scores of 0/));
  });

  test('merges the pair of the best token first, and of one token the cut with the longest left part', () => {
    const ids = new Map(['a', 'b', 'ab', 'bb', 'abb'].map((token, id) => [token, id]));
    // abb scores best: ab + b before a + bb; then bb, then ab.
    assert.deepEqual(mergesFromScores('x', ids, [0, 0, -3, -2, -1]), [
      ['ab', 'b'],
      ['a', 'bb'],
      ['b', 'b'],
      ['a', 'b'],
    ]);
  });

  test('with a token of unlimited length is refused', () => {
    const long = 'x'.repeat(300);
    assert.throws(() => mergesFromScores('x.gguf', new Map([[long, 0]]), [0]), /token 0 has 300 characters/);
  });
});
