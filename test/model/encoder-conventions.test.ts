import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { tokenId } from '../../src/domain/units.js';
import { encoderConventions } from '../../src/model/folder/encoder-conventions.js';
import type { Encoder } from '../../src/inference/encoder.js';
import { encoderInput, encoderTemplate } from '../../src/prompt/encoder-input.js';
import { retrievalEmbedder } from '../../src/retrieval/rankers/embedder.js';
import type { Tokenizer } from '../../src/inference/tokenizer.js';
import { fakeEncoder, fakeTokenizer } from '../support/fakes.js';

const folder = mkdtempSync(join(tmpdir(), 'conventions-'));
after(() => {
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  rmSync(folder, { recursive: true });
  mkdirSync(join(folder, '1_Pooling'), { recursive: true });
});

const config = (modelType: string): void => {
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: modelType }));
};
const pooling = (field: string): void => {
  writeFileSync(join(folder, '1_Pooling', 'config.json'), JSON.stringify({ [field]: true }));
};

/** A tokenizer of BERT's kind: no template of its own, [CLS] 1 and [SEP] 2 around a text. */
const bert: Tokenizer = {
  ...fakeTokenizer,
  specials: { before: [tokenId(1)], after: [tokenId(2)] },
  controlToken: () => undefined,
};

describe('the conventions of an encoder', () => {
  test('follow from its files: UniXcoder’s template, Qwen’s bare ids, else the tokenizer’s own', () => {
    config('roberta');
    assert.equal(encoderConventions(folder, fakeTokenizer).input, 'unixcoder');
    assert.equal(encoderConventions(folder, bert).input, 'plain');
    config('qwen3');
    assert.deepEqual(encoderConventions(folder, bert), { input: 'raw', maxTokens: 512, normalize: true });
  });

  test('accept the pooling that is computed and refuse any other', () => {
    config('bert');
    pooling('pooling_mode_mean_tokens');
    assert.equal(encoderConventions(folder, bert).input, 'plain');
    pooling('pooling_mode_cls_token');
    assert.throws(() => encoderConventions(folder, bert), /trained for the first token/);
    config('qwen3');
    assert.throws(() => encoderConventions(folder, bert), ModelError);
    pooling('pooling_mode_lasttoken');
    assert.equal(encoderConventions(folder, bert).input, 'raw');
  });

  test('put around a chunk what its form says, and cut the chunk to what is left', () => {
    const text = [10, 11, 12, 13].map(tokenId);
    const filled = (input: 'plain' | 'raw', room: number): number[] =>
      encoderInput(encoderTemplate(input, bert, room), text).map(Number);
    assert.deepEqual(filled('plain', 5), [1, 10, 11, 12, 2]);
    assert.deepEqual(filled('raw', 3), [10, 11, 12]);
  });
});

describe('dense retrieval', () => {
  const seen: number[][] = [];
  const encoder: Encoder = {
    ...fakeEncoder,
    encode: (inputs) => {
      seen.push(...inputs.map((ids) => ids.map(Number)));
      return fakeEncoder.encode(inputs);
    },
  };

  test('feeds UniXcoder bare ids and other encoders what their tokenizers put around a text', async () => {
    await retrievalEmbedder(encoder, fakeTokenizer).embed(['ab']);
    await retrievalEmbedder(encoder, bert).embed([' ab ', '']);
    assert.deepEqual(seen, [[197, 198], [1, 197, 198, 2], []]);
    // The encoder takes 64 ids, two of which stand around the text.
    await retrievalEmbedder(encoder, bert).embed(['x'.repeat(100)]);
    assert.equal(seen.at(-1)!.length, 64);
    assert.equal(seen.at(-1)!.at(-1), 2);
  });
});
