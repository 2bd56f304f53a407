/**
 * @file Graph of a decoder-only language model: Qwen2.
 *
 * Flow: prompt embeddings -> **decoder graph** -> logits of the last position, KV cache.
 * The embedding table is not in the graph: text and soft tokens enter alike, as vectors. Logits are
 * computed for the last position only, and so is the last layer behind its attention; every other
 * position would cost time that nobody reads.
 *
 * Shape letters: T new positions, S past positions, C width, V vocabulary, H query heads,
 * K key/value heads, D head width, F feed-forward width.
 *
 * Source: Qwen2 (arXiv 2407.10671); tensor names of Hugging Face `Qwen2ForCausalLM`; rotary
 * embedding (arXiv 2104.09864) in the half-rotation form those checkpoints are trained with.
 */

import { Graph, type FloatType, type Value } from './graph.js';
import { linear } from './linear.js';
import {
  add,
  cast,
  gemm,
  groupQueryAttention,
  lastPosition,
  matMul,
  mul,
  reshape,
  rmsNorm,
  silu,
  skipRmsNorm,
} from './operators.js';
import { concatenate, transpose, type WeightSource } from './weights.js';

/** Everything about a decoder that decides its graph. */
export interface DecoderArchitecture {
  readonly layers: number;
  /** C. */
  readonly width: number;
  /** F. */
  readonly feedForwardWidth: number;
  /** H. */
  readonly heads: number;
  /** K. */
  readonly kvHeads: number;
  /** D. */
  readonly headWidth: number;
  /** V. */
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly ropeTheta: number;
  readonly rmsNormEps: number;
  /** Whether the embedding table also computes the logits. */
  readonly tiedHead: boolean;
  /** Whether queries, keys and values have biases. */
  readonly attentionBias: boolean;
}

/** Name of the embedding table, [V, C], in the checkpoint. */
export const EMBEDDING_TENSOR = 'model.embed_tokens.weight';

/** Names of the graph's inputs and outputs. */
export const DECODER_IO = {
  /** [1, T, C], float32 whatever the type of the weights. */
  embeddings: 'inputs_embeds',
  /** S + T - 1, int32 [1]. */
  lastKey: 'last_key',
  /** S + T, int32 scalar. */
  totalKeys: 'total_keys',
  /** [1, V], float32. */
  logits: 'logits',
  /** [1, K, S, D] in, [1, K, S+T, D] out, in the type of the weights. */
  pastKey: (layer: number) => `past.${layer}.key`,
  pastValue: (layer: number) => `past.${layer}.value`,
  presentKey: (layer: number) => `present.${layer}.key`,
  presentValue: (layer: number) => `present.${layer}.value`,
} as const;

/**
 * Describes the decoder; weights are asked for by name here and read when the graph is encoded.
 *
 * @param type Element type of weights, activations and cache.
 */
export function buildDecoderGraph(
  architecture: DecoderArchitecture,
  weights: WeightSource,
  type: FloatType,
): Graph {
  const { layers, width: C, kvHeads: K, headWidth: D, vocabularySize: V, rmsNormEps } = architecture;
  const g = new Graph('decoder');
  const vector = (name: string, size: number): Value =>
    g.weight(name, type, [size], weights.tensor(name, [size]));

  const embeddings = g.input(DECODER_IO.embeddings, 'float32', [1, 'T', C]);
  const lastKey = g.input(DECODER_IO.lastKey, 'int32', [1]);
  const totalKeys = g.input(DECODER_IO.totalKeys, 'int32', []);
  const { cos, sin } = rotaryWeights(g, architecture, type);

  // `residual` is the stream that layers add to, `normed` its normalised copy that they read.
  let residual = cast(g, embeddings, type);
  let normed = g.within('layers.0', () =>
    rmsNorm(g, residual, vector('model.layers.0.input_layernorm.weight', C), rmsNormEps),
  );
  for (let layer = 0; layer < layers; layer++) {
    const isLast = layer === layers - 1;
    const prefix = `model.layers.${layer}`;
    g.within(`layers.${layer}`, () => {
      const attention = groupQueryAttention(
        g,
        {
          packed: packedProjection(g, normed, architecture, weights, `${prefix}.self_attn`, type),
          pastKey: g.input(DECODER_IO.pastKey(layer), type, [1, K, 'S', D]),
          pastValue: g.input(DECODER_IO.pastValue(layer), type, [1, K, 'S', D]),
          lastKey,
          totalKeys,
          cos,
          sin,
        },
        architecture,
        'S+T',
      );
      g.output(DECODER_IO.presentKey(layer), attention.presentKey);
      g.output(DECODER_IO.presentValue(layer), attention.presentValue);

      const mixed = isLast ? lastPosition(g, attention.mixed) : attention.mixed;
      const before = isLast ? lastPosition(g, residual) : residual;
      const attended = linear(g, mixed, weights, `${prefix}.self_attn.o_proj`, C, type);
      const middle = skipRmsNorm(
        g,
        before,
        attended,
        vector(`${prefix}.post_attention_layernorm.weight`, C),
        rmsNormEps,
      );
      const fed = feedForward(g, middle.normed, architecture, weights, `${prefix}.mlp`, type);
      const gamma = isLast ? 'model.norm.weight' : `model.layers.${layer + 1}.input_layernorm.weight`;
      ({ normed, sum: residual } = skipRmsNorm(g, middle.sum, fed, vector(gamma, C), rmsNormEps));
    });
  }

  const head = architecture.tiedHead ? EMBEDDING_TENSOR : 'lm_head.weight';
  const table = g.weight(head, type, [V, C], weights.tensor(head, [V, C]));
  const logits = g.within('head', () => gemm(g, reshape(g, normed, [1, C]), table, null));
  g.output(DECODER_IO.logits, cast(g, logits, 'float32'));
  return g;
}

