/**
 * @file Graph of a projector: the small trained network from encoder width to decoder width.
 *
 * Flow: chunk vectors -> **projector graph** -> soft tokens.
 *
 * Shape letters: K vectors, E encoder width, C decoder width.
 *
 * Source: LlavaCode (arXiv 2510.19644) and its published code: Linear -> exact GELU -> LayerNorm,
 * the last Linear bare; parameter names `linear_1..4`, `ln_1..3`.
 */

import { Graph } from './graph.js';
import { gelu, gemm, layerNorm } from './operators.js';
import type { WeightSource } from './weights.js';

/** Everything about a projector that decides its graph. */
export interface ProjectorArchitecture {
  readonly layers: 2 | 3 | 4;
  /** E. */
  readonly inputWidth: number;
  /** C. */
  readonly outputWidth: number;
}

/** Names of the graph's inputs and outputs. */
export const PROJECTOR_IO = { vectors: 'vectors', soft: 'soft_tokens' } as const;

/** LayerNorm epsilon of PyTorch, which LlavaCode leaves as it is. */
const LAYER_NORM_EPS = 1e-5;

/**
 * Widths from the input to the output; one Linear layer lies between each pair.
 *
 * @example
 * projectorWidths({ layers: 3, inputWidth: 768, outputWidth: 1536 }); // => [768, 3072, 3072, 1536]
 */
export function projectorWidths({ layers, inputWidth: E, outputWidth: C }: ProjectorArchitecture): number[] {
  switch (layers) {
    case 2:
      return [E, C, C];
    case 3:
      return [E, 2 * C, 2 * C, C];
    case 4:
      return [E, 3 * C, 4 * C, 2 * C, C];
  }
}

/** Describes the projector, in float32: it is small, and its output is read by the host. */
export function buildProjectorGraph(architecture: ProjectorArchitecture, weights: WeightSource): Graph {
  const g = new Graph('projector');
  const widths = projectorWidths(architecture);
  const weight = (name: string, shape: readonly number[]) =>
    g.weight(name, 'float32', shape, weights.tensor(name, shape));

  let x = g.input(PROJECTOR_IO.vectors, 'float32', ['K', architecture.inputWidth]);
  for (let layer = 1; layer < widths.length; layer++) {
    const [from, to] = [widths[layer - 1]!, widths[layer]!];
    x = gemm(g, x, weight(`linear_${layer}.weight`, [to, from]), weight(`linear_${layer}.bias`, [to]));
    if (layer === widths.length - 1) break;
    const gamma = weight(`ln_${layer}.weight`, [to]);
    x = layerNorm(g, gelu(g, x), gamma, weight(`ln_${layer}.bias`, [to]), LAYER_NORM_EPS);
  }
  g.output(PROJECTOR_IO.soft, x);
  return g;
}
