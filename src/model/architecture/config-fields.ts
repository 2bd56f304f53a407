/**
 * @file What all model families share in reading a Hugging Face `config.json`.
 *
 * A field is read, or it is known to have no effect on a forward pass, or it is refused by name. A field that this
 * version simply ignored could change numbers.
 */

import { z } from 'zod';

import { ModelError } from '../../domain/errors.js';

/** A whole number of at least 1. */
export const count = z.number().int().positive();
/**
 * Layers of a model. The largest published dense models have 126. A graph is described layer by layer before any
 * weight is read, so a configuration alone must not ask for work without end.
 */
export const layerCount = count.max(512);
/**
 * Positions of a model. Published ones reach 4,194,304. Rotary tables follow from the configuration alone, so this
 * bounds their memory: with heads 128 wide, 2 GiB.
 */
export const positionCount = count.max(2 ** 22);
/** A norm's epsilon. */
export const epsilon = z.number().positive();

/** One family of models: how its configuration is read. */
export interface ModelFamily<Architecture> {
  /** `model_type` of the configuration. */
  readonly modelType: string;
  /** The fields that decide the architecture; `model_type` is not among them. */
  readonly fields: z.ZodRawShape;
  /** Fields that published configurations of the family have and that its model never reads. */
  readonly unread: readonly string[];
  /** @throws {ModelError} If a field asks for something that the graphs do not compute. */
  readonly read: (config: unknown, where: string) => Architecture;
}

/** Ties the fields to the function that takes them. */
export function family<Shape extends z.ZodRawShape, Architecture>(
  modelType: string,
  fields: Shape,
  build: (config: z.infer<z.ZodObject<Shape>>, where: string) => Architecture,
  unread: readonly string[] = [],
): ModelFamily<Architecture> {
  const schema = z.object(fields);
  return {
    modelType,
    fields,
    unread,
    read: (config, where) => {
      const result = schema.safeParse(config);
      if (!result.success) {
        throw new ModelError(`${where}: not a ${modelType} configuration this version can run`, [
          ...z.prettifyError(result.error).split('\n'),
        ]);
      }
      return build(result.data, where);
    },
  };
}

/**
 * Fields that cannot change what a forward pass computes. They are about names, training, generation, and the way of an
 * implementation.
 */
const WITHOUT_EFFECT = new Set([
  'model_type',
  'architectures',
  '_name_or_path',
  '_model_name_or_path',
  'name_or_path',
  'transformers_version',
  'torch_dtype',
  'dtype',
  'use_cache',
  'initializer_range',
  'gradient_checkpointing',
  'task_specific_params',
  'id2label',
  'label2id',
  'tokenizer_class',
  'transformers.js_config',
  'return_dict',
  'keys_to_ignore_at_inference',
  // An encoder has no head. Every family of decoders reads this field.
  'tie_word_embeddings',
  // Slices of one product, which are summed in another order.
  'pretraining_tp',
  // Marks a conversion. The other fields say what it changed.
  'is_llama_config',
  'attn_implementation',
  '_attn_implementation',
  '_attn_implementation_autoset',
  // The precision of an intermediate step of GPT-BigCode (float32 has it anyway), and fields of its old server.
  'attention_softmax_in_fp32',
  'scale_attention_softmax_in_fp32',
  'validate_runner_input',
  'pad_key_length',
]);

/** The same by pattern. */
const PATTERNS_WITHOUT_EFFECT = [
  /_token_id$/,
  /(^|_)dropout(_prob)?$/,
  /_pdrop$/,
  /^summary_/,
  /^unsloth_/,
  /^output_/,
];

/** Whether a value says that something is not used. */
function isOff(value: unknown): boolean {
  return (
    value === null ||
    value === false ||
    value === 0 ||
    value === '' ||
    (typeof value === 'object' && Object.keys(value).length === 0)
  );
}

/**
 * Refuses a configuration that has a field which is neither read nor known to have no effect.
 *
 * @throws {ModelError} Naming all such fields with their values, and the fields that are read.
 */
export function requireKnownFields(
  config: Readonly<Record<string, unknown>>,
  { modelType, fields, unread }: Pick<ModelFamily<unknown>, 'modelType' | 'fields' | 'unread'>,
  where: string,
): void {
  const unknown = Object.entries(config).filter(
    ([name, value]) =>
      !Object.hasOwn(fields, name) &&
      !WITHOUT_EFFECT.has(name) &&
      !unread.includes(name) &&
      !PATTERNS_WITHOUT_EFFECT.some((pattern) => pattern.test(name)) &&
      !isOff(value),
  );
  if (unknown.length === 0) return;
  throw new ModelError(
    `${where}: ${unknown.length === 1 ? 'a field' : `${unknown.length} fields`} of this ${modelType} configuration may change numbers in a way this version does not know`,
    [
      ...unknown.map(([name, value]) => `${name} is ${JSON.stringify(value).slice(0, 60)}`),
      `read: ${Object.keys(fields).sort().join(', ')}`,
      'if a field has no effect on a forward pass, remove it from config.json',
    ],
  );
}

/** @throws {ModelError} Always: the field's value is not one that the graphs compute. */
export function refuse(where: string, field: string, found: unknown, supported: string): never {
  throw new ModelError(`${where}: ${field} is ${String(found)}; this version computes only ${supported}`, [
    'running it anyway would give other numbers than the model was trained for',
  ]);
}

/** @throws {ModelError} If the field is there and has another value than the only one that is computed. */
export function requireValue(where: string, field: string, found: unknown, only: string | boolean): void {
  if (found !== undefined && found !== null && found !== only) refuse(where, field, found, String(only));
}
