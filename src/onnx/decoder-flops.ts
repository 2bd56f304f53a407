/**
 * @file The arithmetic of a prefill: its matrix products, and the number of their operations.
 *
 * The counts are those of the graph of `decoder-graph.ts`: behind the attention of the last layer, that layer and the
 * head work on one position only. An operation is a multiplication or an addition, so a product [T, K] x [K, N] is
 * 2TKN.
 *
 * Shape letters: T positions, C width, H query heads, K key/value heads, D head width, F feed-forward width.
 */

import type { CausalArchitecture } from './causal-layers.js';

/** A product of all positions with a weight: [T, inputs] x [inputs, outputs], `count` times a prefill. */
export interface LayerProduct {
  readonly inputs: number;
  readonly outputs: number;
  readonly count: number;
}

type Widths = Pick<
  CausalArchitecture,
  'layers' | 'width' | 'feedForwardWidth' | 'heads' | 'kvHeads' | 'headWidth' | 'feedForward'
>;

/** The products that work on all positions of the prompt, with equal shapes counted together. */
export function layerProducts(architecture: Widths): LayerProduct[] {
  const { layers, width: C, feedForwardWidth: F, heads: H, kvHeads: K, headWidth: D } = architecture;
  const upward = architecture.feedForward === 'gated-silu' ? 2 : 1;
  const products: LayerProduct[] = [
    { inputs: C, outputs: (H + 2 * K) * D, count: layers },
    { inputs: H * D, outputs: C, count: layers - 1 },
    { inputs: C, outputs: F, count: upward * (layers - 1) },
    { inputs: F, outputs: C, count: layers - 1 },
  ];
  const merged = new Map<string, LayerProduct>();
  for (const product of products) {
    const key = `${product.inputs}x${product.outputs}`;
    const known = merged.get(key);
    merged.set(key, known === undefined ? product : { ...known, count: known.count + product.count });
  }
  return [...merged.values()].filter(({ count }) => count > 0);
}

/** Operations of `products` over T positions. */
export function productFlops(products: readonly LayerProduct[], T: number): number {
  return products.reduce((sum, { inputs, outputs, count }) => sum + 2 * T * inputs * outputs * count, 0);
}

/**
 * Operations of attention over T positions: each looks at itself and those before it, once for the scores and once
 * for the mixture. Work that a kernel does beyond that and then masks is not counted.
 *
 * @example // two positions of one head of width 1 in one layer see 1 + 2 keys: 2 x 2 x 3
 * attentionFlops({ layers: 1, heads: 1, headWidth: 1 }, 2); // => 12
 */
export function attentionFlops(
  { layers, heads, headWidth }: Pick<CausalArchitecture, 'layers' | 'heads' | 'headWidth'>,
  T: number,
): number {
  return layers * heads * headWidth * 4 * ((T * (T + 1)) / 2);
}
