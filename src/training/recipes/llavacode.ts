/**
 * @file The paper's recipe: one stage, the projector alone.
 *
 * Source: LlavaCode (arXiv 2510.19644), table 4: AdamW, learning rate 1e-3, cosine, warm-up 0.03, no weight decay, three
 * epochs, effective batch of 66 (64 here), 0.9 * cross entropy + 0.1 * alignment.
 */

import type { RecipeInput } from './recipe.js';

export const LLAVACODE: RecipeInput = {
  name: 'llavacode',
  summary: 'the paper: one stage, 0.9 * cross entropy + 0.1 * alignment, from random weights',
  stages: [
    {
      name: 'completion',
      trains: ['projector'],
      epochs: 3,
      batch: 8,
      accumulation: 8,
      rate: 1e-3,
      losses: { crossEntropy: 0.9, alignment: { weight: 0.1, scale: 'mean-square' } },
      validateEvery: 20,
    },
  ],
};
