/**
 * @file Graph of a projector: the small trained network from encoder width to decoder width.
 *
 * Flow: chunk vectors -> **projector graph** -> soft tokens.
 *
 * Shape letters: K vectors, E encoder width, C decoder width, k soft tokens a vector.
 *
 * Source: LlavaCode (arXiv 2510.19644) and its published code: Linear -> exact GELU -> LayerNorm,
 * the last Linear bare; parameter names `linear_1..4`, `ln_1..3`. Its widths are E, C, C in 2L, E, 2C, 2C, C in 3L and
 * E, 3C, 4C, 2C, C in 4L. Other widths are accepted as well, and a last width of k C gives k soft tokens.
 */

import { Graph, type Value } from './graph.js';
import { gemm, layerNorm } from './operators.js';
import { gelu } from './fused-operators.js';
import type { WeightSource } from './weights.js';

/** Everything about a projector that decides its graph. */
export interface ProjectorArchitecture {
  readonly layers: 2 | 3 | 4;
  /** E. */
  readonly inputWidth: number;
  /** Between the Linear layers, one fewer than there are of them. */
  readonly hiddenWidths: readonly number[];
  /** k C. */
  readonly outputWidth: number;
}

/** Names of the graph's inputs and outputs. */
export const PROJECTOR_IO = { vectors: 'vectors', soft: 'soft_tokens' } as const;

/** LayerNorm epsilon of PyTorch, which LlavaCode leaves as it is. */
const LAYER_NORM_EPS = 1e-5;

/**
 * Whether the hidden widths are LlavaCode's for one soft token of the width that comes out.
 *
 * @example // 3L, 768 -> 3072 -> 3072 -> 1536: one token for a decoder that is 1536 wide, not two for one of 768
 */
export function isPublishedShape({
  hiddenWidths,
  outputWidth: C,
}: Pick<ProjectorArchitecture, 'hiddenWidths' | 'outputWidth'>): boolean {
  const published = [[C], [2 * C, 2 * C], [3 * C, 4 * C, 2 * C]];
  return published.some((widths) => widths.join() === hiddenWidths.join());
}

/** Describes the projector, in float32: it is small, and its output is read by the host. */
export function buildProjectorGraph(architecture: ProjectorArchitecture, weights: WeightSource): Graph {
  const g = new Graph('projector');
  const vectors = g.input(PROJECTOR_IO.vectors, 'float32', ['K', architecture.inputWidth]);
  const soft = projectorLayers(g, architecture, vectors, (name, shape) =>
    g.weight(name, 'float32', shape, weights.tensor(name, shape)),
  );
  g.output(PROJECTOR_IO.soft, soft);
  return g;
}

/**
 * Adds the layers: [K, E] -> [K, k C].
 *
 * @param parameter A parameter by its name and its shape; called in the order of the file.
 */
export function projectorLayers(
  g: Graph,
  { inputWidth, hiddenWidths, outputWidth }: ProjectorArchitecture,
  vectors: Value,
  parameter: (name: string, shape: readonly number[]) => Value,
): Value {
  const widths = [inputWidth, ...hiddenWidths, outputWidth];
  let x = vectors;
  for (let layer = 1; layer < widths.length; layer++) {
    const [from, to] = [widths[layer - 1]!, widths[layer]!];
    const weight = parameter(`linear_${layer}.weight`, [to, from]);
    x = gemm(g, x, weight, parameter(`linear_${layer}.bias`, [to]));
    if (layer === widths.length - 1) break;
    const gamma = parameter(`ln_${layer}.weight`, [to]);
    x = layerNorm(g, gelu(g, x), gamma, parameter(`ln_${layer}.bias`, [to]), LAYER_NORM_EPS);
  }
  return x;
}
