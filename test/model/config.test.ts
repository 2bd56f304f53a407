import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { readDecoderConfig, readEncoderConfig } from '../../src/model/config.js';

const folder = mkdtempSync(join(tmpdir(), 'config-'));
const path = join(folder, 'config.json');
after(() => {
  rmSync(folder, { recursive: true });
});

/** Qwen2.5-Coder-0.5B. */
const QWEN = {
  model_type: 'qwen2',
  hidden_size: 896,
  intermediate_size: 4864,
  num_hidden_layers: 24,
  num_attention_heads: 14,
  num_key_value_heads: 2,
  vocab_size: 151936,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  use_sliding_window: false,
  rope_theta: 1e6,
};
/** UniXcoder. */
const ROBERTA = {
  model_type: 'roberta',
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  vocab_size: 51416,
  max_position_embeddings: 1026,
  type_vocab_size: 10,
  pad_token_id: 1,
  layer_norm_eps: 1e-5,
  hidden_act: 'gelu',
};

function decoder(change: Readonly<Record<string, unknown>>): ReturnType<typeof readDecoderConfig> {
  writeFileSync(path, JSON.stringify({ ...QWEN, ...change }));
  return readDecoderConfig(path);
}

function encoder(change: Readonly<Record<string, unknown>>): ReturnType<typeof readEncoderConfig> {
  writeFileSync(path, JSON.stringify({ ...ROBERTA, ...change }));
  return readEncoderConfig(path);
}

const message = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ModelError);
  assert.match(error.render(), pattern);
  return true;
};

describe('decoder configuration', () => {
  test('the published Qwen2.5-Coder-0.5B gives its architecture', () => {
    assert.deepEqual(decoder({}), {
      layers: 24,
      width: 896,
      feedForwardWidth: 4864,
      heads: 14,
      kvHeads: 2,
      headWidth: 64,
      vocabularySize: 151936,
      maxPositions: 32768,
      ropeTheta: 1e6,
      rmsNormEps: 1e-6,
      tiedHead: true,
      attentionBias: true,
    });
  });

  test('the rotary base is found in every place that transformers 4 and 5 put it', () => {
    assert.equal(decoder({ rope_theta: 5e5 }).ropeTheta, 5e5);
    const parameters = { rope_type: 'default', rope_theta: 1e4 };
    assert.equal(decoder({ rope_theta: undefined, rope_parameters: parameters }).ropeTheta, 1e4);
    assert.equal(decoder({ rope_theta: undefined, rope_scaling: parameters }).ropeTheta, 1e4);
    assert.equal(decoder({ rope_scaling: null }).ropeTheta, 1e6);
  });

  test('rope scaling is refused by name, under the old key and the new one', () => {
    const refused = message(/config\.json: rope type is yarn; this version computes only default/);
    assert.throws(() => decoder({ rope_scaling: { type: 'yarn', factor: 4 } }), refused);
    assert.throws(() => decoder({ rope_parameters: { rope_type: 'yarn', rope_theta: 1e6 } }), refused);
  });

  test('other architectures, sliding windows and activations are refused', () => {
    assert.throws(() => decoder({ model_type: 'mamba' }), message(/supported decoders: qwen2/));
    assert.throws(() => decoder({ use_sliding_window: true }), message(/use_sliding_window is true/));
    assert.throws(() => decoder({ hidden_act: 'relu' }), message(/hidden_act is relu/));
  });

  test('fields that are missing or of the wrong kind are named', () => {
    assert.throws(() => decoder({ hidden_size: undefined }), message(/hidden_size/));
    assert.throws(() => decoder({ num_hidden_layers: '24' }), message(/num_hidden_layers/));
    assert.throws(() => decoder({ vocab_size: -1 }), message(/vocab_size/));
  });

  test('heads that the attention kernel cannot compute are refused', () => {
    assert.throws(() => decoder({ num_key_value_heads: 3 }), message(/14 attention heads cannot share 3/));
    assert.throws(() => decoder({ head_dim: 20 }), message(/heads are 20 wide/));
  });

  test('a file that is missing or not JSON is refused with its path', () => {
    assert.throws(() => readDecoderConfig(join(folder, 'none.json')), message(/none\.json: cannot be read/));
    writeFileSync(path, '{');
    assert.throws(() => readDecoderConfig(path), message(/config\.json: cannot be read/));
  });
});

describe('encoder configuration', () => {
  test('the published UniXcoder gives its architecture', () => {
    assert.deepEqual(encoder({}), {
      layers: 12,
      width: 768,
      feedForwardWidth: 3072,
      heads: 12,
      vocabularySize: 51416,
      positions: 1026,
      tokenTypes: 10,
      paddingId: 1,
      layerNormEps: 1e-5,
    });
  });

  test('relative positions, approximate activations and odd heads are refused', () => {
    const relative = { position_embedding_type: 'relative_key' };
    assert.throws(() => encoder(relative), message(/position_embedding_type is relative_key/));
    assert.throws(() => encoder({ hidden_act: 'gelu_new' }), message(/hidden_act is gelu_new/));
    assert.throws(() => encoder({ num_attention_heads: 7 }), message(/7 attention heads do not divide/));
    assert.throws(() => encoder({ model_type: 'bert' }), message(/supported encoders: roberta/));
  });
});
