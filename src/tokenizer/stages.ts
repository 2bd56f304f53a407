/**
 * @file The stages by which byte-level tokenizers (GPT-2, RoBERTa, Qwen, StarCoder and their kin) cut text
 * into words before BPE.
 */

import { z } from 'zod';

const splitSchema = z.object({
  type: z.literal('Split'),
  pattern: z.looseObject({ Regex: z.string().optional() }),
  behavior: z.literal('Isolated'),
  invert: z.literal(false),
});
const byteLevelSchema = z.looseObject({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.literal(false),
  use_regex: z.boolean().default(true),
});
const digitsSchema = z.looseObject({
  type: z.literal('Digits'),
  individual_digits: z.boolean().default(false),
});
const stagesSchema = z.object({
  type: z.literal('Sequence'),
  pretokenizers: z.array(z.union([splitSchema, digitsSchema, byteLevelSchema])).min(1),
});

/** A stage that cuts text. */
export type CuttingStage = z.infer<typeof splitSchema> | z.infer<typeof digitsSchema>;

/** The splitting pattern of GPT-2, which a ByteLevel pre-tokenizer applies unless told otherwise. */
export const GPT2_SPLIT = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** The splitting pattern of Qwen2, Qwen2.5 and Qwen3. */
export const QWEN_SPLIT = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const GPT2_STAGE: CuttingStage = {
  type: 'Split',
  pattern: { Regex: GPT2_SPLIT },
  behavior: 'Isolated',
  invert: false,
};

/**
 * The stages that cut text before the stage that turns it into bytes.
 *
 * @param preTokenizer Of a `tokenizer.json`.
 * @returns Null for a pre-tokenizer of another layout.
 */
export function cuttingStages(preTokenizer: unknown): readonly CuttingStage[] | null {
  const alone = byteLevelSchema.safeParse(preTokenizer);
  const several = stagesSchema.safeParse(preTokenizer);
  const parts = alone.success ? [alone.data] : several.success ? several.data.pretokenizers : [];
  // That stage turns words into bytes, so nothing may split text behind it.
  if (parts.at(-1)?.type !== 'ByteLevel' || parts.slice(0, -1).some(({ type }) => type === 'ByteLevel')) {
    return null;
  }
  return parts.flatMap((part): CuttingStage[] => {
    switch (part.type) {
      case 'Split':
      case 'Digits':
        return [part];
      case 'ByteLevel':
        return part.use_regex ? [GPT2_STAGE] : [];
    }
  });
}
