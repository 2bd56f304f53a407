/**
 * @file The description of a model bundle.
 *
 * A bundle is a folder `{bundle.json, decoder/, encoder/, projector.safetensors}`. Its description may come from
 * anywhere, so every path must stay inside the folder. Decoder and encoder may also be other models, named by hub id or
 * by a path on this machine, and the encoder may be the first layers of the decoder. That all files are there has been checked where the bundle was
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

/** Where a part is: in the bundle, or another model that is named by its hub id, or by its path on this machine. */
const place = { path: z.string().min(1).optional(), reference: z.string().min(1).optional() };
const decoderSchema = z.strictObject({ ...place, promptFamily: z.enum(PROMPT_FAMILIES) });
const decoderLayersSchema = z.strictObject({
  /** First layers of the decoder that chunks go through; 0 is its embedding table. */
  layers: z.int().nonnegative(),
  /** File of the numbers that were counted over the training chunks. */
  statistics: z.string().min(1),
});
const encoderSchema = z.strictObject({
  ...place,
  /** The encoder is made of the bundle's decoder; given instead of a path and a reference. */
  decoderLayers: decoderLayersSchema.optional(),
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
/** What a training can change. */
export const TRAINED_PARTS = ['projector', 'prompt'] as const;
export type TrainedPart = (typeof TRAINED_PARTS)[number];
const trainedForSchema = z.strictObject({
  /** Identities (`Decoder.identity`) of the models that the projector was trained with. */
  decoder: z.string().min(1),
  encoder: z.string().min(1),
  /** What was trained; the others are as they started. Left out: all. */
  parts: z.array(z.enum(TRAINED_PARTS)).optional(),
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
  /** Left out where it is not known. */
  trainedFor: trainedForSchema.optional(),
  defaults: defaultsSchema,
});

/** The fields of each object in the description, by where it stands. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(bundleSchema.shape),
  training: Object.keys(trainingSchema.shape),
  decoder: Object.keys(decoderSchema.shape),
  encoder: Object.keys(encoderSchema.shape),
  'encoder.decoderLayers': Object.keys(decoderLayersSchema.shape),
  trainedFor: Object.keys(trainedForSchema.shape),
  projector: Object.keys(projectorSchema.shape),
  softPrompt: Object.keys(softPromptSchema.shape),
  defaults: Object.keys(defaultsSchema.shape),
};

/** A description as it stands in `bundle.json`: paths are relative to its folder. */
export type BundleDescription = Readonly<z.infer<typeof bundleSchema>>;

type Described = z.infer<typeof bundleSchema>;

/** How chunks become vectors: by an encoder of its own, or by the first layers of the decoder. */
export type BundleEncoder = Omit<Described['encoder'], 'path' | 'reference' | 'decoderLayers'> &
  (
    | { readonly kind: 'files'; readonly path: string }
    | { readonly kind: 'decoder-layers'; readonly layers: number; readonly statistics: string }
  );

/** The description of a bundle, with every `path` absolute. */
export interface Bundle extends Omit<BundleDescription, 'decoder' | 'encoder'> {
  /** The bundle's folder, absolute. */
  readonly dir: string;
  readonly decoder: { readonly path: string; readonly promptFamily: Described['decoder']['promptFamily'] };
  readonly encoder: BundleEncoder;
}

/** Where the models lie that a bundle names by reference. */
export interface NamedParts {
  readonly decoder?: string | undefined;
  readonly encoder?: string | undefined;
}

/** The description in a bundle's folder. @throws {ModelError} As {@link parseBundle}. */
export function readDescription(dir: string): BundleDescription {
  const path = join(dir, 'bundle.json');
  return parseBundle(readForeignTextSync(path), path);
}

/**
 * Reads the description of a bundle.
 *
 * @param dir   The bundle's folder, absolute.
 * @param named Paths of the models that it names by reference (`hub/bundle-parts.ts` finds them).
 * @throws {ModelError} As {@link parseBundle}, and if a part is named by reference and not given.
 */
export function readBundle(dir: string, named: NamedParts = {}): Bundle {
  const description = readDescription(dir);
  const { decoder, encoder, projector, softPrompt } = description;
  const pathOf = (part: 'decoder' | 'encoder'): string => {
    const { path, reference } = description[part];
    const found = named[part] ?? (path === undefined ? undefined : join(dir, path));
    if (found !== undefined) return found;
    throw new ModelError(
      `${dir}: its ${part} is ${reference ?? 'nowhere'}, which is not part of the bundle`,
      [`this command needs a bundle with its ${part} inside`],
    );
  };
  const { decoderLayers, input, maxTokens, pooling, normalize } = encoder;
  const conventions = { input, maxTokens, pooling, normalize };
  return {
    ...description,
    decoder: { path: pathOf('decoder'), promptFamily: decoder.promptFamily },
    encoder:
      decoderLayers === undefined
        ? { ...conventions, kind: 'files', path: pathOf('encoder') }
        : {
            ...conventions,
            ...{ kind: 'decoder-layers', layers: decoderLayers.layers },
            statistics: join(dir, decoderLayers.statistics),
          },
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
  const { decoder, encoder, projector, softPrompt } = result.data;
  requireOnePlace('decoder', [decoder.path, decoder.reference], where);
  requireOnePlace('encoder', [encoder.path, encoder.reference, encoder.decoderLayers], where);
  const paths = {
    decoder: decoder.path,
    encoder: encoder.path,
    'encoder statistics': encoder.decoderLayers?.statistics,
    projector: projector.path,
    softPrompt: softPrompt?.path,
  };
  for (const [part, given] of Object.entries(paths)) {
    if (given === undefined) continue;
    const path = posix.normalize(given);
    if (/^(?:\.\.?(?:\/|$)|\/)|[\\:]/.test(path)) {
      throw new ModelError(`${where}: the path of the ${part} leaves the bundle: ${path}`);
    }
  }
  return result.data;
}

/** @throws {ModelError} If a part is nowhere, or in two places. */
function requireOnePlace(part: string, places: readonly unknown[], where: string): void {
  if (places.filter((one) => one !== undefined).length === 1) return;
  throw new ModelError(`${where}: not a bundle description this version understands`, [
    `${part}: has either "path" or "reference"${part === 'encoder' ? ' or "decoderLayers"' : ''}`,
  ]);
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
