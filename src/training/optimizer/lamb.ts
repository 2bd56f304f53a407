/**
 * @file LAMB: AdamW whose steps are as long, layer by layer, as the layer's weights ask for.
 *
 *   u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + decay * p
 *   p -= rate * |p| / |u| * u
 *
 * So `rate` is the share of its own length by which a layer moves in a step. The entries of AdamW's moves are all about 1,
 * and a rate that suits one layer ruins another: a projector that starts with outputs as small as token embeddings has
 * entries of 15 in its first layer, and of 0.0003 in its last. |p| and |u| are lengths over all tensors of a layer, so
 * that a bias that is still 0 moves with its weights.
 *
 * Source: You et al., Large Batch Optimization for Deep Learning, arXiv 1904.00962, algorithm 2, without its bounds of |p|.
 */

import { adamMoves, type AdamWSetting, type Moments } from './adamw.js';

/**
 * One step, in place: parameters and moments change.
 *
 * @param gradients Of some parameters; the others stay as they are, and so do their moments. Tensors belong to one layer
 *                  if their names are the same up to the first dot.
 * @param moments   Mean and mean square of the gradients, of each parameter's shape; `steps` counts this step afterwards.
 * @param rate      Share of the length of a layer; the move itself where all of a layer is 0.
 * @throws {RangeError} If a gradient belongs to no parameter or has another length.
 * @example A layer of [3, 4] with the gradient [1, -1], rate 0.1, first step: u = [1, -1], so it moves by
 *          0.1 * 5 / sqrt(2) against each sign, to [2.6464, 4.3536].
 */
export function lambStep(
  parameters: ReadonlyMap<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
  moments: Moments,
  rate: number,
  setting: AdamWSetting,
): void {
  moments.steps++;
  const moves = new Map<string, Float64Array>();
  const layers = new Map<string, { values: number; moves: number }>();
  for (const [name, gradient] of gradients) {
    const move = adamMoves(parameters, name, gradient, moments, setting);
    const values = parameters.get(name)!;
    const layer = layers.get(layerOf(name)) ?? { values: 0, moves: 0 };
    for (const [i, value] of values.entries()) {
      move[i]! += setting.weightDecay * value;
      layer.values += value ** 2;
      layer.moves += move[i]! ** 2;
    }
    moves.set(name, move);
    layers.set(layerOf(name), layer);
  }
  for (const [name, move] of moves) {
    const values = parameters.get(name)!;
    const layer = layers.get(layerOf(name))!;
    const isSized = layer.values > 0 && layer.moves > 0;
    const step = isSized ? rate * Math.sqrt(layer.values / layer.moves) : rate;
    for (let i = 0; i < values.length; i++) values[i]! -= step * move[i]!;
  }
}

function layerOf(name: string): string {
  return name.split('.', 1)[0]!;
}
