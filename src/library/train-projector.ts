/**
 * @file `trainProjector`: the command `train` as a function.
 */

import { trainRequestSchema, type TrainRequest } from '../comparison/train/request.js';
import { trainProjector as train, type TrainOutcome } from '../comparison/train/train.js';
import { checkedRequest, surroundingsOf, type RunSurroundings } from './surroundings.js';

/**
 * Trains a projector for a frozen decoder and encoder and writes a bundle, or goes on with a training.
 *
 * @param request The settings of `llava-eval train`, in camel case.
 * @throws {UserError} With a message for people, if something cannot be used: its `hints` say what to do.
 * @example
 * const outcome = await trainProjector({ decoder: 'model.gguf', datasets: ['my/repo'], out: 'results/train' });
 * if (outcome.kind === 'finished') console.log(outcome.bundle); // what `runComparison` takes as `model`
 */
export async function trainProjector(
  request: TrainRequest,
  surroundings: RunSurroundings = {},
): Promise<TrainOutcome> {
  return train(checkedRequest(trainRequestSchema, request), surroundingsOf(surroundings));
}
