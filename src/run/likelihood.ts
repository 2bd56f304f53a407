/**
 * @file How likely the true completion is behind a prompt that was just timed, as a record holds it.
 */

import type { Reference } from '../generation/reference.js';
import type { DecoderStep } from '../inference/decoder.js';
import type { ExecutionParts } from './execution.js';
import type { Likelihood } from './record.js';

/**
 * One pass over the reference behind the prompt's cache, which stays open. It costs about a decode step.
 *
 * @param step What the timed prefill returned, with no other call in between.
 * @returns Null where it is not measured, where the decoder cannot tell it behind this prompt, or where prompt and
 *   reference have more positions than the decoder.
 */
export async function measureLikelihood(
  { likelihood, decoder }: Pick<ExecutionParts, 'likelihood' | 'decoder'>,
  reference: Reference | null,
  step: DecoderStep,
): Promise<Likelihood | null> {
  if (likelihood === null || reference === null) return null;
  // The last position is only asked for, not read.
  if (step.cache.length + reference.pieces.length - 1 > decoder.maxPositions) return null;
  const logProbabilities = await likelihood.scorer.logProbabilities(reference, step);
  return logProbabilities === null ? null : likelihoodOf(reference, logProbabilities);
}

/**
 * The fields of a record, from log-probabilities.
 *
 * @example // log-probabilities -1 and -0.5, the last of the end => 1.5 nats, 0.5 of them for the end
 */
export function likelihoodOf(
  { characters, hasEnd }: Pick<Reference, 'characters' | 'hasEnd'>,
  logProbabilities: Float64Array,
): Likelihood {
  // A certain token has the logarithm 0, which must not become -0.
  const nats = Array.from(logProbabilities, (value) => Math.max(0, -value));
  return {
    referenceNats: rounded(
      nats.reduce((sum, value) => sum + value, 0),
      6,
    ),
    endNats: hasEnd ? rounded(nats.at(-1)!, 6) : null,
    referenceTokens: nats.length,
    referenceCharacters: characters,
    tokenNats: nats.map((value) => rounded(value, 4)),
  };
}

function rounded(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}
