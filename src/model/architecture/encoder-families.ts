/**
 * @file The families of encoders: configuration in, architecture out.
 *
 * Source of fields and defaults: the configuration classes of Hugging Face transformers 4 and 5.
 */

import { z } from 'zod';

import { ModelError } from '../../domain/errors.js';
import type { BidirectionalEncoder, EncoderArchitecture } from '../../onnx/encoder-graph.js';
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
import { DECODER_FAMILIES } from './decoder-families.js';

const bertFields = {
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: layerCount,
  num_attention_heads: count,
  vocab_size: count,
  max_position_embeddings: positionCount,
  type_vocab_size: count.default(2),
  layer_norm_eps: epsilon.default(1e-12),
  hidden_act: z.string().default('gelu'),
  position_embedding_type: z.string().default('absolute'),
};

/** @param firstPosition Position of the first token. */
function bertLike(
  config: z.infer<z.ZodObject<typeof bertFields>>,
  where: string,
  paddingId: number,
  firstPosition: number,
): BidirectionalEncoder {
  if (config.hidden_act !== 'gelu') refuse(where, 'hidden_act', config.hidden_act, 'gelu (exact)');
  requireValue(where, 'position_embedding_type', config.position_embedding_type, 'absolute');
  const { hidden_size: width, num_attention_heads: heads } = config;
  if (width % heads !== 0) {
    throw new ModelError(`${where}: ${heads} attention heads do not divide the width ${width}`);
  }
  const positions = config.max_position_embeddings;
  return {
    kind: 'bidirectional',
    layers: config.num_hidden_layers,
    width,
    feedForwardWidth: config.intermediate_size,
    heads,
    vocabularySize: config.vocab_size,
    positions,
    firstPosition,
    maxTokens: positions - firstPosition,
    tokenTypes: config.type_vocab_size,
    paddingId,
    layerNormEps: config.layer_norm_eps,
  };
}

const tokenIdField = z.number().int().nonnegative();

const roberta = family(
  'roberta',
  { ...bertFields, pad_token_id: tokenIdField.default(1) },
  (config, where): EncoderArchitecture =>
    // Positions count up from the padding id, which no real token has.
    bertLike(config, where, config.pad_token_id, config.pad_token_id + 1),
);

const bert = family(
  'bert',
  { ...bertFields, pad_token_id: tokenIdField.nullish() },
  (config, where): EncoderArchitecture => bertLike(config, where, config.pad_token_id ?? 0, 0),
);

/** Qwen3-Embedding has the configuration of a Qwen3 decoder. */
function qwen3Embedding(): ModelFamily<EncoderArchitecture> {
  const decoder = DECODER_FAMILIES.find(({ modelType }) => modelType === 'qwen3');
  if (decoder === undefined) throw new RangeError('there is no decoder family qwen3');
  return {
    ...decoder,
    read: (config, where) => {
      const body = decoder.read(config, where);
      const { width, vocabularySize, maxPositions } = body;
      return { kind: 'causal', width, vocabularySize, paddingId: 0, maxTokens: maxPositions, body };
    },
  };
}

/** All families, in the order in which messages and documents list them. */
export const ENCODER_FAMILIES: readonly ModelFamily<EncoderArchitecture>[] = [
  roberta,
  bert,
  qwen3Embedding(),
];
