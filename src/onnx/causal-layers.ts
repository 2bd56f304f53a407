/**
 * @file The layers of a causal transformer: what decoders and decoder-shaped encoders share.
 *
 * Flow: vectors of positions -> **attention and feed-forward layers, final norm** -> the positions
 * that somebody reads.
 * One description covers the Llama family (Llama, Qwen2, Qwen3), StarCoder2 and GPT-BigCode. They differ in the kind of
 * norm, of position embedding and of feed-forward network, in the layers that have biases, and in the names of their
 * tensors.
 *
 * Shape letters: B batch, T new positions, S past positions, C width, H query heads,
 * K key/value heads, D head width, F feed-forward width, P positions.
 *
 * Source: Llama (arXiv 2302.13971), Qwen2 (arXiv 2407.10671), Qwen3 (arXiv 2505.09388), StarCoder
 * (arXiv 2305.06161), StarCoder2 (arXiv 2402.19173); tensor names of Hugging Face transformers.
 */

import type { Graph, Value } from './graph.js';
import { project, type LinearLayer, type Precision } from './linear.js';
import { add, layerNorm, mul, newestRows, reshape, silu, split, unsqueeze } from './operators.js';
import {
  addLayerNorm,
  gelu,
  geluTanh,
  groupQueryAttention,
  rmsNorm,
  skipRmsNorm,
} from './fused-operators.js';
import { rotaryTable, type Rope } from './rotary.js';
import type { WeightSource } from './weights.js';

/** Naming schemes of checkpoints. */
export type TensorLayout = 'llama' | 'starcoder2' | 'gpt-bigcode';

/** Everything about causal layers that decides their graph. */
export interface CausalArchitecture {
  readonly layout: TensorLayout;
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
  /** Rows of the embedding table. */
  readonly vocabularySize: number;
  /** Longest sequence that the graph computes as the reference does. */
  readonly maxPositions: number;
  /** Null for a learned table, which is added to the embeddings. */
  readonly rope: Rope | null;
  /** Rows of the learned table; 0 with rotary positions. */
  readonly learnedPositions: number;
  readonly norm: { readonly kind: 'rms' | 'layer'; readonly eps: number };
  /** down(silu(gate(x)) * up(x)), or down(gelu(up(x))) with the tanh form of GELU or with the exact one. */
  readonly feedForward: 'gated-silu' | 'gelu-tanh' | 'gelu';
  /** Whether queries and keys are normalised head by head before they are rotated. */
  readonly queryKeyNorm: boolean;
  readonly biases: {
    readonly queryKeyValue: boolean;
    readonly attentionOutput: boolean;
    readonly feedForward: boolean;
  };
}

/** Names of the tensors outside the layers. */
interface OuterNames {
  /** [V, C]. */
  readonly embedding: string;
  readonly finalNorm: string;
  /** [P, C]; only layouts with learned positions have one. */
  readonly positions: string | null;
  readonly layer: (index: number) => LayerNames;
}

interface LayerNames {
  readonly attentionNorm: string;
  readonly feedForwardNorm: string;
  /** Prefix of attention. */
  readonly attention: string;
  readonly queryKeyValue: readonly LinearLayer[];
  readonly attentionOutput: string;
  /** Null where the network has no gate. */
  readonly gate: string | null;
  readonly up: string;
  readonly down: string;
}

/** The first part of all names but the head's. Checkpoints of a bare model lack it. */
export function basePrefix(layout: TensorLayout): string {
  return layout === 'gpt-bigcode' ? 'transformer.' : 'model.';
}

