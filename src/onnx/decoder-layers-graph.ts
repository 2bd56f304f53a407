/**
 * @file Graph of the first layers of a decoder, read as an encoder: what they make of every position of a chunk.
 *
 * The decoder's final norm stands behind the layers. Without it one position, the first, has activations hundreds of
 * times as long as the others in models such as Qwen2.5, and a mean over positions would be that position.
 *
 * Shape letters: T positions, C width.
 */

import type { DecoderArchitecture } from './decoder-graph.js';
import { causalLayers } from './fused-layers.js';
import { Graph } from './graph.js';
import { reshape } from './operators.js';
import type { WeightSource } from './weights.js';

/** Names of the graph's inputs and outputs. */
export const LAYERS_IO = {
  /** [1, T, C]. */
  embeddings: 'inputs_embeds',
  /** T - 1, int32 [1]. */
  lastKey: 'last_key',
  /** T, int32 scalar. */
  totalKeys: 'total_keys',
  /** [T, C]. */
  states: 'states',
} as const;

/** Describes the first `layers` layers, at least one, in float32. */
export function buildDecoderLayersGraph(
  architecture: DecoderArchitecture,
  weights: WeightSource,
  layers: number,
): Graph {
  const g = new Graph('decoder layers');
  const { width: C } = architecture;
  const states = causalLayers(
    g,
    g.input(LAYERS_IO.embeddings, 'float32', [1, 'T', C]),
    { ...architecture, layers },
    weights,
    { type: 'float32', matrices: 'float' },
    {
      lastKey: g.input(LAYERS_IO.lastKey, 'int32', [1]),
      totalKeys: g.input(LAYERS_IO.totalKeys, 'int32', []),
      past: null,
      onPresent: () => undefined,
      select: (x) => x,
    },
  );
  g.output(LAYERS_IO.states, reshape(g, states, ['T', C]));
  return g;
}
