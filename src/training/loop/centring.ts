/**
 * @file Soft tokens without what they have in common.
 *
 * Flow: parameters after a step -> soft tokens of some chunks -> their mean -> **bias of the last layer less that mean**.
 * A shift that all chunks share says nothing about any of them. It can be what constant vectors are for, or one that harms
 * every line, which a contrast makes use of: own chunks then harm less than others do.
 *
 * Source: `docs/decisions/0069-what-all-chunks-share-is-left-to-the-constants.md`.
 */

import { linearLayers, type ParameterValues } from '../../inference/differentiable.js';
import { meanRow, rowsAt } from '../../tensor/matrix.js';
import { shownChunks } from '../samples/sample.js';
import { rngFor } from './order.js';
import { projectorOf, type TrainingWorld } from './world.js';

/** Chunks whose mean is kept at zero. It differs from that of all chunks by about 1/sqrt(512) of their spread, 4 %. */
const MOST_CHUNKS = 512;
/**
 * Share of the root mean square of the soft tokens: smaller means are rounding. They stay, so that centring what is
 * centred changes no bit, and a training that is ended between the two goes on to the same numbers.
 */
const ROUNDING = 1e-5;

/** Moves the bias of the projector's last layer, [k C], in place; the other parameters are read. */
export type Centring = (parameters: ParameterValues) => Promise<void>;

/**
 * Keeps the mean soft token of some training chunks at zero: the same chunks at every step, which follow from the seed. With
 * more soft tokens a chunk, each of them has its own mean.
 *
 * @example Soft tokens (3, 1) and (1, 1): the bias loses (2, 1), and they become (1, 0) and (-1, 0).
 */
export function centringOf({ data, projector, seed }: TrainingWorld): Centring {
  const chunks = rngFor(seed, 'centring').shuffle(shownChunks(data.training)).slice(0, MOST_CHUNKS);
  const vectors = rowsAt(data.chunks.vectors, chunks);
  const lastBias = `linear_${linearLayers(projector)}.bias`;
  return async (parameters) => {
    const soft = await projector.forward(projectorOf(parameters), vectors);
    const bias = parameters.get(lastBias)!;
    const smallest = ROUNDING * Math.sqrt(soft.data.reduce((sum, x) => sum + x * x, 0) / soft.data.length);
    for (const [c, mean] of meanRow(soft).entries()) {
      if (Math.abs(mean) > smallest) bias[c]! -= mean;
    }
  };
}
