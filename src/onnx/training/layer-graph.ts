/**
 * @file Graphs of one decoder layer for training: forward, and backward with the forward part computed again.
 *
 * Flow: rows of all sequences -> **norm, attention, norm, feed-forward network (`causal-layers.ts`)** -> rows.
 * The rows of all sequences lie packed below each other for the products with weights, which are nearly all of the
 * work. Attention alone works on sequences padded to one length. The graphs hold no weights (`weight-inputs.ts`), so
 * they serve every layer.
 *
 * Shape letters: R rows of all sequences, B sequences, T new positions of the longest, S past positions of the longest,
 * L = S + T keys, C width, H query heads, K key/value heads, G = H / K query heads that share keys, D head width.
 */

import {
  causalLayer,
  norm,
  tensorNames,
  type CausalArchitecture,
  type LayerOperators,
  type Projected,
} from '../causal-layers.js';
import { Graph, type Value } from '../graph.js';
import { differentiate } from '../gradients/differentiate.js';
import { times } from '../gradients/elementwise.js';
import { batchedMatMul } from '../gradients/products.js';
import { softmax } from '../gradients/reductions.js';
import { permute, swapLast } from '../gradients/rule.js';
import { concat } from '../gradients/shapes.js';
import { add, cast, gatherRows, mul, reshape, split, sub } from '../operators.js';
import { prune, substitute } from './rewrite.js';
import { WeightInputs, type WeightInput } from './weight-inputs.js';

/** Names of the graph's inputs and outputs. */
export const LAYER_IO = {
  /** [R, C]. */
  rows: 'rows',
  /** Cosines and sines of each row's position, [R, 1, D / 2]; absent with learned positions. */
  cos: 'cos',
  sin: 'sin',
  /** The row at each place of the padded sequences, int64 [B, T]; any row where there is none. */
  slots: 'slots',
  /** The place of each row among the padded ones, int64 [R]. */
  places: 'places',
  /** Added to scores, [B, 1, G T, L]: 0 where a query may look, and a large negative number elsewhere. */
  mask: 'mask',
  /** Keys and values of past positions, float16 [B, K, S, D]. */
  pastKeys: 'past_keys',
  pastValues: 'past_values',
  /** [R, C]. */
  result: 'result',
  /** Keys and values of the new positions, [B, K, T, D]. */
  keys: 'keys',
  values: 'values',
  /** Gradients of the loss at `result` and at `rows`, [R, C]. */
  resultGradient: 'result_gradient',
  rowsGradient: 'rows_gradient',
} as const;

/** A graph and the weights it is fed. */
export interface FedGraph {
  readonly graph: Graph;
  readonly weights: readonly WeightInput[];
}

/** A layer in both directions. */
export interface LayerGraphs {
  readonly forward: FedGraph;
  readonly backward: FedGraph;
  /** Names under which the forward graph hands out products with weights, and the backward graph is fed them. */
  readonly kept: readonly string[];
}

/**
 * Describes a layer. The backward graph computes the forward part again, but for the products with weights: they are
 * nearly all of the work, and their results are kept meanwhile.
 *
 * @param layer Which one; its index decides the names of the tensors alone.
 */
export function buildLayerGraphs(architecture: CausalArchitecture, layer: number): LayerGraphs {
  const nameOf = (product: number): string => `kept.${product}`;
  const backward = describeLayer(architecture, layer, 'backward');
  const { g } = backward;
  const gradient = g.input(LAYER_IO.resultGradient, 'float32', backward.result.shape);
  const [rowsGradient] = differentiate(g, [{ value: backward.result, gradient }], [backward.rows]);
  g.output(LAYER_IO.rowsGradient, rowsGradient!);
  const fed = backward.weights.products.map(
    (product, i) => [product, g.input(nameOf(i), 'float32', product.shape)] as const,
  );
  substitute(g, new Map(fed));
  prune(g);
  const kept = fed.flatMap(([, { name }]) => (g.inputs.some((input) => input.name === name) ? [name] : []));

  const forward = describeLayer(architecture, layer, 'forward');
  forward.g.output(LAYER_IO.result, forward.result);
  forward.g.output(LAYER_IO.keys, forward.fresh.keys);
  forward.g.output(LAYER_IO.values, forward.fresh.values);
  for (const [i, product] of forward.weights.products.entries()) {
    if (kept.includes(nameOf(i))) forward.g.output(nameOf(i), product);
  }
  return {
    forward: { graph: forward.g, weights: forward.weights.used },
    backward: { graph: g, weights: backward.weights.used },
    kept,
  };
}

