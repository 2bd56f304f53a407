/**
 * @file The trainings that are held against each other: what differs, and at which budget.
 *
 * Constant vectors are trained once. Every other training takes them over, frozen, and sees the same holes in the same
 * order for as many steps. So what differs between two rows is what their titles say.
 */

import type { RecipeInput } from '../src/training/recipes/recipe.js';

type StageInput = RecipeInput['stages'][number];

export interface TrainingVariant {
  readonly name: string;
  readonly title: string;
  /** Flags of `llava-eval train`, beside those that all share. */
  readonly flags: readonly string[];
  readonly recipe: RecipeInput;
  /** The variant whose bundle is taken over; null for none. */
  readonly from: string | null;
}

/** Of each comparison: eight holes a step. */
const STEPS = 40;
/** Of reconstruction, six chunks a step. */
const WRITING_STEPS = 60;
/** Ids of a chunk that are written out. */
const WRITTEN_TOKENS = 64;
const CONSTANTS = 8;
const ENCODER = 'decoder-layers:0';
const PROMPT = 'constants';
const WRITTEN = 'reconstruction';

/**
 * A projector that starts as the mean of a chunk has a last layer of small entries. The first trainings had AdamW, whose
 * rates move that layer far; they stand beside those with LAMB. Random weights take a rate of AdamW ten times as high.
 */
const RATE = { optimizer: 'lamb', rate: 3e-3 } as const;
const WRITING_RATE = { optimizer: 'lamb', rate: 6e-3 } as const;
const ADAMW_RATE = { optimizer: 'adamw', rate: 3e-5 } as const;
const ADAMW_RATE_FROM_RANDOM = { optimizer: 'adamw', rate: 3e-4 } as const;
const ADAMW_WRITING_RATE = { optimizer: 'adamw', rate: 1e-4 } as const;

const completion = (losses: StageInput['losses'], more: Partial<StageInput> = {}): StageInput => ({
  ...{ name: 'completion', trains: ['projector'], batch: 8, steps: STEPS, ...RATE },
  ...{ losses, validateEvery: STEPS, patience: null },
  ...more,
});

const recipe = (
  name: string,
  stages: readonly StageInput[],
  start: RecipeInput['start'] = { kind: 'mean-of-chunk' },
): RecipeInput => ({ name, summary: name, start, constants: CONSTANTS, stages: [...stages] });

const ALIGNMENT = { weight: 0.1 };
const CROSS_ENTROPY = { crossEntropy: 0.9, alignment: ALIGNMENT };
const KEPT = {
  ...{ crossEntropy: 0.5, alignment: ALIGNMENT },
  reconstruction: { weight: 0.5, chunks: 0.5, tokens: WRITTEN_TOKENS },
};
const CONTRAST = { ...KEPT, contrast: { weight: 1 } };
const RANDOM = { kind: 'random' } as const;

const variant = (
  name: string,
  title: string,
  stages: readonly StageInput[],
  more: Partial<TrainingVariant> & { readonly start?: RecipeInput['start'] } = {},
): TrainingVariant => ({
  ...{ name, title, flags: ['--encoder', ENCODER], from: PROMPT },
  ...more,
  recipe: recipe(name, stages, more.start),
});

const WRITING: StageInput = {
  ...{ name: 'reconstruction', trains: ['projector'], batch: 6, steps: WRITING_STEPS, ...WRITING_RATE },
  losses: { reconstruction: { weight: 1, tokens: WRITTEN_TOKENS }, alignment: ALIGNMENT },
  ...{ validateEvery: WRITING_STEPS, patience: null },
};

const CONTRAST_STAGES = [completion(CONTRAST)];

/** In the order in which they are trained: what is taken over comes first. */
export const TRAINING_VARIANTS: readonly TrainingVariant[] = [
  variant(
    PROMPT,
    `${CONSTANTS} constant vectors, no chunks`,
    [
      {
        ...{ name: 'prompt', trains: ['prompt'], chunks: 'none', batch: 8, steps: STEPS, rate: 5e-3 },
        ...{ losses: { crossEntropy: 1 }, validateEvery: STEPS, patience: null },
      },
    ],
    { from: null },
  ),
  variant(
    'ce-random',
    'cross entropy and alignment, random start (the published code)',
    [completion(CROSS_ENTROPY, ADAMW_RATE_FROM_RANDOM)],
    {
      start: RANDOM,
    },
  ),
  variant('ce-mean', 'cross entropy and alignment, mean-of-chunk start', [
    completion(CROSS_ENTROPY, ADAMW_RATE),
  ]),
  variant('ce-frobenius', "the same with the paper's scale of alignment", [
    completion({ crossEntropy: 0.9, alignment: { weight: 0.1, scale: 'frobenius' } }, ADAMW_RATE),
  ]),
  variant('reconstruction-adamw', 'reconstruction alone, AdamW at 1e-4', [
    { ...WRITING, ...ADAMW_WRITING_RATE },
  ]),
  variant(WRITTEN, 'reconstruction alone, LAMB', [WRITING]),
  variant('kept', 'reconstruction kept in the mix', [completion(KEPT)], { from: WRITTEN }),
  variant('contrast', 'and contrast', CONTRAST_STAGES, { from: WRITTEN }),
  variant(
    'divergence',
    'and KL to the decoder with the chunks as text',
    [completion({ ...CONTRAST, crossEntropy: 0, divergence: { weight: 1, contextTokens: 256 } })],
    { from: WRITTEN },
  ),
  variant('k4', 'contrast, 4 soft tokens a chunk', [WRITING, ...CONTRAST_STAGES], {
    flags: ['--encoder', ENCODER, '--soft-tokens-per-chunk', '4'],
  }),
  variant('k8', 'contrast, 8 soft tokens a chunk', [WRITING, ...CONTRAST_STAGES], {
    flags: ['--encoder', ENCODER, '--soft-tokens-per-chunk', '8'],
  }),
  variant('layers-4', 'contrast, encoder: the first 4 layers', [WRITING, ...CONTRAST_STAGES], {
    flags: ['--encoder', 'decoder-layers:4'],
  }),
  variant(
    'before-prefix',
    'contrast, soft tokens before the code (a quarter of the holes)',
    [completion(CONTRAST, { steps: STEPS / 4, validateEvery: STEPS / 4 })],
    { from: WRITTEN, flags: ['--encoder', ENCODER, '--context-placement', 'before-prefix'] },
  ),
];
