/**
 * @file The description of a model bundle.
 *
 * A bundle is a folder `{bundle.json, decoder/, encoder/, projector.safetensors}`. Its description may come from
 * anywhere, so every path must stay inside the folder. That all files are there has been checked where the bundle was
 * found (`hub/resolve.ts`).
 */

import { join, posix } from 'node:path';

import { z } from 'zod';

import { messageOf, ModelError } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { readForeignTextSync } from '../../files/foreign-text-file.js';
import { whatWasMeant } from '../../metrics/nearest-name.js';
import { CONTEXT_PLACEMENTS } from '../../prompt/assemble.js';
import { ENCODER_INPUTS } from '../../prompt/encoder-input.js';
import { PROMPT_FAMILIES } from '../../prompt/fim.js';

const count = z.number().int().positive();

const decoderSchema = z.strictObject({ path: z.string().min(1), promptFamily: z.enum(PROMPT_FAMILIES) });
const encoderSchema = z.strictObject({
  path: z.string().min(1),
  input: z.enum(ENCODER_INPUTS),
  maxTokens: count,
  pooling: z.enum(['mean', 'last-token']),
  normalize: z.boolean(),
});
const projectorSchema = z.strictObject({
  path: z.string().min(1),
  layers: z.union([z.literal(2), z.literal(3), z.literal(4)]),
});
const softPromptSchema = z.strictObject({ path: z.string().min(1) });
const defaultsSchema = z.strictObject({
  maxPromptTokens: count,
  contextTokens: count,
  contextPlacement: z.enum(CONTEXT_PLACEMENTS),
});
/** How long all parts together were trained, and on what. */
const trainingSchema = z.strictObject({ hours: z.number().positive(), device: z.string().min(1) });

const bundleSchema = z.strictObject({
  schema: z.literal('llava-eval/bundle@1'),
  name: z.string().min(1),
  version: z.string().min(1),
  license: z.string().min(1),
  /** Left out where it is not known. */
  training: trainingSchema.optional(),
  decoder: decoderSchema,
  encoder: encoderSchema,
  projector: projectorSchema,
  /** A tuned constant prompt for the decoder; left out where there is none. */
  softPrompt: softPromptSchema.optional(),
  defaults: defaultsSchema,
});

/** The fields of each object in the description, by where it stands. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(bundleSchema.shape),
  training: Object.keys(trainingSchema.shape),
  decoder: Object.keys(decoderSchema.shape),
  encoder: Object.keys(encoderSchema.shape),
  projector: Object.keys(projectorSchema.shape),
  softPrompt: Object.keys(softPromptSchema.shape),
  defaults: Object.keys(defaultsSchema.shape),
};

/** A description as it stands in `bundle.json`: paths are relative to its folder. */
export type BundleDescription = Readonly<z.infer<typeof bundleSchema>>;

/** The description of a bundle, with every `path` absolute. */
export interface Bundle extends BundleDescription {
  /** The bundle's folder, absolute. */
  readonly dir: string;
}

/**
 * Reads the description of a bundle.
 *
 * @param dir The bundle's folder, absolute.
 * @throws {ModelError} As {@link parseBundle}.
 */
export function readBundle(dir: string): Bundle {
  const path = join(dir, 'bundle.json');
  const description = parseBundle(readForeignTextSync(path), path);
  const { decoder, encoder, projector, softPrompt } = description;
  return {
    ...description,
    decoder: { ...decoder, path: join(dir, decoder.path) },
    encoder: { ...encoder, path: join(dir, encoder.path) },
    projector: { ...projector, path: join(dir, projector.path) },
    ...(softPrompt === undefined ? {} : { softPrompt: { path: join(dir, softPrompt.path) } }),
    dir,
  };
}

/**
 * Checks a description.
 *
 * @param where Where it comes from, for messages.
 * @throws {ModelError} If it is not JSON, a field is missing, wrong or not known, or a path leaves the bundle.
 */
export function parseBundle(text: string, where: string): BundleDescription {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch (error) {
    throw new ModelError(`${where}: cannot be read (${messageOf(error)})`, [], { cause: error });
  }
  const result = bundleSchema.safeParse(parsed);
  if (!result.success) {
    throw new ModelError(
      `${where}: not a bundle description this version understands`,
      result.error.issues.flatMap(complaints),
    );
  }
  for (const part of ['decoder', 'encoder', 'projector', 'softPrompt'] as const) {
    const given = result.data[part];
    if (given === undefined) continue;
    const path = posix.normalize(given.path);
    if (/^(?:\.\.?(?:\/|$)|\/)|[\\:]/.test(path)) {
      throw new ModelError(`${where}: the path of the ${part} leaves the bundle: ${path}`);
    }
  }
  return result.data;
}

/** What is wrong with a field, one sentence each. A field that is not known would otherwise change nothing, silently. */
function complaints(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [`${at === '' ? 'bundle' : at}: ${issue.message}`];
  const known = FIELDS[at] ?? [];
  return issue.keys.map(
    (key) => `${at === '' ? key : `${at}.${key}`}: there is no such field; ${whatWasMeant(key, known)}`,
  );
}