/** The names of a checkpoint's tensors. */
export function tensorNames(architecture: CausalArchitecture): OuterNames {
  const { layout, heads, kvHeads, headWidth } = architecture;
  const base = basePrefix(layout);
  const [queries, keys] = [heads * headWidth, kvHeads * headWidth];
  switch (layout) {
    case 'llama':
    case 'starcoder2':
      return {
        embedding: `${base}embed_tokens.weight`,
        finalNorm: `${base}norm`,
        positions: null,
        layer: (index) => {
          const prefix = `${base}layers.${index}`;
          const attention = `${prefix}.self_attn`;
          return {
            attentionNorm: `${prefix}.input_layernorm`,
            feedForwardNorm: `${prefix}.post_attention_layernorm`,
            attention,
            queryKeyValue: [
              { name: `${attention}.q_proj`, outputs: queries },
              { name: `${attention}.k_proj`, outputs: keys },
              { name: `${attention}.v_proj`, outputs: keys },
            ],
            attentionOutput: `${attention}.o_proj`,
            ...(layout === 'llama'
              ? {
                  gate: `${prefix}.mlp.gate_proj`,
                  up: `${prefix}.mlp.up_proj`,
                  down: `${prefix}.mlp.down_proj`,
                }
              : { gate: null, up: `${prefix}.mlp.c_fc`, down: `${prefix}.mlp.c_proj` }),
          };
        },
      };
    case 'gpt-bigcode':
      return {
        embedding: `${base}wte.weight`,
        finalNorm: `${base}ln_f`,
        positions: `${base}wpe.weight`,
        layer: (index) => {
          const prefix = `${base}h.${index}`;
          return {
            attentionNorm: `${prefix}.ln_1`,
            feedForwardNorm: `${prefix}.ln_2`,
            attention: `${prefix}.attn`,
            queryKeyValue: [{ name: `${prefix}.attn.c_attn`, outputs: queries + 2 * keys }],
            attentionOutput: `${prefix}.attn.c_proj`,
            gate: null,
            up: `${prefix}.mlp.c_fc`,
            down: `${prefix}.mlp.c_proj`,
          };
        },
      };
  }
}

/** What surrounds the layers: how sequences are counted, cached and read. */
export interface CausalSetting {
  /** Keys per sequence - 1, int32 [B]. */
  readonly lastKey: Value;
  /** Most keys of any sequence, int32 scalar. */
  readonly totalKeys: Value;
  /** Keys and values of past positions, each [B, K, S, D]; null if every sequence is whole. */
  readonly past: ((layer: number) => { readonly key: Value; readonly value: Value }) | null;
  /** Called with the grown cache of each layer. */
  readonly onPresent: (layer: number, key: Value, value: Value) => void;
  /**
   * The positions that are read behind the layers: [B, T, width] -> [B, N, width]. The last layer
   * computes nothing else once its attention is done.
   */
  readonly select: (x: Value) => Value;
}

/**
 * Adds the layers and the final norm: x [B, T, C] -> [B, N, C].
 *
 * @throws {RangeError} If the architecture contradicts itself.
 */
export function causalLayers(
  g: Graph,
  x: Value,
  architecture: CausalArchitecture,
  weights: WeightSource,
  precision: Precision,
  setting: CausalSetting,
): Value {
  const { layers, width: C, kvHeads: K, headWidth: D } = architecture;
  const { type } = precision;
  const names = tensorNames(architecture);
  const rotary = rotaryWeights(g, architecture, precision);
  const norms = normalisation(g, architecture, weights, precision);

  // `residual` is the stream that layers add to, `normed` its normalised copy that they read.
  let residual = addPositions(g, x, architecture, weights, precision, setting.totalKeys);
  let normed = g.within('layers.0', () => norms.only(residual, names.layer(0).attentionNorm));
  for (let layer = 0; layer < layers; layer++) {
    const isLast = layer === layers - 1;
    const select = isLast ? setting.select : (all: Value): Value => all;
    const own = names.layer(layer);
    g.within(`layers.${layer}`, () => {
      const attention = groupQueryAttention(
        g,
        {
          projected: queriesKeysValues(g, normed, architecture, weights, precision, own),
          past: setting.past === null ? null : setting.past(layer),
          lastKey: setting.lastKey,
          totalKeys: setting.totalKeys,
          rotary,
        },
        { heads: architecture.heads, kvHeads: K, headWidth: D },
        'S+T',
      );
      setting.onPresent(layer, attention.presentKey, attention.presentValue);

      const attended = project(
        g,
        select(attention.mixed),
        weights,
        [{ name: own.attentionOutput, outputs: C }],
        architecture.biases.attentionOutput,
        precision,
      );
      const middle = norms.sum(select(residual), attended, own.feedForwardNorm);
      const fed = feedForward(g, middle.normed, architecture, weights, precision, own);
      const next = isLast ? names.finalNorm : names.layer(layer + 1).attentionNorm;
      ({ normed, sum: residual } = norms.sum(middle.sum, fed, next));
    });
  }
  if (normed.type !== type) throw new RangeError(`the layers compute ${normed.type}, not ${type}`);
  return normed;
}

