import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import {
  parseDecoderConfig,
  readDecoderConfig,
  readEncoderConfig,
} from '../../src/model/architecture/config.js';
import { describeDecoder, describeEncoder } from '../../src/inspection/describe.js';

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
      layout: 'llama',
      layers: 24,
      width: 896,
      feedForwardWidth: 4864,
      heads: 14,
      kvHeads: 2,
      headWidth: 64,
      vocabularySize: 151936,
      maxPositions: 32768,
      rope: { theta: 1e6, scaling: { kind: 'none' } },
      learnedPositions: 0,
      norm: { kind: 'rms', eps: 1e-6 },
      feedForward: 'gated-silu',
      queryKeyNorm: false,
      tiedHead: true,
      biases: { queryKeyValue: true, attentionOutput: false, feedForward: false },
    });
  });

  test('the rotary base is found in every place that transformers 4 and 5 put it', () => {
    assert.equal(decoder({ rope_theta: 5e5 }).rope?.theta, 5e5);
    const parameters = { rope_type: 'default', rope_theta: 1e4 };
    assert.equal(decoder({ rope_theta: undefined, rope_parameters: parameters }).rope?.theta, 1e4);
    assert.equal(decoder({ rope_theta: undefined, rope_scaling: parameters }).rope?.theta, 1e4);
    assert.equal(decoder({ rope_scaling: null }).rope?.theta, 1e6);
  });

  test('rope scaling is read under the old key and the new one', () => {
    const linear = { kind: 'linear', factor: 4 };
    assert.deepEqual(decoder({ rope_scaling: { type: 'linear', factor: 4 } }).rope?.scaling, linear);
    const parameters = { rope_type: 'linear', rope_theta: 1e6, factor: 4 };
    assert.deepEqual(decoder({ rope_parameters: parameters }).rope?.scaling, linear);
  });

  test('a dynamic rope is the plain one within the positions it was trained for', () => {
    const dynamic = decoder({ rope_scaling: { type: 'dynamic', factor: 2 } });
    assert.deepEqual(dynamic.rope?.scaling, { kind: 'none' });
    assert.equal(dynamic.maxPositions, 32768);
  });

  test('YaRN without its numbers has the defaults of its paper', () => {
    const { rope } = decoder({ rope_scaling: { type: 'yarn', factor: 4 } });
    assert.deepEqual(rope?.scaling, {
      kind: 'yarn',
      factor: 4,
      originalPositions: 32768,
      fastTurns: 32,
      slowTurns: 1,
      // 0.1 * ln 4 + 1
      magnitude: 0.1 * Math.log(4) + 1,
      wholeBorders: true,
    });
  });

  test('other kinds of rope, missing numbers and unknown fields of a rope are refused by name', () => {
    const longrope = message(/rope type is longrope; this version computes only default, linear, dynamic/);
    assert.throws(() => decoder({ rope_scaling: { type: 'longrope', factor: 4 } }), longrope);
    assert.throws(() => decoder({ rope_scaling: { type: 'linear' } }), message(/linear needs "factor"/));
    const sections = { rope_type: 'default', mrope_section: [16, 24, 24] };
    assert.throws(() => decoder({ rope_scaling: sections }), message(/mrope_section/));
  });

  test('a sliding window limits the length to what it leaves as it is', () => {
    assert.equal(decoder({ use_sliding_window: true, sliding_window: 4096 }).maxPositions, 4096);
    assert.equal(decoder({ use_sliding_window: false, sliding_window: 4096 }).maxPositions, 32768);
    const layered = { layer_types: ['full_attention', 'sliding_attention'], sliding_window: 512 };
    assert.equal(decoder(layered).maxPositions, 512);
  });

  test('other architectures and activations are refused', () => {
    const supported = /supported decoders: qwen2, qwen3, llama, starcoder2, gpt_bigcode/;
    assert.throws(() => decoder({ model_type: 'mamba' }), message(supported));
    assert.throws(() => decoder({ hidden_act: 'relu' }), message(/hidden_act is relu/));
  });

  test('a field that is not known is refused with its value, and with what is read', () => {
    const refused = message(
      /2 fields of this qwen2 [^]*logit_scale is 0\.5\n[^]*quantization_config is \{"bits":4\}[^]*read: .*hidden_act/,
    );
    assert.throws(() => decoder({ logit_scale: 0.5, quantization_config: { bits: 4 } }), refused);
  });

  test('fields that are switched off, or cannot change a forward pass, are not held against a model', () => {
    const harmless = {
      use_mrope: false,
      quantization_config: null,
      attention_dropout: 0.1,
      pad_token_id: 3,
      torch_dtype: 'bfloat16',
      transformers_version: '4.40.0',
    };
    assert.deepEqual(decoder(harmless), decoder({}));
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

/** The fields of published configurations that decide shapes, and the sizes they mean. */
describe('published decoders', () => {
  const read = (config: Readonly<Record<string, unknown>>) => parseDecoderConfig(config, 'config.json');
  const plain = { kind: 'none' };

  test('SmolLM2-135M', () => {
    const config = {
      model_type: 'llama',
      attention_bias: false,
      hidden_act: 'silu',
      hidden_size: 576,
      intermediate_size: 1536,
      is_llama_config: true,
      max_position_embeddings: 8192,
      mlp_bias: false,
      num_attention_heads: 9,
      num_hidden_layers: 30,
      num_key_value_heads: 3,
      pretraining_tp: 1,
      rms_norm_eps: 1e-5,
      rope_interleaved: false,
      rope_scaling: null,
      rope_theta: 100000,
      tie_word_embeddings: true,
      vocab_size: 49152,
    };
    const architecture = read(config);
    assert.deepEqual([architecture.headWidth, architecture.kvHeads], [64, 3]);
    assert.deepEqual(architecture.rope, { theta: 1e5, scaling: plain });
    // 49,152 * 576 + 30 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536 + 2 * 576) + 576
    assert.equal(describeDecoder(architecture, 'fp32').parameters, 134_515_008);
  });

  test('DeepSeek-Coder 1.3B: a linear rope, an untied head', () => {
    const architecture = read({
      model_type: 'llama',
      hidden_size: 2048,
      intermediate_size: 5504,
      max_position_embeddings: 16384,
      num_attention_heads: 16,
      num_hidden_layers: 24,
      num_key_value_heads: 16,
      rms_norm_eps: 1e-6,
      rope_scaling: { factor: 4, type: 'linear' },
      rope_theta: 100000,
      tie_word_embeddings: false,
      vocab_size: 32256,
    });
    assert.deepEqual(architecture.rope, { theta: 1e5, scaling: { kind: 'linear', factor: 4 } });
    // 2 * 32,256 * 2048 + 24 * (4 * 2048^2 + 3 * 2048 * 5504 + 2 * 2048) + 2048
    assert.equal(describeDecoder(architecture, 'fp32').parameters, 1_346_471_936);
  });

  test('Qwen3-0.6B: heads wider than the model divided by their number', () => {
    const architecture = read({
      model_type: 'qwen3',
      attention_bias: false,
      head_dim: 128,
      hidden_size: 1024,
      intermediate_size: 3072,
      max_position_embeddings: 40960,
      max_window_layers: 28,
      num_attention_heads: 16,
      num_hidden_layers: 28,
      num_key_value_heads: 8,
      rms_norm_eps: 1e-6,
      rope_theta: 1000000,
      sliding_window: null,
      tie_word_embeddings: true,
      use_sliding_window: false,
      vocab_size: 151936,
    });
    assert.ok(architecture.queryKeyNorm);
    // 151,936 * 1024 + 28 * (2 * 1024 * 2048 + 2 * 1024 * 1024 + 3 * 1024 * 3072 + 2 * 1024 + 2 * 128) + 1024
    assert.equal(describeDecoder(architecture, 'fp32').parameters, 596_049_920);
  });

  test('StarCoder2-3B: biases, and a window that limits the length', () => {
    const architecture = read({
      model_type: 'starcoder2',
      hidden_act: 'gelu_pytorch_tanh',
      hidden_size: 3072,
      intermediate_size: 12288,
      max_position_embeddings: 16384,
      mlp_type: 'default',
      norm_epsilon: 1e-5,
      norm_type: 'layer_norm',
      num_attention_heads: 24,
      num_hidden_layers: 30,
      num_key_value_heads: 2,
      rope_theta: 999999.4420358813,
      sliding_window: 4096,
      use_bias: true,
      vocab_size: 49152,
    });
    assert.equal(architecture.maxPositions, 4096);
    assert.ok(architecture.tiedHead && architecture.biases.feedForward);
    assert.equal(describeDecoder(architecture, 'fp16').parameters, 3_030_371_328);
  });

  test('StarCoderBase-1B: one key/value head, learned positions', () => {
    const architecture = read({
      model_type: 'gpt_bigcode',
      activation_function: 'gelu_pytorch_tanh',
      attention_softmax_in_fp32: true,
      inference_runner: 0,
      layer_norm_epsilon: 1e-5,
      max_batch_size: null,
      multi_query: true,
      n_embd: 2048,
      n_head: 16,
      n_inner: 8192,
      n_layer: 24,
      n_positions: 8192,
      pad_key_length: true,
      pre_allocate_kv_cache: false,
      scale_attention_softmax_in_fp32: true,
      scale_attn_weights: true,
      summary_type: 'cls_index',
      validate_runner_input: true,
      vocab_size: 49152,
    });
    assert.deepEqual(
      [architecture.kvHeads, architecture.rope, architecture.learnedPositions],
      [1, null, 8192],
    );
    assert.equal(describeDecoder(architecture, 'fp32').parameters, 1_137_207_296);
  });

  test('StarCoder with 15 billion parameters: the exact GELU, and fields of its old server', () => {
    const architecture = read({
      model_type: 'gpt_bigcode',
      activation_function: 'gelu',
      attention_softmax_in_fp32: true,
      attn_pdrop: 0.1,
      embd_pdrop: 0.1,
      inference_runner: 0,
      layer_norm_epsilon: 1e-5,
      max_batch_size: null,
      max_sequence_length: null,
      multi_query: true,
      n_embd: 6144,
      n_head: 48,
      n_inner: 24576,
      n_layer: 40,
      n_positions: 8192,
      pad_key_length: true,
      pre_allocate_kv_cache: false,
      resid_pdrop: 0.1,
      scale_attention_softmax_in_fp32: true,
      scale_attn_weights: true,
      summary_use_proj: true,
      validate_runner_input: true,
      vocab_size: 49152,
    });
    assert.equal(architecture.feedForward, 'gelu');
    // Tables (49,152 + 8,192) x 6,144; a layer: norms 2 x 12,288, c_attn 6,144 x 6,400 + 6,400, c_proj 6,144 x 6,144 +
    // 6,144, network 2 x 6,144 x 24,576 + 24,576 + 6,144, in all 379,128,064; 40 of them, and the last norm 12,288.
    assert.equal(describeDecoder(architecture, 'fp16').parameters, 352_321_536 + 40 * 379_128_064 + 12_288);
  });

  test('StarCoder2’s leftovers of the first StarCoder change nothing, and are refused in another family', () => {
    const sizes = { ...QWEN, hidden_act: 'gelu_pytorch_tanh', rms_norm_eps: undefined };
    const starcoder2 = { ...sizes, model_type: 'starcoder2', norm_epsilon: 1e-5 };
    const leftovers = { activation_function: 'gelu', layer_norm_epsilon: 1e-6, scale_attn_weights: true };
    assert.deepEqual(read({ ...starcoder2, ...leftovers }), read(starcoder2));
    assert.equal(read({ ...starcoder2, ...leftovers }).feedForward, 'gelu-tanh');
    assert.throws(() => read({ ...QWEN, ...leftovers }), message(/3 fields of this qwen2 configuration/));
  });

  test('a GELU of another kind is refused by name', () => {
    const sizes = { n_embd: 32, n_layer: 1, n_head: 2, n_positions: 64, vocab_size: 72 };
    assert.throws(
      () => read({ model_type: 'gpt_bigcode', ...sizes, activation_function: 'quick_gelu' }),
      message(/activation_function is quick_gelu; this version computes only gelu_pytorch_tanh, .*gelu/),
    );
  });

  test('GPT-BigCode without shared keys, StarCoder2 with another norm or network are refused', () => {
    const sizes = { n_embd: 32, n_layer: 1, n_head: 2, n_positions: 64, vocab_size: 72 };
    const perHead = { model_type: 'gpt_bigcode', ...sizes, multi_query: false };
    assert.throws(() => read(perHead), message(/multi_query is false; this version computes only true/));
    const starcoder2 = { ...QWEN, model_type: 'starcoder2', hidden_act: undefined, rms_norm_eps: undefined };
    assert.throws(() => read({ ...starcoder2, norm_type: 'rms_norm' }), message(/norm_type is rms_norm/));
    assert.throws(() => read({ ...starcoder2, mlp_type: 'gated' }), message(/mlp_type is gated/));
  });
});

describe('encoder configuration', () => {
  test('the published UniXcoder gives its architecture', () => {
    assert.deepEqual(encoder({}), {
      kind: 'bidirectional',
      layers: 12,
      width: 768,
      feedForwardWidth: 3072,
      heads: 12,
      vocabularySize: 51416,
      positions: 1026,
      firstPosition: 2,
      maxTokens: 1024,
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
    assert.throws(() => encoder({ model_type: 't5' }), message(/supported encoders: roberta, bert, qwen3/));
    assert.throws(() => encoder({ is_decoder: true }), message(/is_decoder is true/));
  });

  test('the published MiniLM has positions from 0 and 22.6 million parameters', () => {
    const minilm = encoder({
      model_type: 'bert',
      hidden_size: 384,
      intermediate_size: 1536,
      num_hidden_layers: 6,
      max_position_embeddings: 512,
      vocab_size: 30522,
      type_vocab_size: 2,
      pad_token_id: 0,
      layer_norm_eps: 1e-12,
    });
    assert.equal(minilm.maxTokens, 512);
    assert.equal(minilm.kind === 'bidirectional' && minilm.firstPosition, 0);
    // (30,522 + 512 + 2) * 384 + 6 * (4 * 384^2 + 2 * 384 * 1536 + 4 * 384 + 1536 + 384 + 4 * 384) + 2 * 384
    assert.equal(describeEncoder(minilm, 'fp32').parameters, 22_565_376);
  });

  test('a Qwen3 configuration is the one of Qwen3-Embedding', () => {
    const qwen = {
      ...QWEN,
      model_type: 'qwen3',
      head_dim: 128,
      num_attention_heads: 16,
      num_key_value_heads: 8,
    };
    writeFileSync(path, JSON.stringify(qwen));
    const architecture = readEncoderConfig(path);
    assert.equal(architecture.kind, 'causal');
    assert.deepEqual([architecture.width, architecture.maxTokens], [896, 32768]);
  });
});
