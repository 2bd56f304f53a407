/**
 * @file Three stages, so that the gain of the chunks is not drowned by the gain of any constant prompt.
 *
 * Cross entropy alone drives a projector to a constant: vectors that say "answer as this kind of hole wants" are the
 * larger and the quicker gain. So constant vectors learn that first, and are frozen. Then the decoder learns to read a
 * chunk out of its soft tokens (xRAG, arXiv 2405.13792; REFRAG, arXiv 2509.01092). In the last stage reconstruction stays
 * in the loss, and the contrast asks for what only the right chunks can give, at a lower rate. The projector is trained with
 * LAMB: the entries of its layers differ by five orders of magnitude, so that one rate of AdamW does not suit all of them.
 */

import type { RecipeInput } from './recipe.js';

export const STAGED: RecipeInput = {
  name: 'staged',
  summary:
    'constant prompt, then reconstruction of chunks, then completion with contrast and reconstruction kept',
  start: { kind: 'mean-of-chunk' },
  constants: 8,
  stages: [
    {
      name: 'prompt',
      trains: ['prompt'],
      chunks: 'none',
      steps: 100,
      batch: 8,
      rate: 5e-3,
      losses: { crossEntropy: 1 },
      validateEvery: 25,
      patience: 3,
    },
    {
      name: 'reconstruction',
      trains: ['projector'],
      steps: 600,
      batch: 6,
      optimizer: 'lamb',
      rate: 5e-3,
      losses: { reconstruction: { weight: 1 }, alignment: { weight: 0.1 } },
      validateEvery: 50,
    },
    {
      name: 'completion',
      trains: ['projector'],
      epochs: 1,
      batch: 8,
      optimizer: 'lamb',
      rate: 1.5e-3,
      losses: {
        crossEntropy: 0.5,
        alignment: { weight: 0.1 },
        reconstruction: { weight: 0.5, chunks: 0.5 },
        contrast: { weight: 1 },
      },
      validateEvery: 25,
    },
  ],
};
