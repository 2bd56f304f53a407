/**
 * @file A recipe: what is learned, in which stages, by which losses.
 *
 * Recipes of the program are data, one file each (`all.ts` lists them); a user's recipe is the same as JSON.
 */

import { z } from 'zod';
import { TRAINED_PARTS } from '../../model/folder/bundle.js';
import { DEFAULT_ADAMW } from '../optimizer/adamw.js';
import { OPTIMIZERS } from '../optimizer/all.js';
import { SCHEDULES } from '../optimizer/schedule.js';
import { ALIGNMENT_SCALES } from '../losses/alignment.js';

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().positive();

/** How the projector starts. */
const startSchema = z.discriminatedUnion('kind', [
  /** Weights from a normal distribution, as LlavaCode starts. */
  z.strictObject({ kind: z.literal('random') }),
  /** The output of each chunk starts as the mean of what the decoder makes of its tokens, as far as a projector can. */
  z.strictObject({
    kind: z.literal('mean-of-chunk'),
    /** Layers of the decoder that the tokens have gone through; 0 is the embedding table. */
    layers: z.int().nonnegative().default(0),
    /** Whether the mean over all chunks is taken off. */
    centred: z.boolean().default(true),
    /** Mean length of the outputs, in mean lengths of token embeddings. */
    scale: positive.default(1),
  }),
]);

const lossesSchema = z.strictObject({
  /** Weight of the cross entropy of the missing line, in nats a token, after the middle marker only. */
  crossEntropy: z.number().nonnegative().default(0),
  /** Cosines of the soft tokens against those of the chunk vectors. */
  alignment: z
    .strictObject({ weight: positive, scale: z.enum(ALIGNMENT_SCALES).default('mean-square') })
    .optional(),
  /** The decoder writes a chunk out of its soft tokens, without any code before it. */
  reconstruction: z
    .strictObject({
      weight: positive,
      /** Tokens of a chunk that are taught. */
      tokens: count.default(150),
      /** Chunks for each sample of a batch. */
      chunks: positive.default(1),
    })
    .optional(),
  /** Own chunks must make the line likelier than another task's. */
  contrast: z
    .strictObject({
      weight: positive,
      margin: z.number().nonnegative().default(0.1),
      temperature: positive.default(0.5),
    })
    .optional(),
  /** Divergence from the same decoder with the chunks as text. */
  divergence: z.strictObject({ weight: positive, contextTokens: count.default(512) }).optional(),
  /** Self-critical REINFORCE on Exact Match and Edit Similarity. */
  reinforce: z
    .strictObject({
      weight: positive,
      samples: count.default(1),
      exactMatch: z.number().nonnegative().default(1),
      editSimilarity: z.number().nonnegative().default(1),
      maxNewTokens: count.default(50),
      temperature: positive.default(0.9),
      topP: positive.max(1).default(0.9),
    })
    .optional(),
});

const stageSchema = z
  .strictObject({
    name: z.string().min(1),
    /** What it changes; everything else is frozen. */
    trains: z.array(z.enum(TRAINED_PARTS)).min(1),
    /** What stands in the prompts beside the constants. */
    chunks: z.enum(['soft', 'none']).default('soft'),
    /** How long it is: optimizer steps, or passes over the training samples. */
    steps: count.optional(),
    epochs: positive.optional(),
    /** Samples that are run together, and how many such batches make a step. */
    batch: count.default(8),
    accumulation: count.default(1),
    optimizer: z.enum(OPTIMIZERS).default('adamw'),
    /** Of each entry with AdamW; of the length of a layer with LAMB. */
    rate: positive,
    schedule: z.enum(SCHEDULES).default('cosine'),
    warmup: share.default(0.03),
    weightDecay: z.number().nonnegative().default(DEFAULT_ADAMW.weightDecay),
    /** Longest gradient; null for any. */
    clip: positive.nullable().default(1),
    losses: lossesSchema,
    /** Whether the mean soft token is kept at zero: what all chunks share is left to the constants (`centring.ts`). */
    centred: z.boolean().optional(),
    /** Steps between two validations. */
    validateEvery: count.default(100),
    /** Validations without a better one after which the stage ends; null for never. */
    patience: count.nullable().default(10),
  })
  .refine(({ steps, epochs }) => (steps === undefined) !== (epochs === undefined), {
    message: 'a stage has either steps or epochs',
  })
  .refine(({ trains, chunks }) => chunks === 'soft' || !trains.includes('projector'), {
    message: 'a stage without chunks cannot train the projector',
  })
  .refine(({ trains, centred }) => centred !== true || trains.includes('projector'), {
    message: 'a stage that keeps soft tokens centred trains the projector',
  })
  .refine(({ chunks, losses }) => chunks === 'soft' || onlyCrossEntropy(losses), {
    message: 'a stage without chunks has no other loss than crossEntropy',
  })
  .refine(({ losses }) => Object.values(losses).some((loss) => loss !== 0 && loss !== undefined), {
    message: 'a stage has a loss with a weight above 0',
  });

export const recipeSchema = z
  .strictObject({
    schema: z.literal('llava-eval/recipe@1').default('llava-eval/recipe@1'),
    name: z.string().min(1),
    /** One sentence for help and cards. */
    summary: z.string().min(1),
    start: startSchema.default({ kind: 'random' }),
    /** Constant vectors in every prompt; 0 for none. */
    constants: z.int().nonnegative().default(0),
    stages: z.array(stageSchema).min(1),
  })
  .refine(
    ({ constants, stages }) => constants > 0 || stages.every(({ trains }) => !trains.includes('prompt')),
    {
      message: 'a recipe with a stage that trains the prompt needs constants above 0',
    },
  );

function onlyCrossEntropy(losses: z.infer<typeof lossesSchema>): boolean {
  return Object.entries(losses).every(([name, loss]) => name === 'crossEntropy' || loss === undefined);
}

export type Recipe = Readonly<z.infer<typeof recipeSchema>>;
/** A recipe before defaults are filled in. */
export type RecipeInput = z.input<typeof recipeSchema>;
export type Stage = Recipe['stages'][number];
export type Losses = Stage['losses'];
export type Start = Recipe['start'];
