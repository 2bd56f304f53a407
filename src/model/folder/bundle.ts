/**
 * @file The description of a model bundle.
 *
 * A bundle is a folder `{bundle.json, decoder/, encoder/, projector.safetensors}`. Its description
 * may come from anywhere: every path must stay inside the folder. That all files are there has been
 * checked where the bundle was found (`hub/resolve.ts`).
 */

import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

import { z } from 'zod';

import { messageOf, ModelError } from '../../domain/errors.js';
import { parseForeignJson } from '../../domain/foreign-json.js';
import { CONTEXT_PLACEMENTS } from '../../prompt/assemble.js';
import { ENCODER_INPUTS } from '../../prompt/encoder-input.js';
import { PROMPT_FAMILIES } from '../../prompt/fim.js';

const count = z.number().int().positive();

const bundleSchema = z.object({
  schema: z.literal('llava-eval/bundle@1'),
  name: z.string().min(1),
  version: z.string().min(1),
  license: z.string().min(1),
  /** How long all parts together were trained, and on what. Left out where it is not known. */
  training: z.strictObject({ hours: z.number().positive(), device: z.string().min(1) }).optional(),
  decoder: z.object({ path: z.string().min(1), promptFamily: z.enum(PROMPT_FAMILIES) }),
  encoder: z.object({
    path: z.string().min(1),
    input: z.enum(ENCODER_INPUTS),
    maxTokens: count,
    pooling: z.enum(['mean', 'last-token']),
    normalize: z.boolean(),
  }),
  projector: z.object({
    path: z.string().min(1),
    layers: z.union([z.literal(2), z.literal(3), z.literal(4)]),
  }),
  defaults: z.object({
    maxPromptTokens: count,
    contextTokens: count,
    contextPlacement: z.enum(CONTEXT_PLACEMENTS),
  }),
});

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
  const description = parseBundle(readFileSync(path, 'utf8'), path);
  const { decoder, encoder, projector } = description;
  return {
    ...description,
    decoder: { ...decoder, path: join(dir, decoder.path) },
    encoder: { ...encoder, path: join(dir, encoder.path) },
    projector: { ...projector, path: join(dir, projector.path) },
    dir,
  };
}

/**
 * Checks a description.
 *
 * @param where Where it comes from, for messages.
 * @throws {ModelError} If it is not JSON, a field is missing or wrong, or a path leaves the bundle.
 */
export function parseBundle(text: string, where: string): BundleDescription {
  let parsed: unknown;
  try {
    parsed = parseForeignJson(text);
  } catch (error) {
    throw new ModelError(`${where}: cannot be read (${messageOf(error)})`, [], { cause: error });
  }
  const result = bundleSchema.safeParse(parsed);
  if (!result.success) {
    throw new ModelError(
      `${where}: not a bundle description this version understands`,
      z.prettifyError(result.error).split('\n'),
    );
  }
  for (const part of ['decoder', 'encoder', 'projector'] as const) {
    const path = posix.normalize(result.data[part].path);
    if (/^(?:\.\.?(?:\/|$)|\/)|[\\:]/.test(path)) {
      throw new ModelError(`${where}: the path of the ${part} leaves the bundle: ${path}`);
    }
  }
  return result.data;
}
