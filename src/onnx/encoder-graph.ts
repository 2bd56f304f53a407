/**
 * @file Graphs of encoders: RoBERTa and BERT with mean pooling, and Qwen3-Embedding.
 *
 * Flow: token ids of chunks -> **encoder graph** -> one vector a chunk.
 * The graph holds embedding, transformer and pooling. A batch may mix lengths, padded on the right. RoBERTa and BERT
 * mask the padding; a causal encoder need not, since no real token comes behind it.
 *
 * Shape letters: B chunks, T positions, E width, F feed-forward width, V vocabulary.
 *
 * Source: BERT (arXiv 1810.04805), RoBERTa (arXiv 1907.11692), Qwen3-Embedding (arXiv 2506.05176);
 * tensor names of Hugging Face transformers. Pooling as in UniXcoder (arXiv 2203.03850): mean over
 * non-padding positions, special tokens included; Qwen3-Embedding reads the last position.
 */

import { basePrefix, tensorNames, type CausalArchitecture } from './causal-layers.js';
import { embeddingTensor } from './decoder-graph.js';
import { causalLayers } from './fused-layers.js';
import { Graph, type FloatType, type Value } from './graph.js';
import { linear } from './linear.js';
import {
  add,
  cast,
  cumulativeSum,
  div,
  gatherRows,
  layerNorm,
  max,
  mul,
  positionOfEach,
  reduceSum,
  reshape,
  sub,
  unsqueeze,
} from './operators.js';
import { biasGelu, multiHeadAttention, skipLayerNorm } from './fused-operators.js';
import { concatenate, type WeightSource } from './weights.js';

/** What callers of any encoder need to know. */
interface EncoderShape {
  /** E. */
  readonly width: number;
  /** V. */
  readonly vocabularySize: number;
  /** Fills the places behind shorter chunks of a batch. */
  readonly paddingId: number;
  /** Most tokens of a chunk. */
  readonly maxTokens: number;
}

/** RoBERTa or BERT: every position sees every other. */
export interface BidirectionalEncoder extends EncoderShape {
  readonly kind: 'bidirectional';
  readonly layers: number;
  /** F. */
  readonly feedForwardWidth: number;
  readonly heads: number;
  /** Rows of the position table. */
  readonly positions: number;
  /** Position of a chunk's first token: 0 in BERT, the padding id + 1 in RoBERTa. */
  readonly firstPosition: number;
  /** Rows of the token type table; only the first is used. */
  readonly tokenTypes: number;
  readonly layerNormEps: number;
}

/** Qwen3-Embedding: the body of a decoder, whose last position has seen the whole chunk. */
export interface CausalEncoder extends EncoderShape {
  readonly kind: 'causal';
  readonly body: CausalArchitecture;
}

/** Everything about an encoder that decides its graph. */
export type EncoderArchitecture = BidirectionalEncoder | CausalEncoder;

/** Names of the graph's inputs and outputs. */
export const ENCODER_IO = {
  /** int32 [B, T]; anything within the vocabulary at padding positions. */
  ids: 'input_ids',
  /** Bidirectional only, int32 [B, T]: 1 for real tokens, 0 for padding. */
  mask: 'attention_mask',
  /** Causal only, int32 [B]: T - 1 for every chunk. */
  lastKey: 'last_key',
  /** Causal only, int32 scalar: T. */
  totalKeys: 'total_keys',
  /** Causal only, int64 [B, 1, 1]: the position of each chunk's last token. */
  lastToken: 'last_token',
  /** float32 [B, E], not normalised. */
  pooled: 'pooled',
} as const;

/** How a chunk becomes one vector. */
export type Pooling = 'mean' | 'last-token';

/** The pooling that an encoder was trained with. */
export function poolingOf({ kind }: EncoderArchitecture): Pooling {
  switch (kind) {
    case 'bidirectional':
      return 'mean';
    case 'causal':
      return 'last-token';
  }
}

/** A table [V, E] that every checkpoint of the kind has, and prefixes that its names may have or lack. */
export function encoderEmbedding(architecture: EncoderArchitecture): {
  readonly name: string;
  readonly prefixes: readonly string[];
} {
  switch (architecture.kind) {
    case 'bidirectional':
      return { name: 'embeddings.word_embeddings.weight', prefixes: ['', 'roberta.', 'bert.'] };
    case 'causal': {
      const { name, prefix } = embeddingTensor(architecture.body);
      return { name: name.slice(prefix.length), prefixes: [prefix, ''] };
    }
  }
}

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
  switch (architecture.kind) {
    case 'bidirectional':
      return buildBidirectional(architecture, weights, type);
    case 'causal':
      return buildCausal(architecture, weights, type);
  }
}

/** The layers of a decoder over whole chunks; weights have no base prefix. */
function buildCausal({ body }: CausalEncoder, weights: WeightSource, type: FloatType): Graph {
  const g = new Graph('encoder');
  const ids = g.input(ENCODER_IO.ids, 'int32', ['B', 'T']);
  const lastToken = g.input(ENCODER_IO.lastToken, 'int64', ['B', 1, 1]);
  const prefix = basePrefix(body.layout);
  const bare: WeightSource = {
    tensor: (name, shape) => weights.tensor(name.slice(prefix.length), shape),
  };
  const { name, shape } = {
    name: tensorNames(body).embedding,
    shape: [body.vocabularySize, body.width] as const,
  };
  const table = g.streamedWeight(name, type, shape, bare.tensor(name, shape));
  const last = causalLayers(
    g,
    gatherRows(g, table, ids),
    body,
    bare,
    { type, matrices: 'float' },
    {
      lastKey: g.input(ENCODER_IO.lastKey, 'int32', ['B']),
      totalKeys: g.input(ENCODER_IO.totalKeys, 'int32', []),
      past: null,
      onPresent: () => undefined,
      select: (x) => positionOfEach(g, x, lastToken),
    },
  );
  g.output(ENCODER_IO.pooled, cast(g, reshape(g, last, ['B', body.width]), 'float32'));
  return g;
}

function buildBidirectional(
  architecture: BidirectionalEncoder,
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
  architecture: BidirectionalEncoder,
  weights: WeightSource,
  type: FloatType,
): Value {
  const { width: E, vocabularySize, positions, tokenTypes, firstPosition, layerNormEps } = architecture;
  const words = encoderEmbedding(architecture).name;
  const wordShape = [vocabularySize, E] as const;
  const wordTable = g.streamedWeight(words, type, wordShape, weights.tensor(words, wordShape));

  // Every token has type 0, so the row of type 0 is added to the position table once.
  const readPositions = weights.tensor('embeddings.position_embeddings.weight', [positions, E]);
  const readTypes = weights.tensor('embeddings.token_type_embeddings.weight', [tokenTypes, E]);
  const placeTable = g.weight('embeddings.places.weight', type, [positions, E], () => {
    const typeRow = readTypes();
    return readPositions().map((number, i) => number + typeRow[i % E]!);
  });

  // Real tokens count from the first position; padding gets any row of the table.
  const count = mul(g, cumulativeSum(g, mask, 1), mask);
  const shifted = add(g, count, g.constant('int32', [], [firstPosition - 1]));
  const places = max(g, shifted, g.constant('int32', [], [0]));
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