/** The layer itself, without outputs. */
function describeLayer(
  architecture: CausalArchitecture,
  layer: number,
  role: string,
): {
  readonly g: Graph;
  readonly weights: WeightInputs;
  readonly rows: Value;
  readonly result: Value;
  readonly fresh: KeysValues;
} {
  const { width: C, headWidth: D, kvHeads: K, rope } = architecture;
  const g = new Graph(`decoder layer, ${role}`);
  const rows = g.input(LAYER_IO.rows, 'float32', ['R', C]);
  const turned = (name: string): Value => g.input(name, 'float32', ['R', 1, D / 2]);
  const past = (name: string): Value => cast(g, g.input(name, 'float16', ['B', K, 'S', D]), 'float32');
  const given = {
    rotary: rope === null ? null : { cos: turned(LAYER_IO.cos), sin: turned(LAYER_IO.sin) },
    slots: g.input(LAYER_IO.slots, 'int64', ['B', 'T']),
    places: g.input(LAYER_IO.places, 'int64', ['R']),
    mask: g.input(LAYER_IO.mask, 'float32', ['B', 1, 'G*T', 'S+T']),
    past: { keys: past(LAYER_IO.pastKeys), values: past(LAYER_IO.pastValues) },
  };
  const weights = new WeightInputs(g);
  const fresh: KeysValues[] = [];
  const operators: LayerOperators = {
    weight: weights.weight,
    project: weights.project,
    attention(projected) {
      const { mixed, ...present } = plainAttention(g, architecture, projected, given);
      fresh.push(present);
      return mixed;
    },
    addNorm(x, y, name) {
      const sum = add(g, x, y);
      return { sum, normed: norm(g, operators, architecture, sum, name) };
    },
  };
  const { attentionNorm } = tensorNames(architecture).layer(layer);
  const normed = norm(g, operators, architecture, rows, attentionNorm);
  const { sum, fed } = causalLayer(g, operators, architecture, layer, { sum: rows, normed }, (all) => all);
  return { g, weights, rows, result: add(g, sum, fed), fresh: fresh[0]! };
}

/** Of the new positions, [B, K, T, D]. */
interface KeysValues {
  readonly keys: Value;
  readonly values: Value;
}

interface AttentionInputs {
  readonly rotary: { readonly cos: Value; readonly sin: Value } | null;
  readonly slots: Value;
  readonly places: Value;
  readonly mask: Value;
  readonly past: { readonly keys: Value; readonly values: Value };
}

/** Causal attention out of plain operators; heads that share keys are stacked as more queries of the same head. */
function plainAttention(
  g: Graph,
  { heads: H, kvHeads: K, headWidth: D }: CausalArchitecture,
  projected: Projected,
  { rotary, slots, places, mask, past }: AttentionInputs,
): KeysValues & { readonly mixed: Value } {
  const G = H / K;
  if (!Number.isInteger(G)) throw new RangeError(`${H} heads cannot share ${K} key/value heads evenly`);
  const [q, k, v] = isPacked(projected) ? split(g, projected, [H * D, K * D, K * D]) : projected;
  /** [R, K D] -> [B, K, T, D]. */
  const padded = (x: Value): Value =>
    permute(g, reshape(g, gatherRows(g, x, slots), ['B', 'T', K, D]), [0, 2, 1, 3]);
  const keys = padded(rotate(g, k, K, D, rotary));
  const values = padded(v);
  const scaled = times(g, rotate(g, q, H, D, rotary), 1 / Math.sqrt(D));
  const byHead = reshape(g, gatherRows(g, scaled, slots), ['B', 'T', K, G, D]);
  const queries = reshape(g, permute(g, byHead, [0, 2, 3, 1, 4]), ['B', K, 'G*T', D]);
  const scores = batchedMatMul(g, queries, swapLast(g, concat(g, [past.keys, keys], 2, 'S+T')));
  const shares = softmax(g, add(g, scores, mask));
  const mixed = batchedMatMul(g, shares, concat(g, [past.values, values], 2, 'S+T'));
  const byPosition = permute(g, reshape(g, mixed, ['B', K, G, 'T', D]), [0, 3, 1, 2, 4]);
  return { keys, values, mixed: gatherRows(g, reshape(g, byPosition, ['B*T', H * D]), places) };
}

function isPacked(projected: Projected): projected is Value {
  return !Array.isArray(projected);
}

/**
 * Rotary positions: the halves (a, b) of each head become (a cos - b sin, b cos + a sin). [R, n D] -> [R, n D].
 *
 * Source: RoFormer (arXiv 2104.09864) in the half-rotation form.
 */
function rotate(g: Graph, x: Value, heads: number, D: number, rotary: AttentionInputs['rotary']): Value {
  if (rotary === null) return x;
  const { cos, sin } = rotary;
  const [a, b] = split(g, reshape(g, x, ['R', heads, D]), [D / 2, D / 2]);
  const first = sub(g, mul(g, a!, cos), mul(g, b!, sin));
  const second = add(g, mul(g, b!, cos), mul(g, a!, sin));
  return reshape(g, concat(g, [first, second], 2, D), ['R', heads * D]);
}
