/**
 * @file The families of decoders: configuration in, architecture out.
 *
 * Source of fields and defaults: the configuration classes of Hugging Face transformers 4 and 5.
 */

import { z } from 'zod';

import { ModelError } from '../../domain/errors.js';
import type { DecoderArchitecture } from '../../onnx/decoder-graph.js';
import {
  count,
  epsilon,
  family,
  layerCount,
  positionCount,
  refuse,
  requireValue,
  type ModelFamily,
} from './config-fields.js';
import { readRope, ropeFields } from './rope-config.js';

/** Fields of all families that grew out of Llama's configuration. */
const llamaFields = {
  ...ropeFields,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: layerCount,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  vocab_size: count,
  max_position_embeddings: positionCount,
  rms_norm_eps: epsilon.default(1e-6),
  hidden_act: z.string().default('silu'),
  tie_word_embeddings: z.boolean().default(false),
};

/** Fields that limit how far back a position sees. */
const windowFields = {
  sliding_window: count.nullish(),
  use_sliding_window: z.boolean().nullish(),
  max_window_layers: z.number().int().nonnegative().nullish(),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).nullish(),
};

type LlamaConfig = z.infer<z.ZodObject<typeof llamaFields>>;
type WindowConfig = z.infer<z.ZodObject<typeof windowFields>>;

/** What every family of Llama's kind has in common. */
function llamaLike(config: LlamaConfig, where: string): Omit<DecoderArchitecture, 'biases'> {
  requireValue(where, 'hidden_act', config.hidden_act, 'silu');
  const heads = config.num_attention_heads;
  return {
    layout: 'llama',
    layers: config.num_hidden_layers,
    width: config.hidden_size,
    feedForwardWidth: config.intermediate_size,
    ...attentionSizes(
      heads,
      config.num_key_value_heads ?? heads,
      config.head_dim ?? config.hidden_size / heads,
      where,
    ),
    vocabularySize: config.vocab_size,
    maxPositions: config.max_position_embeddings,
    rope: readRope(config, where),
    learnedPositions: 0,
    norm: { kind: 'rms', eps: config.rms_norm_eps },
    feedForward: 'gated-silu',
    queryKeyNorm: false,
    tiedHead: config.tie_word_embeddings,
  };
}

/** @throws {ModelError} If the attention kernel cannot compute heads of this number and width. */
function attentionSizes(
  heads: number,
  kvHeads: number,
  headWidth: number,
  where: string,
): Pick<DecoderArchitecture, 'heads' | 'kvHeads' | 'headWidth'> {
  if (heads % kvHeads !== 0) {
    throw new ModelError(`${where}: ${heads} attention heads cannot share ${kvHeads} key/value heads evenly`);
  }
  if (!Number.isInteger(headWidth) || headWidth % 16 !== 0) {
    throw new ModelError(`${where}: attention heads are ${headWidth} wide`, [
      'the attention kernel needs a multiple of 16',
    ]);
  }
  return { heads, kvHeads, headWidth };
}

/**
 * Longest sequence in which every position sees all positions before it. Up to that length a sliding window changes
 * nothing, so the graph need not know it.
 */
function positionsInWindow(positions: number, window: number | null | undefined): number {
  return Math.min(positions, window ?? positions);
}

/** The window that some layer has, if any. */
function usedWindow(config: WindowConfig): number | null {
  const isUsed =
    config.use_sliding_window === true || (config.layer_types?.includes('sliding_attention') ?? false);
  return isUsed ? (config.sliding_window ?? null) : null;
}

const NO_BIASES = { queryKeyValue: false, attentionOutput: false, feedForward: false } as const;

const qwen2 = family('qwen2', { ...llamaFields, ...windowFields }, (config, where): DecoderArchitecture => ({
  ...llamaLike(config, where),
  maxPositions: positionsInWindow(config.max_position_embeddings, usedWindow(config)),
  biases: { ...NO_BIASES, queryKeyValue: true },
}));

const qwen3 = family(
  'qwen3',
  {
    ...llamaFields,
    ...windowFields,
    head_dim: count.default(128),
    attention_bias: z.boolean().default(false),
  },
  (config, where): DecoderArchitecture => ({
    ...llamaLike(config, where),
    maxPositions: positionsInWindow(config.max_position_embeddings, usedWindow(config)),
    queryKeyNorm: true,
    biases: {
      ...NO_BIASES,
      queryKeyValue: config.attention_bias,
      attentionOutput: config.attention_bias,
    },
  }),
);