/** The norm of an architecture, by the name of its weights. */
function normalisation(
  g: Graph,
  { width: C, norm: { kind, eps } }: CausalArchitecture,
  weights: WeightSource,
  { type }: Precision,
): {
  readonly only: (x: Value, name: string) => Value;
  readonly sum: (x: Value, y: Value, name: string) => { readonly normed: Value; readonly sum: Value };
} {
  const vector = (name: string): Value => g.weight(name, type, [C], weights.tensor(name, [C]));
  const gamma = (name: string): Value => vector(`${name}.weight`);
  const beta = (name: string): Value => vector(`${name}.bias`);
  switch (kind) {
    case 'rms':
      return {
        only: (x, name) => rmsNorm(g, x, gamma(name), eps),
        sum: (x, y, name) => skipRmsNorm(g, x, y, gamma(name), eps),
      };
    case 'layer':
      return {
        only: (x, name) => layerNorm(g, x, gamma(name), beta(name), eps),
        sum: (x, y, name) => addLayerNorm(g, x, y, gamma(name), beta(name), eps),
      };
  }
}

/** Queries, keys and values from one product, or from three where they are normalised head by head. */
function queriesKeysValues(
  g: Graph,
  x: Value,
  architecture: CausalArchitecture,
  weights: WeightSource,
  precision: Precision,
  names: LayerNames,
): Value | readonly [Value, Value, Value] {
  const { heads, kvHeads, headWidth: D, biases, queryKeyNorm, norm } = architecture;
  const label = `${names.attention}.qkv`;
  const packed = project(g, x, weights, names.queryKeyValue, biases.queryKeyValue, precision, label);
  if (!queryKeyNorm) return packed;
  const [queries, keys, values] = split(g, packed, [heads * D, kvHeads * D, kvHeads * D]);
  const perHead = (value: Value, count: number, name: string): Value => {
    const [batch, length] = value.shape;
    const gamma = g.weight(name, precision.type, [D], weights.tensor(name, [D]));
    const apart = reshape(g, value, [batch!, length!, count, D]);
    return reshape(g, rmsNorm(g, apart, gamma, norm.eps), [batch!, length!, count * D]);
  };
  return [
    perHead(queries!, heads, `${names.attention}.q_norm.weight`),
    perHead(keys!, kvHeads, `${names.attention}.k_norm.weight`),
    values!,
  ];
}

/** The feed-forward network: [B, T, C] -> [B, T, C]. */
function feedForward(
  g: Graph,
  x: Value,
  architecture: CausalArchitecture,
  weights: WeightSource,
  precision: Precision,
  { gate, up, down }: LayerNames,
): Value {
  const { width: C, feedForwardWidth: F, biases } = architecture;
  const layer = (input: Value, name: string, outputs: number): Value =>
    project(g, input, weights, [{ name, outputs }], biases.feedForward, precision);
  switch (architecture.feedForward) {
    case 'gated-silu': {
      if (gate === null) throw new RangeError(`the layout ${architecture.layout} has no gate`);
      const opened = silu(g, layer(x, gate, F));
      return layer(mul(g, opened, layer(x, up, F)), down, C);
    }
    case 'gelu-tanh':
      return layer(geluTanh(g, layer(x, up, F)), down, C);
    case 'gelu':
      return layer(gelu(g, layer(x, up, F)), down, C);
  }
}

/** Adds the learned vectors of the new positions, if the architecture has them. */
function addPositions(
  g: Graph,
  x: Value,
  architecture: CausalArchitecture,
  weights: WeightSource,
  { type }: Precision,
  totalKeys: Value,
): Value {
  if (architecture.rope !== null) return x;
  const { width: C, learnedPositions: rows, layout } = architecture;
  const name = tensorNames(architecture).positions;
  if (name === null) throw new RangeError(`the layout ${layout} has no learned positions`);
  const table = g.streamedWeight(name, type, [rows, C], weights.tensor(name, [rows, C]));
  return g.within('positions', () => add(g, x, unsqueeze(g, newestRows(g, table, totalKeys, x), [0])));
}

/** The two rotary tables as weights, [P, D / 2]; null with learned positions. */
function rotaryWeights(
  g: Graph,
  { maxPositions, headWidth, rope }: CausalArchitecture,
  { type }: Precision,
): { readonly cos: Value; readonly sin: Value } | null {
  if (rope === null) return null;
  const shape = [maxPositions, headWidth / 2];
  const table = (of: (angle: number) => number) => () => rotaryTable(maxPositions, headWidth, rope, of);
  return {
    cos: g.weight('rotary.cos', type, shape, table(Math.cos)),
    sin: g.weight('rotary.sin', type, shape, table(Math.sin)),
  };
}
