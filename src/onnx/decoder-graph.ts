/**
 * @file Graph of a decoder-only language model.
 *
 * Flow: prompt embeddings -> **decoder graph** -> logits of the last N positions, KV cache.
 * The embedding table is not in the graph, so text and soft tokens enter alike, as vectors. Logits are computed from
 * the position on that the caller names, and so is the last layer behind its attention: nobody reads the other
 * positions, and they would cost time. To generate, N is 1; to score a given text, it is the length of the text.
 *
 * Shape letters: T new positions, S past positions, N positions with logits, C width, V vocabulary, K key/value
 * heads, D head width.
 */

import { basePrefix, tensorNames, type CausalArchitecture } from './causal-layers.js';
import { causalLayers } from './fused-layers.js';
import { Graph, type FloatType } from './graph.js';
import { scoreTokens, type MatrixFormat } from './linear.js';
import { cast, positionsFrom } from './operators.js';
import type { WeightSource } from './weights.js';

/** Everything about a decoder that decides its graph. */
export interface DecoderArchitecture extends CausalArchitecture {
  /** Whether the embedding table also computes the logits. */
  readonly tiedHead: boolean;
}

/** The table that computes the logits where it is not the embedding table. */
const HEAD_TENSOR = 'lm_head.weight';

/** Name of the embedding table, [V, C], in the checkpoint, and the prefix that a bare model lacks. */
export function embeddingTensor(architecture: CausalArchitecture): {
  readonly name: string;
  readonly prefix: string;
} {
  return { name: tensorNames(architecture).embedding, prefix: basePrefix(architecture.layout) };
}

/** Name of the table that computes the logits, [V, C]. */
export function headTensor(architecture: DecoderArchitecture): string {
  return architecture.tiedHead ? tensorNames(architecture).embedding : HEAD_TENSOR;
}

/** Names of the graph's inputs and outputs. */
export const DECODER_IO = {
  /** [1, T, C], float32 whatever the type of the weights. */
  embeddings: 'inputs_embeds',
  /** S + T - 1, int32 [1]. */
  lastKey: 'last_key',
  /** S + T, int32 scalar. */
  totalKeys: 'total_keys',
  /** T - N, the first new position with logits: int64 [1]. */
  firstScored: 'first_scored',
  /** [N, V], float32. */
  logits: 'logits',
  /** [1, K, S, D] in, [1, K, S+T, D] out, in the type of the activations. */
  pastKey: (layer: number) => `past.${layer}.key`,
  pastValue: (layer: number) => `past.${layer}.value`,
  presentKey: (layer: number) => `present.${layer}.key`,
  presentValue: (layer: number) => `present.${layer}.value`,
} as const;

/**
 * Describes the decoder; weights are asked for by name here and read when the graph is encoded.
 *
 * @param type Element type of activations and cache, and of the weights that are not quantized.
 * @param matrices Format of the matrices of the layers; the head keeps 8 bits if it is not `float`.
 */
export function buildDecoderGraph(
  architecture: DecoderArchitecture,
  weights: WeightSource,
  type: FloatType,
  matrices: MatrixFormat = 'float',
): Graph {
  const { width: C, kvHeads: K, headWidth: D, vocabularySize: V } = architecture;
  const g = new Graph('decoder');
  const precision = { type, matrices };
  const embeddings = g.input(DECODER_IO.embeddings, 'float32', [1, 'T', C]);
  const firstScored = g.input(DECODER_IO.firstScored, 'int64', [1]);
  const last = causalLayers(g, cast(g, embeddings, type), architecture, weights, precision, {
    lastKey: g.input(DECODER_IO.lastKey, 'int32', [1]),
    totalKeys: g.input(DECODER_IO.totalKeys, 'int32', []),
    past: (layer) => ({
      key: g.input(DECODER_IO.pastKey(layer), type, [1, K, 'S', D]),
      value: g.input(DECODER_IO.pastValue(layer), type, [1, K, 'S', D]),
    }),
    onPresent: (layer, key, value) => {
      g.output(DECODER_IO.presentKey(layer), key);
      g.output(DECODER_IO.presentValue(layer), value);
    },
    select: (x) => positionsFrom(g, x, firstScored),
  });
  const name = headTensor(architecture);
  const logits = g.within('head', () => scoreTokens(g, last, weights, { name, rows: V }, precision));
  g.output(DECODER_IO.logits, cast(g, logits, 'float32'));
  return g;
}