/** Queries, keys and values in one product: [1, T, C] -> [1, T, (H + 2K) * D]. */
function packedProjection(
  g: Graph,
  x: Value,
  architecture: DecoderArchitecture,
  weights: WeightSource,
  prefix: string,
  type: FloatType,
): Value {
  const { width: C, heads, kvHeads, headWidth } = architecture;
  const parts = [
    { name: `${prefix}.q_proj`, rows: heads * headWidth },
    { name: `${prefix}.k_proj`, rows: kvHeads * headWidth },
    { name: `${prefix}.v_proj`, rows: kvHeads * headWidth },
  ];
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const matrices = parts.map((part) => weights.tensor(`${part.name}.weight`, [part.rows, C]));
  const w = g.weight(`${prefix}.qkv.weight`, type, [C, rows], () =>
    transpose(concatenate(...matrices.map((read) => read())), rows, C),
  );
  const product = matMul(g, x, w);
  if (!architecture.attentionBias) return product;
  const biases = parts.map((part) => weights.tensor(`${part.name}.bias`, [part.rows]));
  const bias = g.weight(`${prefix}.qkv.bias`, type, [rows], () =>
    concatenate(...biases.map((read) => read())),
  );
  return add(g, product, bias);
}

/** down(silu(gate(x)) * up(x)). */
function feedForward(
  g: Graph,
  x: Value,
  architecture: DecoderArchitecture,
  weights: WeightSource,
  prefix: string,
  type: FloatType,
): Value {
  const { width: C, feedForwardWidth: F } = architecture;
  const gate = linear(g, x, weights, `${prefix}.gate_proj`, F, type);
  const up = linear(g, x, weights, `${prefix}.up_proj`, F, type);
  return linear(g, mul(g, silu(g, gate), up), weights, `${prefix}.down_proj`, C, type);
}

/** The two rotary tables as weights, [maxPositions, D / 2]. */
function rotaryWeights(
  g: Graph,
  { maxPositions, headWidth, ropeTheta }: DecoderArchitecture,
  type: FloatType,
): { readonly cos: Value; readonly sin: Value } {
  const shape = [maxPositions, headWidth / 2];
  const table = (of: (angle: number) => number) => () => rotaryTable(maxPositions, headWidth, ropeTheta, of);
  return {
    cos: g.weight('rotary.cos', type, shape, table(Math.cos)),
    sin: g.weight('rotary.sin', type, shape, table(Math.sin)),
  };
}

/**
 * cos or sin of position * theta^(-2i / D), [positions, D / 2].
 *
 * Frequencies and angles are rounded to Float32 as in the reference implementation: at position
 * 30,000 the rounding of an angle is visible in the third digit of its cosine.
 */
export function rotaryTable(
  positions: number,
  headWidth: number,
  theta: number,
  of: (angle: number) => number,
): Float32Array {
  const half = headWidth / 2;
  const frequencies = Float32Array.from(
    { length: half },
    (_, i) => 1 / Math.fround(theta ** ((2 * i) / headWidth)),
  );
  const table = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      table[position * half + i] = of(Math.fround(position * frequencies[i]!));
    }
  }
  return table;
}
