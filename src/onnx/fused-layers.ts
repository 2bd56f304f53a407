/**
 * @file All layers of a causal transformer as inference runs them: fused operators, and weights in the graph.
 *
 * Flow: vectors of positions -> **attention and feed-forward layers (`causal-layers.ts`), final norm** -> the positions
 * that somebody reads.
 *
 * Shape letters: B batch, T new positions, S past positions, C width, K key/value heads, D head width, P positions.
 */

import {
  causalLayer,
  norm,
  tensorNames,
  type CausalArchitecture,
  type LayerOperators,
} from './causal-layers.js';
import type { Graph, Value } from './graph.js';
import { project, type Precision } from './linear.js';
import { add, newestRows, unsqueeze } from './operators.js';
import { addLayerNorm, groupQueryAttention, skipRmsNorm } from './fused-operators.js';
import { rotaryTable } from './rotary.js';
import type { WeightSource } from './weights.js';

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
  const { layers } = architecture;
  const { type } = precision;
  const names = tensorNames(architecture);
  const operators = fusedOperators(g, architecture, weights, precision, setting);

  let sum = addPositions(g, x, architecture, weights, precision, setting.totalKeys);
  let normed = g.within('layers.0', () =>
    norm(g, operators, architecture, sum, names.layer(0).attentionNorm),
  );
  for (let layer = 0; layer < layers; layer++) {
    const isLast = layer === layers - 1;
    const select = isLast ? setting.select : (all: Value): Value => all;
    g.within(`layers.${layer}`, () => {
      const middle = causalLayer(g, operators, architecture, layer, { sum, normed }, select);
      const next = isLast ? names.finalNorm : names.layer(layer + 1).attentionNorm;
      ({ normed, sum } = operators.addNorm(middle.sum, middle.fed, next));
    });
  }
  if (normed.type !== type) throw new RangeError(`the layers compute ${normed.type}, not ${type}`);
  return normed;
}

/** Operators that do several steps at once. */
function fusedOperators(
  g: Graph,
  architecture: CausalArchitecture,
  weights: WeightSource,
  precision: Precision,
  { lastKey, totalKeys, past, onPresent }: CausalSetting,
): LayerOperators {
  const { width: C, heads, kvHeads, headWidth } = architecture;
  const { kind, eps } = architecture.norm;
  const rotary = rotaryWeights(g, architecture, precision);
  const weight = (name: string, shape: readonly number[]): Value =>
    g.weight(name, precision.type, shape, weights.tensor(name, shape));
  return {
    weight,
    project: (x, layers, hasBias, label) => project(g, x, weights, layers, hasBias, precision, label),
    attention: (projected, layer) => {
      const { mixed, presentKey, presentValue } = groupQueryAttention(
        g,
        { projected, past: past === null ? null : past(layer), lastKey, totalKeys, rotary },
        { heads, kvHeads, headWidth },
        'S+T',
      );
      onPresent(layer, presentKey, presentValue);
      return mixed;
    },
    addNorm: (x, y, name) => {
      const gamma = weight(`${name}.weight`, [C]);
      switch (kind) {
        case 'rms':
          return skipRmsNorm(g, x, y, gamma, eps);
        case 'layer':
          return addLayerNorm(g, x, y, gamma, weight(`${name}.bias`, [C]), eps);
      }
    },
  };
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