const llama = family(
  'llama',
  { ...llamaFields, attention_bias: z.boolean().default(false), mlp_bias: z.boolean().default(false) },
  (config, where): DecoderArchitecture => ({
    ...llamaLike(config, where),
    biases: {
      queryKeyValue: config.attention_bias,
      attentionOutput: config.attention_bias,
      feedForward: config.mlp_bias,
    },
  }),
);

/** GELU by the names that configurations use. The functions with the tanh differ from each other in rounding at most. */
const GELUS: Readonly<Record<string, 'gelu-tanh' | 'gelu'>> = {
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu: 'gelu',
};

/** The GELU that a field asks for. */
function geluOf(where: string, field: string, name: string): 'gelu-tanh' | 'gelu' {
  return GELUS[name] ?? refuse(where, field, name, Object.keys(GELUS).join(', '));
}

const starcoder2 = family(
  'starcoder2',
  {
    ...llamaFields,
    num_key_value_heads: count.nullish().default(2),
    rms_norm_eps: z.never().optional(),
    norm_epsilon: epsilon.default(1e-5),
    norm_type: z.string().default('layer_norm'),
    mlp_type: z.string().default('default'),
    hidden_act: z.string().default('gelu_pytorch_tanh'),
    use_bias: z.boolean().default(true),
    sliding_window: count.nullish(),
    layer_types: windowFields.layer_types,
    tie_word_embeddings: z.boolean().default(true),
  },
  (config, where): DecoderArchitecture => {
    requireValue(where, 'norm_type', config.norm_type, 'layer_norm');
    requireValue(where, 'mlp_type', config.mlp_type, 'default');
    const { use_bias: bias } = config;
    return {
      ...llamaLike({ ...config, hidden_act: 'silu', rms_norm_eps: config.norm_epsilon }, where),
      layout: 'starcoder2',
      maxPositions: positionsInWindow(config.max_position_embeddings, config.sliding_window),
      norm: { kind: 'layer', eps: config.norm_epsilon },
      feedForward: geluOf(where, 'hidden_act', config.hidden_act),
      biases: { queryKeyValue: bias, attentionOutput: bias, feedForward: bias },
    };
  },
  // Left over from the configuration of the first StarCoder. hidden_act and norm_epsilon say what is computed.
  ['activation_function', 'layer_norm_epsilon', 'scale_attn_weights'],
);

const gptBigcode = family(
  'gpt_bigcode',
  {
    n_embd: count,
    n_layer: layerCount,
    n_head: count,
    n_inner: count.nullish(),
    n_positions: positionCount,
    vocab_size: count,
    layer_norm_epsilon: epsilon.default(1e-5),
    activation_function: z.string().default('gelu_pytorch_tanh'),
    multi_query: z.boolean().default(true),
    num_key_value_heads: z.literal(1).nullish(),
    scale_attn_weights: z.boolean().default(true),
    tie_word_embeddings: z.boolean().default(true),
  },
  (config, where): DecoderArchitecture => {
    // Without it the checkpoint interleaves queries, keys and values head by head.
    requireValue(where, 'multi_query', config.multi_query, true);
    requireValue(where, 'scale_attn_weights', config.scale_attn_weights, true);
    const { n_embd: width, n_head: heads } = config;
    return {
      layout: 'gpt-bigcode',
      layers: config.n_layer,
      width,
      feedForwardWidth: config.n_inner ?? 4 * width,
      ...attentionSizes(heads, 1, width / heads, where),
      vocabularySize: config.vocab_size,
      maxPositions: config.n_positions,
      rope: null,
      learnedPositions: config.n_positions,
      norm: { kind: 'layer', eps: config.layer_norm_epsilon },
      feedForward: geluOf(where, 'activation_function', config.activation_function),
      queryKeyNorm: false,
      biases: { queryKeyValue: true, attentionOutput: true, feedForward: true },
      tiedHead: config.tie_word_embeddings,
    };
  },
);

/** All families, in the order in which messages and documents list them. */
export const DECODER_FAMILIES: readonly ModelFamily<DecoderArchitecture>[] = [
  qwen2,
  qwen3,
  llama,
  starcoder2,
  gptBigcode,
];
