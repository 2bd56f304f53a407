/**
 * @file Graph of a RoBERTa encoder with mean pooling: UniXcoder and its kin.
 *
 * Flow: token ids of chunks -> **encoder graph** -> one vector a chunk.
 * Embedding, transformer and pooling are all inside; padding is masked, so a batch may mix lengths.
 *
 * Shape letters: B chunks, T positions, E width, F feed-forward width.
 *
 * Source: RoBERTa (arXiv 1907.11692), tensor names of Hugging Face `RobertaModel`; pooling as in
 * UniXcoder (arXiv 2203.03850): mean over non-padding positions, special tokens included.
 */

import { Graph, type FloatType, type Value } from './graph.js';
import { linear } from './linear.js';
import {
  add,
  biasGelu,
  cast,
  cumulativeSum,
  div,
  gatherRows,
  layerNorm,
  max,
  mul,
  multiHeadAttention,
  reduceSum,
  skipLayerNorm,
  sub,
  unsqueeze,
} from './operators.js';
import { concatenate, type WeightSource } from './weights.js';

/** Everything about an encoder that decides its graph. */
export interface EncoderArchitecture {
  readonly layers: number;
  /** E. */
  readonly width: number;
  /** F. */
  readonly feedForwardWidth: number;
  readonly heads: number;
  readonly vocabularySize: number;
  /** Rows of the position table. The first real token has position `paddingId` + 1. */
  readonly positions: number;
  /** Rows of the token type table; only the first is used. */
  readonly tokenTypes: number;
  readonly paddingId: number;
  readonly layerNormEps: number;
}

/** Names of the graph's inputs and outputs. */
export const ENCODER_IO = {
  /** int32 [B, T]; anything within the vocabulary at padding positions. */
  ids: 'input_ids',
  /** int32 [B, T]: 1 for real tokens, 0 for padding. */
  mask: 'attention_mask',
  /** float32 [B, E]; zeros for a chunk of nothing but padding. */
  pooled: 'pooled',
} as const;

/** Subtracted from the attention scores of padding; its exponential is 0 in fp32 and fp16 alike. */
const MASKED_SCORE = 1e4;

/**
 * Describes the encoder; weights are asked for by name here and read when the graph is encoded.
 *
 * @param type Element type of weights and activations.
 */
export function buildEncoderGraph(
  architecture: EncoderArchitecture,
  weights: WeightSource,
  type: FloatType,
): Graph {
  const { layers, width: E, feedForwardWidth: F, heads, layerNormEps } = architecture;
  const g = new Graph('encoder');
  const vector = (name: string, size = E): Value =>
    g.weight(name, type, [size], weights.tensor(name, [size]));

  const ids = g.input(ENCODER_IO.ids, 'int32', ['B', 'T']);
  const mask = g.input(ENCODER_IO.mask, 'int32', ['B', 'T']);
  const real = cast(g, mask, type);

  let x = g.within('embeddings', () => embed(g, ids, mask, architecture, weights, type));
  const scoreBias = g.within('mask', () => pairBias(g, real));
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `encoder.layer.${layer}`;
    g.within(`layers.${layer}`, () => {
      const self = `${prefix}.attention.self`;
      const parts = ['query', 'key', 'value'] as const;
      const [query, key, value] = parts.map((part) => linear(g, x, weights, `${self}.${part}`, E, type));
      const biases = parts.map((part) => weights.tensor(`${self}.${part}.bias`, [E]));
      const bias = g.weight(`${self}.qkv.bias`, type, [3 * E], () =>
        concatenate(...biases.map((read) => read())),
      );
      const mixed = multiHeadAttention(g, query!, key!, value!, bias, scoreBias, heads);
      x = residual(g, mixed, x, weights, `${prefix}.attention.output`, E, type, layerNormEps);

      const wide = biasGelu(
        g,
        linear(g, x, weights, `${prefix}.intermediate.dense`, F, type),
        vector(`${prefix}.intermediate.dense.bias`, F),
      );
      x = residual(g, wide, x, weights, `${prefix}.output`, E, type, layerNormEps);
    });
  }
  g.output(
    ENCODER_IO.pooled,
    g.within('pool', () => meanPool(g, cast(g, x, 'float32'), cast(g, mask, 'float32'))),
  );
  return g;
}

/** Word + position + token type, normalised: [B, T] -> [B, T, E]. */
function embed(
  g: Graph,
  ids: Value,
  mask: Value,
  architecture: EncoderArchitecture,
  weights: WeightSource,
  type: FloatType,
): Value {
  const { width: E, vocabularySize, positions, tokenTypes, paddingId, layerNormEps } = architecture;
  const words = 'embeddings.word_embeddings.weight';
  const wordTable = g.weight(words, type, [vocabularySize, E], weights.tensor(words, [vocabularySize, E]));

  // Every token has type 0, so that row is added to the position table once and for all.
  const readPositions = weights.tensor('embeddings.position_embeddings.weight', [positions, E]);
  const readTypes = weights.tensor('embeddings.token_type_embeddings.weight', [tokenTypes, E]);
  const placeTable = g.weight('embeddings.places.weight', type, [positions, E], () => {
    const typeRow = readTypes();
    return readPositions().map((number, i) => number + typeRow[i % E]!);
  });

  // Real tokens count from paddingId + 1, padding stays at paddingId.
  const count = mul(g, cumulativeSum(g, mask, 1), mask);
  const places = add(g, count, g.constant('int32', [], [paddingId]));
  const sum = add(g, gatherRows(g, wordTable, ids), gatherRows(g, placeTable, places));
  const norm = (part: string): Value => {
    const name = `embeddings.LayerNorm.${part}`;
    return g.weight(name, type, [E], weights.tensor(name, [E]));
  };
  return layerNorm(g, sum, norm('weight'), norm('bias'), layerNormEps);
}

/** Score bias of every pair of positions: 0 where both are real, far below 0 elsewhere; [B, 1, T, T]. */
function pairBias(g: Graph, real: Value): Value {
  const pairs = mul(g, unsqueeze(g, real, [1, 3]), unsqueeze(g, real, [1, 2]));
  const one = g.constant(real.type, [], [1]);
  return mul(g, sub(g, pairs, one), g.constant(real.type, [], [MASKED_SCORE]));
}

/** LayerNorm(skip + dense(x)), with `dense` and `LayerNorm` under `prefix`. */
function residual(
  g: Graph,
  x: Value,
  skip: Value,
  weights: WeightSource,
  prefix: string,
  width: number,
  type: FloatType,
  eps: number,
): Value {
  const vector = (name: string): Value =>
    g.weight(`${prefix}.${name}`, type, [width], weights.tensor(`${prefix}.${name}`, [width]));
  return skipLayerNorm(
    g,
    linear(g, x, weights, `${prefix}.dense`, width, type),
    skip,
    vector('LayerNorm.weight'),
    vector('LayerNorm.bias'),
    vector('dense.bias'),
    eps,
  );
}

/** Mean over the real positions: [B, T, E] -> [B, E]. */
function meanPool(g: Graph, x: Value, real: Value): Value {
  const sum = reduceSum(g, mul(g, x, unsqueeze(g, real, [2])), 1);
  const count = max(g, reduceSum(g, real, 1), g.constant('float32', [], [1]));
  return div(g, sum, unsqueeze(g, count, [1]));
}
