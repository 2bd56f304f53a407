/**
 * @file A layer of a causal transformer: what decoders, decoder-shaped encoders and training share.
 *
 * Flow: vectors of positions -> **norm, attention, norm, feed-forward network** -> vectors of positions.
 * The layer is written once. Whoever runs it brings the operators that differ: inference has fused ones and weights in
 * the graph (`fused-layers.ts`), training has plain ones that can be differentiated (`training/layer-graph.ts`).
 * One description covers the Llama family (Llama, Qwen2, Qwen3), StarCoder2 and GPT-BigCode. They differ in the kind of
 * norm, of position embedding and of feed-forward network, in the layers that have biases, and in the names of their
 * tensors.
 *
 * Shape letters: C width, H query heads, K key/value heads, D head width, F feed-forward width, P positions; `...` are
 * the dimensions of positions, [B, T] in inference and [R] in training.
 *
 * Source: Llama (arXiv 2302.13971), Qwen2 (arXiv 2407.10671), Qwen3 (arXiv 2505.09388), StarCoder
 * (arXiv 2305.06161), StarCoder2 (arXiv 2402.19173); tensor names of Hugging Face transformers.
 */

import type { Graph, Value } from './graph.js';
import type { LinearLayer } from './linear.js';
import { layerNorm, mul, reshape, silu, split } from './operators.js';
import { gelu, geluTanh, rmsNorm } from './fused-operators.js';
import type { Rope } from './rotary.js';

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

/** Names of the tensors of one layer. */
export interface LayerNames {
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

/** Queries, keys and values side by side, [..., (H + 2 K) D], or apart. */
export type Projected = Value | readonly [queries: Value, keys: Value, values: Value];

/** What differs between graphs that hold the same layers. */
export interface LayerOperators {
  /** A small weight of the checkpoint, by its name. */
  readonly weight: (name: string, shape: readonly number[]) => Value;
  /**
   * x times the weights of Linear layers side by side, plus their biases.
   *
   * @param label Name of the joined weights; the layer's own name if there is but one.
   */
  readonly project: (x: Value, layers: readonly LinearLayer[], hasBias: boolean, label?: string) => Value;
  /** Attention of new positions to themselves and to past ones: [..., H D]. */
  readonly attention: (projected: Projected, layer: number) => Value;
  /** x + y, and the norm of that sum by the name of its weights. */
  readonly addNorm: (x: Value, y: Value, name: string) => { readonly normed: Value; readonly sum: Value };
}

/** The stream that layers add to, and the normalised copy of it that the next layer reads; both [..., C]. */
export interface Stream {
  readonly sum: Value;
  readonly normed: Value;
}

/**
 * Adds one layer.
 *
 * @param select The positions that are read behind the attention; nothing else is computed for the others.
 * @returns The stream behind the attention, and what the feed-forward network adds to it.
 * @throws {RangeError} If the architecture contradicts itself.
 */
export function causalLayer(
  g: Graph,
  operators: LayerOperators,
  architecture: CausalArchitecture,
  layer: number,
  { sum, normed }: Stream,
  select: (x: Value) => Value,
): { readonly sum: Value; readonly fed: Value } {
  const { width: C, biases } = architecture;
  const names = tensorNames(architecture).layer(layer);
  const mixed = operators.attention(queriesKeysValues(g, operators, normed, architecture, names), layer);
  const output = { name: names.attentionOutput, outputs: C };
  const attended = operators.project(select(mixed), [output], biases.attentionOutput);
  const middle = operators.addNorm(select(sum), attended, names.feedForwardNorm);
  return { sum: middle.sum, fed: feedForward(g, operators, middle.normed, architecture, names) };
}

/** The norm of an architecture, by the name of its weights. */
export function norm(
  g: Graph,
  { weight }: Pick<LayerOperators, 'weight'>,
  { width: C, norm: { kind, eps } }: CausalArchitecture,
  x: Value,
  name: string,
): Value {
  const gamma = weight(`${name}.weight`, [C]);
  switch (kind) {
    case 'rms':
      return rmsNorm(g, x, gamma, eps);
    case 'layer':
      return layerNorm(g, x, gamma, weight(`${name}.bias`, [C]), eps);
  }
}

/** Queries, keys and values from one product; apart where they are normalised head by head. */
function queriesKeysValues(
  g: Graph,
  operators: LayerOperators,
  x: Value,
  architecture: CausalArchitecture,
  names: LayerNames,
): Projected {
  const { heads, kvHeads, headWidth: D, biases, queryKeyNorm, norm } = architecture;
  const label = `${names.attention}.qkv`;
  const packed = operators.project(x, names.queryKeyValue, biases.queryKeyValue, label);
  if (!queryKeyNorm) return packed;
  const [queries, keys, values] = split(g, packed, [heads * D, kvHeads * D, kvHeads * D]);
  const perHead = (value: Value, count: number, name: string): Value => {
    const positions = value.shape.slice(0, -1);
    const gamma = operators.weight(name, [D]);
    const apart = reshape(g, value, [...positions, count, D]);
    return reshape(g, rmsNorm(g, apart, gamma, norm.eps), [...positions, count * D]);
  };
  return [
    perHead(queries!, heads, `${names.attention}.q_norm.weight`),
    perHead(keys!, kvHeads, `${names.attention}.k_norm.weight`),
    values!,
  ];
}

/** The feed-forward network: [..., C] -> [..., C]. */
function feedForward(
  g: Graph,
  { project }: LayerOperators,
  x: Value,
  architecture: CausalArchitecture,
  { gate, up, down }: LayerNames,
): Value {
  const { width: C, feedForwardWidth: F, biases } = architecture;
  const layer = (input: Value, name: string, outputs: number): Value =>
    project(input, [{ name, outputs }], biases.feedForward);
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
